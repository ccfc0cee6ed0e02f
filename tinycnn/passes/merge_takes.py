"""Make one Take of two that follow each other, and one of a channel shuffle (Reshape, Transpose, Reshape)."""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Graph, Node, Shape, rebuild
from tinycnn.ops import Reshape, Take, Transpose
from tinycnn.ops.move import FILL, Table


def merge_takes(graph: Graph) -> Graph:
    nodes: dict[str, Node] = {}
    """By output."""
    for node in graph.nodes:
        merged = _shuffle(graph, nodes, node) or _merged(graph, nodes, node)
        for found in merged[1:] if merged else ():
            del nodes[found.outputs[0]]
        kept = merged[0] if merged else node
        nodes[kept.outputs[0]] = kept
    return rebuild(graph, list(nodes.values()), graph.tensors, graph.constants)


def _alone(graph: Graph, nodes: dict[str, Node], node: Node) -> Node | None:
    """The node before, as far as only `node` reads what it makes."""
    (source, *others) = node.inputs
    before = nodes.get(source)
    alone = before is not None and not others and graph.sole_consumer(source) is not None
    return before if alone else None


def _merged(graph: Graph, nodes: dict[str, Node], node: Node) -> tuple[Node, ...] | None:
    before = _alone(graph, nodes, node)
    if before is None or not isinstance(node.op, Take) or not isinstance(before.op, Take):
        return None
    if before.op.fills and node.op.fills and before.op.fill != node.op.fill:
        return None
    tables = tuple(composed(inner, outer) for inner, outer in zip(before.op.tables, node.op.tables, strict=True))
    op = Take(tables, before.op.fill if before.op.fills else node.op.fill)
    origins = tuple(dict.fromkeys(before.origins + node.origins))
    return replace(node, op=op, inputs=before.inputs, origins=origins), before


def composed(inner: Table | None, outer: Table | None) -> Table | None:
    """The table of a Take of `outer` behind one of `inner`."""
    if inner is None or outer is None:
        return outer if inner is None else inner
    return tuple(FILL if index == FILL else inner[index] for index in outer)


def _shuffle(graph: Graph, nodes: dict[str, Node], last: Node) -> tuple[Node, ...] | None:
    """[N, C, ...] to [N, groups, C / groups, ...], those two exchanged, and back."""
    middle = _alone(graph, nodes, last) if isinstance(last.op, Reshape) else None
    first = _alone(graph, nodes, middle) if middle is not None and isinstance(middle.op, Transpose) else None
    if middle is None or first is None or not isinstance(first.op, Reshape) or not isinstance(middle.op, Transpose):
        return None
    shape, split = graph.tensors[first.inputs[0]].shape, graph.tensors[first.outputs[0]].shape
    rank = len(split)
    if (
        graph.tensors[last.outputs[0]].shape != shape
        or len(shape) < 2
        or rank < 3
        or middle.op.permutation != (0, 2, 1, *range(3, rank))
        or split[:1] != shape[:1]
        or split[1] * split[2] != shape[1]
        or int(np.prod(split[3:])) != int(np.prod(shape[2:]))
    ):
        return None
    origins = tuple(dict.fromkeys(first.origins + middle.origins + last.origins))
    op = Take((None, _shuffled(split), *(None,) * (len(shape) - 2)))
    return replace(last, op=op, inputs=first.inputs, origins=origins), first, middle


def _shuffled(split: Shape) -> Table:
    return tuple(np.arange(split[1] * split[2]).reshape(split[1], split[2]).T.reshape(-1).tolist())
