"""Plan an int8 graph: which steps run, which rows they need, and where every tensor lies in one arena."""

from tinycnn.engine import check_int8
from tinycnn.ir import Graph, Node
from tinycnn.ops import Window, row_bytes, row_count
from tinycnn.plan.check import PlanError, check
from tinycnn.plan.lifetimes import Need, is_view, needs, roots
from tinycnn.plan.model import Place, Plan, Span, Step
from tinycnn.plan.place import aligned, arena_bytes, lower_bound_bytes, place

__all__ = ["Place", "Plan", "PlanError", "Span", "Step", "check", "is_view", "plan"]


def plan(graph: Graph) -> Plan:
    """The plan of an int8 graph, layer by layer with whole tensors, checked before it is returned."""
    check_int8(graph)
    computed = [node for node in graph.nodes if not is_view(node)]
    paddings = {i: need for i, node in enumerate(computed) for need in [_padding(graph, node, i)] if need}
    wanted = (*needs(graph), *paddings.values())
    offsets = place(wanted)
    lives = {need.name: need.live for need in wanted}
    places = {}
    for name, root in roots(graph).items():
        shape = graph.tensors[name].shape
        rows = row_count(shape)
        places[name] = Place(name, offsets[root], rows, row_bytes(shape), rows, lives[root])
    steps = tuple(
        Step(node, 0, places[node.outputs[0]].rows, _padding_place(paddings.get(index), offsets))
        for index, node in enumerate(computed)
    )
    made = Plan(graph, steps, places, aligned(arena_bytes(wanted, offsets)), lower_bound_bytes(wanted))
    check(made)
    return made


def _padding(graph: Graph, node: Node, index: int) -> Need | None:
    """One row of the input for a step whose window hangs over its top or bottom."""
    window = getattr(node.op, "window", None)
    if not isinstance(window, Window):
        return None
    shape = graph.tensors[node.inputs[0]].shape
    rows, out_rows = row_count(shape), row_count(graph.tensors[node.outputs[0]].shape)
    if window.input_rows(0)[0] >= 0 and window.input_rows(out_rows - 1)[-1] < rows:
        return None
    return Need(f"{node.name} padding", row_bytes(shape), Span(index, index + 1))


def _padding_place(need: Need | None, offsets: dict[str, int]) -> Place | None:
    if need is None:
        return None
    return Place(need.name, offsets[need.name], 1, need.size_bytes, 1, need.live)
