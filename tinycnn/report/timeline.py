"""What occupies the arena from pull to pull, as text: time downwards, the bytes of the arena from left to right."""

from itertools import accumulate, cycle
from string import ascii_letters, digits

from tinycnn.report.budget import Budget, Occupation
from tinycnn.report.names import shown

COLUMNS = 72
LINES = 40
_FREE = "."


def timeline_text(found: Budget) -> str:
    """A line for every few pulls and one for the pull with most bytes alive; then which letter is what."""
    alive = _alive_bytes(found)
    peak = alive.index(max(alive))
    pulls = sorted({*range(0, found.pulls, -(-found.pulls // LINES)), peak})
    column_bytes = max(-(-found.arena_bytes // COLUMNS), 1)
    names = list(dict.fromkeys(occupation.name for occupation in found.arena))
    letters = dict(zip(names, cycle(ascii_letters + digits), strict=False))
    begins = dict(found.begins)
    title = f"arena, {column_bytes} B a column"
    lines = [f"{'pull':>6} {'alive':>9}  {title:<{COLUMNS}}  computed from here on"]
    for number, pull in enumerate(pulls):
        until = [*pulls, found.pulls][number + 1]
        started = [name for first, name in begins.items() if pull <= first < until]
        there = [occupation for occupation in found.arena if occupation.first_pull <= pull < occupation.last_pull]
        label = (shown(started[0]) + (f" and {len(started) - 1} more" if len(started) > 1 else "")) if started else ""
        mark = " <- the most" if pull == peak else ""
        art = _line(there, letters, column_bytes, -(-found.arena_bytes // column_bytes))
        lines.append(f"{pull:>6} {alive[pull]:>9,}  {art:<{COLUMNS}}  {label}{mark}".rstrip())
    lines += ["", *(f"{letters[name]:>6}  {shown(name)}" for name in names)]
    return "\n".join(lines)


def _alive_bytes(found: Budget) -> list[int]:
    changes = [0] * (max([found.pulls, *(occupation.last_pull for occupation in found.arena)]) + 1)
    for occupation in found.arena:
        changes[occupation.first_pull] += occupation.size_bytes
        changes[occupation.last_pull] -= occupation.size_bytes
    return list(accumulate(changes))[: max(found.pulls, 1)]


def _line(there: list[Occupation], letters: dict[str, str], column_bytes: int, columns: int) -> str:
    """Each column shows what has most of its bytes."""
    cells = [(0, _FREE)] * columns
    for occupation in there:
        end = occupation.offset_bytes + occupation.size_bytes
        for column in range(occupation.offset_bytes // column_bytes, -(-end // column_bytes)):
            begin = column * column_bytes
            covered = min(end, begin + column_bytes) - max(occupation.offset_bytes, begin)
            cells[column] = max(cells[column], (covered, letters[occupation.name]))
    return "".join(letter for _, letter in cells)
