"""Plan an int8 graph: in which order rows are computed, and where every tensor lies in one arena."""

from collections.abc import Sequence
from dataclasses import replace

from tinycnn.errors import BudgetError
from tinycnn.ir import Graph
from tinycnn.passes import check_int8_form
from tinycnn.plan.check import PlanError, check
from tinycnn.plan.lifetimes import Need, Piece, is_view, simple_need
from tinycnn.plan.model import Occupant, Place, Plan, Span, Step
from tinycnn.plan.place import aligned, arena_bytes, lower_bound_bytes, place
from tinycnn.plan.schedule import Held, Pull, RowGraph, best_cuts, held, pulls

__all__ = [
    "Occupant",
    "Place",
    "Plan",
    "PlanError",
    "Span",
    "Step",
    "candidates",
    "check",
    "in_stages",
    "is_view",
    "plan",
]

MOST_PIECES = 32
"""A whole tensor with more rows is looked at in groups of rows, so that placing stays fast."""


def plan(graph: Graph, ram_bytes: int | None = None) -> Plan:
    """The plan of an int8 graph with the fewest instructions whose arena fits `ram_bytes`, checked.

    Without a limit that is layer by layer. BudgetError names the smallest arena there is when none fits.
    """
    plans = candidates(graph) if ram_bytes is not None else (layer_by_layer(graph),)
    for found in plans:
        if ram_bytes is None or found.arena_bytes <= ram_bytes:
            return found
    least = min(found.arena_bytes for found in plans)
    raise BudgetError(
        f"{graph.name} needs an arena of {least:,} bytes at least, more than the {ram_bytes:,} bytes of RAM; a smaller"
        " input or fewer channels in its first layers would make it fit."
    )


def candidates(graph: Graph) -> tuple[Plan, ...]:
    """The plans worth having: layer by layer, and in stages where that takes a smaller arena."""
    simple, rows = layer_by_layer(graph), RowGraph(graph)
    lean = _assembled(rows, best_cuts(rows))
    return (simple, lean) if lean.arena_bytes < simple.arena_bytes else (simple,)


def layer_by_layer(graph: Graph) -> Plan:
    """Every node a stage of its own, hence every tensor whole."""
    check_int8_form(graph)
    return in_stages(graph, range(len(RowGraph(graph).nodes)))


def in_stages(graph: Graph, cuts: Sequence[int]) -> Plan:
    """The plan whose stages begin at the nodes `cuts` (views not counted), the first of them 0."""
    return _assembled(RowGraph(graph), cuts)


def _assembled(rows: RowGraph, cuts: Sequence[int]) -> Plan:
    """The plan whose stages begin at the nodes `cuts`."""
    ends = [*cuts, len(rows.nodes)][1:]
    order = [pull for first, last in zip(cuts, ends, strict=True) for pull in pulls(rows, first, last)]
    stage_of = [stage for stage, (first, last) in enumerate(zip(cuts, ends, strict=True)) for _ in range(first, last)]
    step_of: list[int] = []
    steps: list[Step] = []
    for pull in order:
        node = rows.nodes[pull.node]
        if steps and steps[-1].node is node:
            steps[-1] = replace(steps[-1], last_row=pull.row + 1)
        else:
            steps.append(Step(node, pull.row, pull.row + 1, None))
        step_of.append(len(steps) - 1)
    tensors = held(rows, order, stage_of)
    paddings, sums = _paddings(rows, stage_of, order), _sums(rows, order)
    wanted = [_need(rows, name, kept) for name, kept in tensors.items()]
    wanted += [*dict.fromkeys(paddings.values()), *sums.values()]
    offsets = place(wanted)
    lives = {need.name: _in_steps(need.cover, step_of) for need in wanted}
    places = {}
    for name, root in rows.root_of.items():
        kept = rows.rows(name) if name != root else tensors[root].rows
        places[name] = Place(name, offsets[root], rows.rows(name), rows.row_bytes(name), kept, lives[root])

    def one_row(need: Need | None) -> Place | None:
        return None if need is None else Place(need.name, offsets[need.name], 1, need.size_bytes, 1, lives[need.name])

    made = Plan(
        rows.graph,
        tuple(
            replace(step, padding=one_row(paddings.get(output)), scratch=one_row(sums.get(output)))
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
    )
    check(made)
    return made


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
    for index, node in enumerate(rows.nodes):
        found = rows.padding(node)
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


def _sums(rows: RowGraph, order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node sums rows the sums, from its first turn to its last."""
    found: dict[str, Need] = {}
    for index, node in enumerate(rows.nodes):
        size_bytes, (output,) = rows.sums_bytes[index], node.outputs
        if size_bytes:
            times = [time for time, pull in enumerate(order) if pull.node == index]
            found[output] = simple_need(f"sums of {output}", size_bytes, [Span(times[0], times[-1] + 1)])
    return found
