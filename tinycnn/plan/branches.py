"""In which order independent branches of a graph are computed."""

from dataclasses import dataclass, replace

from tinycnn.ir import Graph, Node
from tinycnn.ops import may_overwrite, row_bytes, row_count
from tinycnn.plan.lifetimes import roots

BEAM = 16
"""Beginnings of an order that are followed at a time."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Some nodes in an order: the most bytes alive so far, those alive after them, and as bits which nodes they are."""

    peak_bytes: int
    alive_bytes: int
    order: tuple[int, ...]
    done: int


def least_alive_order(graph: Graph) -> Graph:
    """The graph with its nodes in the order with the fewest bytes alive at once, where tensors are whole.

    A beam search over all topological orders; of equal ones the first, so that a chain stays as it is.
    """
    root_of = roots(graph)
    sizes = {name: row_count(shape) * row_bytes(shape) for name, shape in _shapes(graph, set(root_of.values()))}
    reads = [{root_of[name] for name in graph.activations(node)} for node in graph.nodes]
    makes = [node.outputs[0] for node in graph.nodes]
    over = [_overwritten(graph, node) & set(sizes) for node in graph.nodes]
    maker = {name: index for index, name in enumerate(makes)}
    needs = [[maker[name] for name in graph.activations(node) if name in maker] for node in graph.nodes]
    readers: dict[str, int] = dict.fromkeys(sizes, 0)
    for index, names in enumerate(reads):
        for name in names:
            readers[name] |= 1 << index
    stay = {root_of[name] for name in graph.outputs}
    level = [_Beginning(0, sum(sizes[name] for name in graph.inputs), (), 0)]
    for _ in graph.nodes:
        following: dict[int, _Beginning] = {}
        for begun in level:
            for index in range(len(graph.nodes)):
                if begun.done >> index & 1 or any(not begun.done >> need & 1 for need in needs[index]):
                    continue
                done = begun.done | 1 << index
                made = sizes.get(makes[index], 0)  # a view makes nothing
                dying = {name for name in reads[index] if name not in stay and not readers[name] & ~done}
                dead = sum(sizes[name] for name in dying)
                if made and not readers[makes[index]] and makes[index] not in stay:
                    dead += made
                beside = 0 if over[index] & dying else made
                peak = max(begun.peak_bytes, begun.alive_bytes + beside)
                found = _Beginning(peak, begun.alive_bytes + made - dead, (*begun.order, index), done)
                if done not in following or _rank(found) < _rank(following[done]):
                    following[done] = found
        level = sorted(following.values(), key=_rank)[:BEAM]
    return replace(graph, nodes=tuple(graph.nodes[index] for index in level[0].order))


def _overwritten(graph: Graph, node: Node) -> set[str]:
    """The inputs over which the output may be written."""
    written = graph.tensors[node.outputs[0]].shape
    shapes = {name: graph.tensors[name].shape for name in graph.activations(node)}
    return {
        name
        for name, shape in shapes.items()
        if may_overwrite(node.op, shape, written) and row_count(shape) == row_count(written)
    }


def _rank(beginning: _Beginning) -> tuple[int, int, tuple[int, ...]]:
    return beginning.peak_bytes, beginning.alive_bytes, beginning.order


def _shapes(graph: Graph, names: set[str]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tensor.shape) for name, tensor in graph.tensors.items() if name in names]
