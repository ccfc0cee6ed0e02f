"""From cuts and chosen kernels to a plan: what needs bytes when, where it goes, and the steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from tinycnn.plan.check import check
from tinycnn.plan.conflicts import aligned
from tinycnn.plan.in_place import Choice
from tinycnn.plan.lifetimes import Need, Piece, simple_need
from tinycnn.plan.model import Occupant, Place, Plan, Span, Step
from tinycnn.plan.place import arena_bytes, lower_bound_bytes, place
from tinycnn.plan.rows import INPUT, OUTPUT, Pull, RowGraph
from tinycnn.plan.schedule import Held, held, pulls

MOST_PIECES = 32
"""A whole tensor with more rows is looked at in groups of rows, so that placing stays fast."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The order of work, the rows of tensors that it keeps, and what needs bytes: tensors, padding and scratch.

    `needs` has for each of `kept` one need, or one for each row where rows have places of their own. `paddings` and
    `scratch` are by the output of the node that wants them.
    """

    order: Sequence[Pull]
    kept: Sequence[Held]
    needs: Sequence[tuple[Need, ...]]
    paddings: dict[str, Need]
    scratch: dict[str, Need]

    @property
    def all_needs(self) -> tuple[Need, ...]:
        tensors = (need for needs in self.needs for need in needs)
        return (*tensors, *self.paddings.values(), *self.scratch.values())


def demand(rows: RowGraph, cuts: Sequence[int], *, scattered: bool = False, in_place: Choice | None = min) -> Demand:
    """What needs bytes when the stages begin at the nodes `cuts`; `scattered` and `in_place` as in `schedule.held`."""
    ends = [*cuts, len(rows.nodes)][1:]
    order = [pull for first, last in zip(cuts, ends, strict=True) for pull in pulls(rows, first, last)]
    stage_of = [stage for stage, (first, last) in enumerate(zip(cuts, ends, strict=True)) for _ in range(first, last)]
    kept = held(rows, order, stage_of, scattered=scattered, in_place=in_place)
    return Demand(order, kept, [_needs(rows, each) for each in kept], _paddings(rows, order), _scratch(rows, order))


def assembled(rows: RowGraph, cuts: Sequence[int], *, scattered: bool = False) -> Plan:
    """The plan whose stages begin at the nodes `cuts`, checked; `scattered` as in `schedule.held`."""
    wants, offsets, bound = _best_placed(rows, cuts, scattered=scattered)
    steps, step_of, waits = _steps(rows, wants.order)

    def one_row(need: Need | None) -> Place | None:
        if need is None:
            return None
        return Place(need.name, offsets[need.name], 1, need.size_bytes, 1, _in_steps(need.cover, step_of))

    made = Plan(
        rows.graph,
        tuple(
            replace(step, padding=one_row(wants.paddings.get(output)), scratch=one_row(wants.scratch.get(output)))
            for step in steps
            for output in step.node.outputs
        ),
        _places(rows, wants, offsets, step_of),
        aligned(arena_bytes(wants.all_needs, offsets)),
        bound,
        tuple(_occupants(rows, wants, offsets)),
        rows.chosen,
        tuple(waits[INPUT]),
        tuple(waits[OUTPUT]),
    )
    made = _with_progress(made)
    check(made)
    return made


def _best_placed(rows: RowGraph, cuts: Sequence[int], *, scattered: bool) -> tuple[Demand, dict[str, int], int]:
    """What needs bytes, the offset of every need, and the bound of the schedule.

    Rows of their own are written over those that live shortest, as little as possible then has to stay in one place.
    Whole tensors are written over those that live longest: what is computed between them then lies beside them. Where
    the bound is not reached, the other choice is tried, and no overwriting, which leaves each tensor free to move.
    """
    choices: tuple[Choice | None, ...] = (min, max, None) if scattered else (max, min, None)
    found: list[tuple[int, Demand, dict[str, int]]] = []
    bound = 0
    seen = []
    for choice in choices:
        wants = demand(rows, cuts, scattered=scattered, in_place=choice)
        least = lower_bound_bytes(wants.all_needs)
        groups = [kept.tensors for kept in wants.kept]
        bound = bound or least
        if groups in seen or (found and aligned(least) >= min(found, key=itemgetter(0))[0]):
            continue
        seen.append(groups)
        offsets = place(wants.all_needs)
        found.append((aligned(arena_bytes(wants.all_needs, offsets)), wants, offsets))
    _, wants, offsets = min(found, key=itemgetter(0))
    return wants, offsets, bound


def _steps(rows: RowGraph, order: Sequence[Pull]) -> tuple[list[Step], list[int], dict[int, list[int]]]:
    """The steps without places, the step of each pull, and before which steps rows arrive and leave."""
    step_of: list[int] = []
    steps: list[Step] = []
    waits: dict[int, list[int]] = {INPUT: [], OUTPUT: []}
    for time, pull in enumerate(order):
        if pull.node in waits:
            waits[pull.node].append(len(steps))
            step_of.append(len(steps) - (pull.node == OUTPUT))
            continue
        node = rows.nodes[pull.node]
        if steps and steps[-1].node is node and order[time - 1].node not in waits:
            steps[-1] = replace(steps[-1], last_row=pull.row + 1)
        else:
            steps.append(Step(node, pull.row, pull.row + 1, None))
        step_of.append(len(steps) - 1)
    return steps, [min(step, len(steps) - 1) for step in step_of], waits  # rows may arrive behind the last step


def _places(rows: RowGraph, wants: Demand, offsets: Mapping[str, int], step_of: Sequence[int]) -> dict[str, Place]:
    bytes_of = {
        name: (kept, needs) for kept, needs in zip(wants.kept, wants.needs, strict=True) for name in kept.tensors
    }
    places = {}
    for name, root in rows.root_of.items():
        kept, needs = bytes_of[root]
        at = tuple(offsets[need.name] for need in needs)
        own = kept.lives_of(root)
        end = max(span.last for span in own) + (root != kept.tensors[-1])  # is read once more, by what overwrites it
        live = _in_steps(Span(min(span.first for span in own), end), step_of)
        held_rows = rows.rows(name) if name != root else kept.rows
        row_offsets = at if kept.is_scattered else ()
        places[name] = Place(name, min(at), rows.rows(name), rows.row_bytes(name), held_rows, live, row_offsets)
    return places


def _occupants(rows: RowGraph, wants: Demand, offsets: Mapping[str, int]) -> Iterator[Occupant]:
    """What has which bytes: a tensor that is written over another has them from then on."""
    for kept, shared in zip(wants.kept, wants.needs, strict=True):
        for name in kept.tensors:
            owned = _needs(rows, replace(kept, live=kept.lives_of(name)))
            for need, placed in zip(owned, shared, strict=True):
                yield from _occupied(name, need, offsets[placed.name])
    for need in (*wants.paddings.values(), *wants.scratch.values()):
        yield from _occupied(need.name, need, offsets[need.name])


def _occupied(name: str, need: Need, offset_bytes: int) -> Iterator[Occupant]:
    for piece in need.pieces:
        for span in piece.live:
            yield Occupant(name, offset_bytes + piece.first_byte, piece.last_byte - piece.first_byte, span)


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


def _needs(rows: RowGraph, kept: Held) -> tuple[Need, ...]:
    """A need for each scattered row, a ring as one piece, a whole tensor as one piece per row or few rows."""
    name = kept.tensors[0]
    row_bytes, count = rows.row_bytes(name), len(kept.live)
    if kept.is_scattered:
        return tuple(simple_need(f"row {row} of {name}", row_bytes, [span]) for row, span in enumerate(kept.live))
    if kept.rows < count:
        return (simple_need(name, kept.rows * row_bytes, kept.live),)
    chunk = -(-count // MOST_PIECES)
    pieces = tuple(
        Piece(first * row_bytes, min(first + chunk, count) * row_bytes, _covering(kept.live[first : first + chunk]))
        for first in range(0, count, chunk)
    )
    return (Need(name, count * row_bytes, pieces),)


def _covering(spans: Sequence[Span]) -> tuple[Span, ...]:
    return (Span(min(span.first for span in spans), max(span.last for span in spans)),)


def _paddings(rows: RowGraph, order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node reads padding a row, alive while a row is computed that reads it."""
    times: dict[int, list[int]] = {}
    for time, pull in enumerate(order):
        if pull.node >= 0 and pull.row in rows.padded_turns[pull.node]:
            times.setdefault(pull.node, []).append(time)
    found: dict[str, Need] = {}
    for node, mine in times.items():
        (output,), padding = rows.nodes[node].outputs, rows.paddings[node]
        assert padding is not None
        found[output] = simple_need(f"padding of {output}", padding[1], [Span(time, time + 1) for time in mine])
    return found


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
