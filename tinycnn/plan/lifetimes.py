"""What needs bytes of the arena, and from when to when."""

from dataclasses import dataclass

from tinycnn.ir import Graph, Node
from tinycnn.ops import Reshape
from tinycnn.plan.model import Span


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a tensor, a ring of its rows or a row of padding needs during some steps."""

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
