"""What needs bytes of the arena, and from when to when. Time is counted in pulls: one row of one node at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from tinycnn.ir import Graph, Node
from tinycnn.ops import Reshape
from tinycnn.plan.model import Span


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes [first_byte, last_byte) of a need, alive during `live`, which is in order and without overlaps."""

    first_byte: int
    last_byte: int
    live: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a tensor, a ring of its rows, padding or sums need.

    A whole tensor is one piece per few rows: other things may have the bytes of rows that are not made yet or not read
    any more. A ring is one piece, which may be empty at times.
    """

    name: str
    size_bytes: int
    pieces: tuple[Piece, ...]

    @property
    def cover(self) -> Span:
        """From the first pull of its life to the last."""
        spans = [span for piece in self.pieces for span in piece.live]
        return Span(min(span.first for span in spans), max(span.last for span in spans))


def simple_need(name: str, size_bytes: int, live: Iterable[Span]) -> Need:
    """A need that lives as a whole."""
    return Need(name, size_bytes, (Piece(0, size_bytes, merged(live)),))


def forbidden_distances(one: Need, other: Need) -> tuple[tuple[int, int], ...]:
    """Which offset(one) - offset(other) would make them collide: open intervals, in order and without overlaps.

    Two pieces alive at the same time must not share a byte, which forbids the distances between them.
    """
    found: list[tuple[int, int]] = []
    for mine in one.pieces:
        for theirs in other.pieces:
            if _overlap(mine.live, theirs.live):
                found.append((theirs.first_byte - mine.last_byte, theirs.last_byte - mine.first_byte))
    merged_intervals: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged_intervals and low < merged_intervals[-1][1]:
            merged_intervals[-1] = (merged_intervals[-1][0], max(high, merged_intervals[-1][1]))
        else:
            merged_intervals.append((low, high))
    return tuple(merged_intervals)


def _overlap(one: tuple[Span, ...], other: tuple[Span, ...]) -> bool:
    """Whether two lists of spans, in order, meet at some time."""
    i = j = 0
    while i < len(one) and j < len(other):
        if one[i].overlaps(other[j]):
            return True
        if one[i].last <= other[j].last:
            i += 1
        else:
            j += 1
    return False


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times as spans in order, with those that touch or overlap made one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.first, span.last)):
        if found and span.first <= found[-1].last:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return tuple(found)


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
