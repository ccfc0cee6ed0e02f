"""What needs bytes of the arena, and from when to when."""

from collections.abc import Iterable
from dataclasses import dataclass

from tinycnn.ir import Graph, Node
from tinycnn.ops import Reshape
from tinycnn.plan.model import Span


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a tensor, a ring of its rows, padding or sums need during some steps.

    `live` is in order and without overlaps: a ring may be empty at times, and something else may have its bytes then.
    """

    name: str
    size_bytes: int
    live: tuple[Span, ...]

    @property
    def cover(self) -> Span:
        """From the first step of its life to the last."""
        return Span(self.live[0].first, self.live[-1].last)

    def overlaps(self, other: "Need") -> bool:
        """Whether both live in some step."""
        mine, theirs = iter(self.live), iter(other.live)
        a, b = next(mine, None), next(theirs, None)
        while a and b:
            if a.overlaps(b):
                return True
            if a.last <= b.last:
                a = next(mine, None)
            else:
                b = next(theirs, None)
        return False


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


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same steps as spans in order, with those that touch or overlap made one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.first, span.last)):
        if found and span.first <= found[-1].last:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return tuple(found)
