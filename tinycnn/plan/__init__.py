"""Plan an int8 graph: in which order rows are computed, and where every tensor lies in one arena."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tinycnn.errors import BudgetError
from tinycnn.ir import Graph
from tinycnn.passes import check_int8_form
from tinycnn.plan.assemble import assembled
from tinycnn.plan.check import PlanError, check
from tinycnn.plan.choose import choices, fastest, leanest
from tinycnn.plan.lifetimes import is_view
from tinycnn.plan.model import Alternative, Alternatives, Occupant, Place, Plan, Span, Step
from tinycnn.plan.schedule import RowGraph, best_cuts

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
]

_NO_ALTERNATIVES: Alternatives = MappingProxyType({})
_NOTHING_CHOSEN: Mapping[str, Alternative] = MappingProxyType({})


def plan(graph: Graph, ram_bytes: int | None = None, alternatives: Alternatives = _NO_ALTERNATIVES) -> Plan:
    """The plan of an int8 graph with the fewest instructions whose arena fits `ram_bytes`, checked.

    Without a limit that is layer by layer, every node by its fastest alternative. BudgetError names the smallest arena
    there is when none fits.
    """
    if ram_bytes is None:
        return layer_by_layer(graph, fastest(alternatives))
    plans = candidates(graph, alternatives)
    for found in plans:
        if found.arena_bytes <= ram_bytes:
            return found
    least = min(found.arena_bytes for found in plans)
    raise BudgetError(
        f"{graph.name} needs an arena of {least:,} bytes at least, more than the {ram_bytes:,} bytes of RAM; a smaller"
        " input or fewer channels in its first layers would make it fit."
    )


def candidates(graph: Graph, alternatives: Alternatives = _NO_ALTERNATIVES) -> tuple[Plan, ...]:
    """The plans worth having, the fastest first and each with a smaller arena than those before.

    They run layer by layer or in stages, with kernels from the fastest to those with the least scratch.
    """
    check_int8_form(graph)
    lean = RowGraph(graph, leanest(alternatives))
    plans = [
        assembled(RowGraph(graph, chosen), cuts)
        for cuts in (range(len(lean.nodes)), best_cuts(lean))
        for chosen in choices(lean, cuts, alternatives)
    ]
    front: list[Plan] = []
    for found in sorted(plans, key=lambda made: (made.compared_instructions, made.arena_bytes)):
        if not front or found.arena_bytes < front[-1].arena_bytes:
            front.append(found)
    return tuple(front)


def layer_by_layer(graph: Graph, chosen: Mapping[str, Alternative] = _NOTHING_CHOSEN) -> Plan:
    """Every node a stage of its own, hence every tensor whole."""
    check_int8_form(graph)
    return in_stages(graph, range(len(RowGraph(graph).nodes)), chosen)


def in_stages(graph: Graph, cuts: Sequence[int], chosen: Mapping[str, Alternative] = _NOTHING_CHOSEN) -> Plan:
    """The plan whose stages begin at the nodes `cuts` (views not counted), the first of them 0.

    `chosen` has by output the alternative that computes a node, for nodes whose kernels need scratch.
    """
    return assembled(RowGraph(graph, chosen), cuts)
