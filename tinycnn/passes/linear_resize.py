"""Linear Resizes with the weights that int8 has, so that the calibrated float graph is that of the int8 one."""

from dataclasses import replace

from tinycnn.ir import Graph
from tinycnn.ops import ResizeLinear


def linear_resize(graph: Graph) -> Graph:
    nodes = [replace(node, op=node.op.rounded()) if isinstance(node.op, ResizeLinear) else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))
