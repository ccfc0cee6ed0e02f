"""Turn an AveragePool whose one window is the whole input into a GlobalAveragePool, which needs only sums of rows."""

from dataclasses import replace

from tinycnn.ir import Graph, Node
from tinycnn.ops import AveragePool, GlobalAveragePool


def global_pools(graph: Graph) -> Graph:
    return replace(graph, nodes=tuple(_rewritten(graph, node) for node in graph.nodes))


def _rewritten(graph: Graph, node: Node) -> Node:
    if not isinstance(node.op, AveragePool):
        return node
    shape = graph.tensors[node.inputs[0]].shape
    sizes = shape[1:-1] if node.op.channels_last else shape[2:]
    if node.op.window.kernel != sizes or any(node.op.window.pads) or set(node.op.window.dilations) != {1}:
        return node
    return replace(node, op=GlobalAveragePool(node.op.channels_last))
