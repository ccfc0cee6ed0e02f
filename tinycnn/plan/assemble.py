"""From cuts and chosen kernels to a draft of a plan, and to a plan: the steps, and where everything goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from tinycnn.plan.check import check
from tinycnn.plan.conflicts import aligned
from tinycnn.plan.demand import Demand, demands, needs_of
from tinycnn.plan.lifetimes import Need
from tinycnn.plan.model import Occupant, Place, Plan, Span, Step, compared_instructions, progress_bytes
from tinycnn.plan.place import arena_bytes, place
from tinycnn.plan.rows import INPUT, OUTPUT, Pull, RowGraph


@dataclass(frozen=True, slots=True)
class Draft:
    """An order of work with chosen kernels, before anything has a place.

    `demands` are what may need bytes in it, of which one is placed. `step_of` has the step of each pull, `waits` before
    which steps rows arrive (INPUT) and leave (OUTPUT).
    """

    rows: RowGraph
    demands: tuple[Demand, ...]
    steps: Sequence[Step]
    step_of: Sequence[int]
    waits: Mapping[int, Sequence[int]]

    @property
    def compared_instructions(self) -> int:
        """Those of the plan."""
        return compared_instructions(self.rows.chosen, len(self.steps))

    @property
    def bound_bytes(self) -> int:
        """The plan's arena is not smaller."""
        ports = (self.rows.pushed is not None) + (self.rows.pulled is not None)
        least = min(aligned(wants.bound_bytes) for wants in self.demands)
        return least + progress_bytes(len(self.rows.nodes), ports)


def draft(rows: RowGraph, cuts: Sequence[int], *, scattered: bool = False) -> Draft:
    """The order of work whose stages begin at the nodes `cuts`; `scattered` as in `schedule.held`."""
    found = demands(rows, cuts, scattered=scattered)
    return Draft(rows, found, *_steps(rows, found[0].order))


def assembled(draft: Draft) -> Plan:
    """The plan of a draft, placed and checked."""
    rows, step_of = draft.rows, draft.step_of
    wants, offsets = _best_placed(draft.demands)

    def one_row(need: Need | None) -> Place | None:
        if need is None:
            return None
        return Place(need.name, offsets[need.name], 1, need.size_bytes, 1, _in_steps(need.cover, step_of))

    made = Plan(
        rows.graph,
        tuple(
            replace(step, padding=one_row(wants.paddings.get(output)), scratch=one_row(wants.scratch.get(output)))
            for step in draft.steps
            for output in step.node.outputs
        ),
        _places(rows, wants, offsets, step_of),
        aligned(arena_bytes(wants.all_needs, offsets)),
        draft.demands[0].bound_bytes,
        tuple(_occupants(rows, wants, offsets)),
        rows.chosen,
        tuple(draft.waits[INPUT]),
        tuple(draft.waits[OUTPUT]),
    )
    made = _with_progress(made)
    check(made)
    return made


def _best_placed(demands: Sequence[Demand]) -> tuple[Demand, dict[str, int]]:
    """The demand that takes the smallest arena, and the offset of every need; others only as far as they may help."""
    found: list[tuple[int, Demand, dict[str, int]]] = []
    for wants in demands:
        if not found or aligned(wants.bound_bytes) < min(found, key=itemgetter(0))[0]:
            offsets = place(wants.all_needs)
            found.append((aligned(arena_bytes(wants.all_needs, offsets)), wants, offsets))
    _, wants, offsets = min(found, key=itemgetter(0))
    return wants, offsets


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
            owned = needs_of(rows, replace(kept, live=kept.lives_of(name)))
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
