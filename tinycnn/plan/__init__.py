"""Plan an int8 graph: in which order rows are computed, and where every tensor lies in one arena."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

from tinycnn.errors import BudgetError, UnsupportedError
from tinycnn.ir import Graph
from tinycnn.passes import check_int8_form
from tinycnn.plan.assemble import Draft, assembled, draft
from tinycnn.plan.bound import schedule_free_bound_bytes
from tinycnn.plan.branches import least_alive_order
from tinycnn.plan.check import PlanError, check
from tinycnn.plan.choose import choices, fastest, leanest
from tinycnn.plan.cuts import Cuts, best_cuts
from tinycnn.plan.demand import demands
from tinycnn.plan.lifetimes import is_view
from tinycnn.plan.model import (
    Alternative,
    Alternatives,
    Occupant,
    Place,
    Plan,
    Span,
    Step,
    progress_bytes,
)
from tinycnn.plan.pairs import with_pairs
from tinycnn.plan.rows import RowGraph

__all__ = [
    "Alternative",
    "Alternatives",
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
    "schedule_free_bound",
]

_NO_ALTERNATIVES: Alternatives = MappingProxyType({})
_NOTHING_CHOSEN: Mapping[str, Alternative] = MappingProxyType({})


def plan(
    graph: Graph,
    ram_bytes: int | None = None,
    alternatives: Alternatives = _NO_ALTERNATIVES,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> Plan:
    """The plan of an int8 graph with the fewest instructions whose arena fits `ram_bytes`, checked.

    Without a limit that is layer by layer or pair by pair, every node by its fastest alternative. BudgetError names the
    smallest arena there is when none fits. With `pushed` the rows of the input arrive one after the other and are never
    all stored, with `pulled` those of the output are taken as they are ready; UnsupportedError when the graph has
    several inputs, or several outputs.
    """
    simple = min(
        (
            layer_by_layer(form, fastest(ways), pushed=pushed, pulled=pulled)
            for form, ways in _forms(graph, alternatives)
        ),
        key=lambda made: made.compared_instructions,
    )
    if ram_bytes is None or simple.arena_bytes <= ram_bytes:
        return simple
    for found in _front(graph, alternatives, pushed=pushed, pulled=pulled):
        if found.arena_bytes <= ram_bytes:
            return found
    least = found.arena_bytes
    change = _what_to_change(graph, alternatives, least, ram_bytes, pushed=pushed, pulled=pulled)
    raise BudgetError(
        f"{graph.name} needs an arena of {least:,} bytes at least, with the leanest kernels, more than the"
        f" {ram_bytes:,} bytes of RAM; {change}."
    )


def _what_to_change(
    graph: Graph, alternatives: Alternatives, least: int, ram_bytes: int, *, pushed: bool, pulled: bool
) -> str:
    """Which further rows could be passed, where that takes less, and what else would help."""
    changes = []
    smallest = least
    for push, pull, words in (
        (True, pulled, "pushing the input row by row (--push)"),
        (pushed, True, "pulling the output row by row (--pull)"),
        (True, True, "both (--push --pull)"),
    ):
        if (push, pull) == (pushed, pulled) or (words.startswith("both") and (pushed or pulled)):
            continue
        try:
            found = min(made.arena_bytes for made in candidates(graph, alternatives, pushed=push, pulled=pull))
        except UnsupportedError:
            continue
        if found < (smallest if words.startswith("both") else least):
            smallest = min(smallest, found)
            verdict = "which fits" if found <= ram_bytes else "which is not enough either"
            changes.append(f"{words} takes {found:,} bytes, {verdict}")
    return "; ".join([*changes, "a smaller input or fewer channels in its first layers would make it fit"])


def candidates(
    graph: Graph, alternatives: Alternatives = _NO_ALTERNATIVES, *, pushed: bool = False, pulled: bool = False
) -> tuple[Plan, ...]:
    """The plans worth having, the fastest first and each with a smaller arena than those before."""
    return tuple(_front(graph, alternatives, pushed=pushed, pulled=pulled))


def _front(graph: Graph, alternatives: Alternatives, *, pushed: bool, pulled: bool) -> Iterator[Plan]:
    """`candidates`, one after the other: placing is what takes time, and nobody may want the rest."""
    fastest_first = sorted(drafts(graph, alternatives, pushed=pushed, pulled=pulled), key=_by_speed)
    best: Plan | None = None
    for _, alike in groupby(fastest_first, key=attrgetter("compared_instructions")):
        before = best
        for each in alike:
            if best is None or each.bound_bytes < best.arena_bytes:
                best = min(filter(None, (best, assembled(each))), key=attrgetter("arena_bytes"))
        if best is not None and best is not before:
            yield best


def _by_speed(draft: Draft) -> tuple[int, int]:
    return draft.compared_instructions, draft.bound_bytes


def drafts(graph: Graph, alternatives: Alternatives, *, pushed: bool, pulled: bool) -> list[Draft]:
    """The plans to choose from, before they are placed.

    They run layer by layer, or in stages with rings of rows or a place for each row, with kernels from the fastest to
    those with the least scratch, and layers one by one or in pairs.
    """
    check_int8_form(graph)
    return [
        found
        for form, ways in _forms(graph, alternatives)
        for found in _drafts_of(form, ways, pushed=pushed, pulled=pulled)
    ]


def _forms(graph: Graph, alternatives: Alternatives) -> Iterator[tuple[Graph, Alternatives]]:
    """The graph with its layers one by one, and if some can be computed in pairs also with these."""
    yield graph, {output: tuple(way for way in ways if not way.paired) for output, ways in alternatives.items()}
    paired = {output: [way for way in ways if way.paired] for output, ways in alternatives.items()}
    if any(paired.values()):
        form = with_pairs(graph, {output for output, ways in paired.items() if ways})
        yield form, {output: paired[output] or ways for output, ways in alternatives.items() if output in form.tensors}


def _drafts_of(graph: Graph, alternatives: Alternatives, *, pushed: bool, pulled: bool) -> list[Draft]:
    """A draft for every order of work and every choice of kernels."""
    in_parts = {output: tuple(way for way in ways if not way.whole) for output, ways in alternatives.items()}
    lean, rings, places = _best_order(graph, in_parts, pushed=pushed, pulled=pulled)
    orders = (
        (range(len(lean.nodes)), alternatives, False),
        (rings.first_nodes, in_parts, False),
        (places.first_nodes, in_parts, True),
    )
    return [
        draft(replace(lean, chosen=chosen), cuts, scattered=scattered)
        for cuts, ways, scattered in orders
        for chosen in choices(lean, cuts, ways, scattered=scattered)
    ]


def _best_order(graph: Graph, alternatives: Alternatives, *, pushed: bool, pulled: bool) -> tuple[RowGraph, Cuts, Cuts]:
    """The nodes as they come, or branch by branch if that takes less, with the leanest kernels; `cuts.best_cuts`."""
    found = []
    for ordered in dict.fromkeys([graph.nodes, least_alive_order(graph).nodes]):
        lean = _row_graph(replace(graph, nodes=ordered), leanest(alternatives), pushed=pushed, pulled=pulled)
        found.append((lean, *best_cuts(lean)))
    return min(found, key=lambda made: made[2].peak_bytes)


def schedule_free_bound(
    graph: Graph, alternatives: Alternatives = _NO_ALTERNATIVES, *, pushed: bool = False, pulled: bool = False
) -> int:
    """Bytes below which no plan of an int8 graph can go, in whatever order it computes rows (`plan.bound`)."""
    check_int8_form(graph)
    found = []
    for form, ways in _forms(graph, alternatives):
        lean, _, places = _best_order(form, ways, pushed=pushed, pulled=pulled)
        order = demands(lean, places.first_nodes, scattered=True)[0].order
        found.append(schedule_free_bound_bytes(lean, order) + progress_bytes(len(lean.nodes), pushed + pulled))
    return min(found)


def layer_by_layer(
    graph: Graph,
    chosen: Mapping[str, Alternative] = _NOTHING_CHOSEN,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> Plan:
    """Every node a stage of its own, hence every tensor whole but those that are pushed or pulled."""
    check_int8_form(graph)
    return in_stages(graph, range(len(RowGraph(graph).nodes)), chosen, pushed=pushed, pulled=pulled)


def in_stages(
    graph: Graph,
    cuts: Sequence[int],
    chosen: Mapping[str, Alternative] = _NOTHING_CHOSEN,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> Plan:
    """The plan whose stages begin at the nodes `cuts` (views not counted), the first of them 0.

    `chosen` has by output the alternative that computes a node, for nodes whose kernels need scratch.
    """
    return assembled(draft(_row_graph(graph, chosen, pushed=pushed, pulled=pulled), cuts))


def _row_graph(graph: Graph, chosen: Mapping[str, Alternative], *, pushed: bool, pulled: bool) -> RowGraph:
    return RowGraph(graph, chosen, _pushed_input(graph) if pushed else None, _pulled_output(graph) if pulled else None)


def _pushed_input(graph: Graph) -> str:
    """The one input; UnsupportedError when there are several, or nothing computes with it."""
    if len(graph.inputs) != 1:
        raise UnsupportedError(graph.name, [f"rows pushed in for several inputs ({', '.join(graph.inputs)})."])
    (name,) = graph.inputs
    if RowGraph(graph, pushed=name).pushed_reader == len(RowGraph(graph).nodes):
        raise UnsupportedError(graph.name, [f"rows pushed into {name}, with which nothing is computed."])
    return name


def _pulled_output(graph: Graph) -> str:
    """The one output; UnsupportedError when there are several, or no node computes it row by row."""
    if len(graph.outputs) != 1:
        raise UnsupportedError(graph.name, [f"rows pulled from several outputs ({', '.join(graph.outputs)})."])
    (name,) = graph.outputs
    if name not in RowGraph(graph).maker:
        raise UnsupportedError(graph.name, [f"rows pulled from {name}, which is other bytes under another shape."])
    return name
