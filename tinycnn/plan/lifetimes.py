"""In which steps each tensor must keep its bytes."""

from dataclasses import dataclass

from tinycnn.ir import Graph, Node
from tinycnn.ops import Reshape, row_bytes, row_count
from tinycnn.plan.model import Span


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that something needs during some steps; `name` is a tensor, or a step's scratch."""

    name: str
    size_bytes: int
    live: Span


def is_view(node: Node) -> bool:
    """Whether the node's output is its input's bytes under another shape, so that no step computes it."""
    return isinstance(node.op, Reshape)


def roots(graph: Graph) -> dict[str, str]:
    """For every activation the tensor whose bytes it is: itself, or what a chain of views starts from."""
    found = {name: name for name in graph.inputs}
    for node in graph.nodes:
        for output in node.outputs:
            found[output] = found[node.inputs[0]] if is_view(node) else output
    return found


def needs(graph: Graph) -> tuple[Need, ...]:
    """One entry per tensor that is not a view: alive from the step that writes it until its last reader is done.

    Inputs are written before step 0; outputs stay until the end.
    """
    root_of = roots(graph)
    computed = [node for node in graph.nodes if not is_view(node)]
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 1)
    for index, node in enumerate(computed):
        for output in node.outputs:
            first[output], last[output] = index, index + 1
        for name in graph.activations(node):
            last[root_of[name]] = index + 1
    for name in graph.outputs:
        last[root_of[name]] = max(len(computed), 1)
    return tuple(
        Need(name, row_count(shape) * row_bytes(shape), Span(first[name], last[name]))
        for name in first
        for shape in [graph.tensors[name].shape]
    )
