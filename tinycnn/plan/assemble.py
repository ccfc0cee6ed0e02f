"""From cuts and chosen kernels to a plan: what needs bytes when, where it goes, and the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinycnn.plan.check import check
from tinycnn.plan.lifetimes import Need, Piece, simple_need
from tinycnn.plan.model import Occupant, Place, Plan, Span, Step
from tinycnn.plan.place import aligned, arena_bytes, lower_bound_bytes, place
from tinycnn.plan.schedule import INPUT, OUTPUT, Held, Pull, RowGraph, held, pulls

MOST_PIECES = 32
"""A whole tensor with more rows is looked at in groups of rows, so that placing stays fast."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The order of work, the rows of each tensor that it keeps, and by output the padding and the scratch of nodes."""

    order: Sequence[Pull]
    tensors: dict[str, Held]
    needs: tuple[Need, ...]
    paddings: dict[str, Need]
    scratch: dict[str, Need]

    @property
    def all_needs(self) -> tuple[Need, ...]:
        return (*self.needs, *dict.fromkeys(self.paddings.values()), *self.scratch.values())


def demand(rows: RowGraph, cuts: Sequence[int]) -> Demand:
    """What needs bytes when the stages begin at the nodes `cuts`."""
    ends = [*cuts, len(rows.nodes)][1:]
    order = [pull for first, last in zip(cuts, ends, strict=True) for pull in pulls(rows, first, last)]
    stage_of = [stage for stage, (first, last) in enumerate(zip(cuts, ends, strict=True)) for _ in range(first, last)]
    tensors = held(rows, order, stage_of)
    needs = tuple(_need(rows, name, kept) for name, kept in tensors.items())
    return Demand(order, tensors, needs, _paddings(rows, stage_of, order), _scratch(rows, order))


def assembled(rows: RowGraph, cuts: Sequence[int]) -> Plan:
    """The plan whose stages begin at the nodes `cuts`, checked."""
    wants = demand(rows, cuts)
    step_of: list[int] = []
    steps: list[Step] = []
    waits: dict[int, list[int]] = {INPUT: [], OUTPUT: []}
    for time, pull in enumerate(wants.order):
        if pull.node in waits:
            waits[pull.node].append(len(steps))
            step_of.append(len(steps) - (pull.node == OUTPUT))
            continue
        node = rows.nodes[pull.node]
        if steps and steps[-1].node is node and wants.order[time - 1].node not in waits:
            steps[-1] = replace(steps[-1], last_row=pull.row + 1)
        else:
            steps.append(Step(node, pull.row, pull.row + 1, None))
        step_of.append(len(steps) - 1)
    step_of = [min(step, len(steps) - 1) for step in step_of]  # rows may arrive behind the last step
    wanted = wants.all_needs
    offsets = place(wanted)
    lives = {need.name: _in_steps(need.cover, step_of) for need in wanted}
    places = {}
    for name, root in rows.root_of.items():
        kept = rows.rows(name) if name != root else wants.tensors[root].rows
        places[name] = Place(name, offsets[root], rows.rows(name), rows.row_bytes(name), kept, lives[root])

    def one_row(need: Need | None) -> Place | None:
        return None if need is None else Place(need.name, offsets[need.name], 1, need.size_bytes, 1, lives[need.name])

    made = Plan(
        rows.graph,
        tuple(
            replace(step, padding=one_row(wants.paddings.get(output)), scratch=one_row(wants.scratch.get(output)))
            for step in steps
            for output in step.node.outputs
        ),
        places,
        aligned(arena_bytes(wanted, offsets)),
        lower_bound_bytes(wanted),
        tuple(
            Occupant(need.name, offsets[need.name] + piece.first_byte, piece.last_byte - piece.first_byte, span)
            for need in wanted
            for piece in need.pieces
            for span in piece.live
        ),
        rows.chosen,
        tuple(waits[INPUT]),
        tuple(waits[OUTPUT]),
    )
    made = _with_progress(made)
    check(made)
    return made


def _with_progress(made: Plan) -> Plan:
    """Room at the end of the arena for how far a pushed or pulled network is."""
    if not made.progress_bytes:
        return made
    last = max((occupant.live.last for occupant in made.occupants), default=1)
    progress = Occupant("progress", made.arena_bytes, made.progress_bytes, Span(0, last))
    return replace(
        made,
        arena_bytes=made.arena_bytes + made.progress_bytes,
        lower_bound_bytes=made.lower_bound_bytes + made.progress_bytes,
        occupants=(*made.occupants, progress),
    )


def _in_steps(live: Span, step_of: Sequence[int]) -> Span:
    """From pulls to steps; what lives past the last pull lives to the last step."""
    if not step_of:
        return Span(0, 1)
    return Span(step_of[min(live.first, len(step_of) - 1)], step_of[min(live.last, len(step_of)) - 1] + 1)


def _need(rows: RowGraph, name: str, kept: Held) -> Need:
    """A ring as one piece, a whole tensor as one piece per row, or per few rows where it has many."""
    row_bytes, count = rows.row_bytes(name), len(kept.live)
    if kept.rows < count:
        return simple_need(name, kept.rows * row_bytes, kept.live)
    chunk = -(-count // MOST_PIECES)
    pieces = tuple(
        Piece(first * row_bytes, min(first + chunk, count) * row_bytes, _covering(kept.live[first : first + chunk]))
        for first in range(0, count, chunk)
    )
    return Need(name, count * row_bytes, pieces)


def _covering(spans: Sequence[Span]) -> tuple[Span, ...]:
    return (Span(min(span.first for span in spans), max(span.last for span in spans)),)


def _paddings(rows: RowGraph, stage_of: Sequence[int], order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node reads padding the row that it shares with those of its stage that want the same."""
    shared: dict[tuple[int, int], list[int]] = {}
    users: dict[int, tuple[int, int]] = {}
    for index, found in enumerate(rows.paddings):
        if found is not None:
            value, size_bytes = found
            shared.setdefault((stage_of[index], value), []).append(size_bytes)
            users[index] = (stage_of[index], value)
    times: dict[tuple[int, int], list[int]] = {key: [] for key in shared}
    for time, pull in enumerate(order):
        if pull.node in users:
            times[users[pull.node]].append(time)
    needs = {
        key: simple_need(
            f"padding {key[1]} of stage {key[0]}", max(sizes), [Span(min(times[key]), max(times[key]) + 1)]
        )
        for key, sizes in shared.items()
    }
    return {rows.nodes[index].outputs[0]: needs[key] for index, key in users.items()}


def _scratch(rows: RowGraph, order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node needs scratch the bytes, alive while its rows are computed or also between them."""
    times: dict[int, list[int]] = {}
    for time, pull in enumerate(order):
        times.setdefault(pull.node, []).append(time)
    found: dict[str, Need] = {}
    for index, (size_bytes, is_kept) in enumerate(rows.scratch):
        if size_bytes:
            (output,), mine = rows.nodes[index].outputs, times[index]
            live = [Span(mine[0], mine[-1] + 1)] if is_kept else [Span(time, time + 1) for time in mine]
            found[output] = simple_need(f"scratch of {output}", size_bytes, live)
    return found
