"""Remove Transposes that change nothing, undo each other, or only feed a Dense through a Reshape.

Transpose -> Reshape to a vector -> Dense(w)      becomes      Reshape -> Dense(w with permuted columns)
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Array, Graph, Node, Shape, rebuild
from tinycnn.ops import Dense, Reshape, Transpose


def fold_transposes(graph: Graph) -> Graph:
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        source = node.inputs[0]
        if isinstance(node.op, Transpose) and source not in constants:
            previous = next((n for n in reversed(nodes) if source in n.outputs), None)
            permutation = node.op.permutation
            if previous is not None and isinstance(previous.op, Transpose):
                permutation = tuple(previous.op.permutation[axis] for axis in permutation)
                source = previous.inputs[0]
                node = replace(node, op=Transpose(permutation), inputs=(source,))
            if permutation == tuple(range(len(permutation))) and node.outputs[0] not in graph.outputs:
                renamed[node.outputs[0]] = source
                continue
        nodes.append(node)
    changed = _without_dead(rebuild(graph, nodes, tensors, constants))
    for node in changed.nodes:
        if isinstance(node.op, Dense):
            changed = _fold_into_dense(changed, node)
    return changed


def _without_dead(graph: Graph) -> Graph:
    """Drop Transposes that nothing reads any more."""
    read = {*graph.outputs, *(name for node in graph.nodes for name in node.inputs)}
    kept = [node for node in graph.nodes if not isinstance(node.op, Transpose) or node.outputs[0] in read]
    return rebuild(graph, kept, graph.tensors, graph.constants)


def _fold_into_dense(graph: Graph, dense: Node) -> Graph:
    reshape = graph.producers.get(dense.inputs[0])
    if reshape is None or not isinstance(reshape.op, Reshape) or graph.sole_consumer(dense.inputs[0]) is not dense:
        return graph
    transpose = graph.producers.get(reshape.inputs[0])
    if transpose is None or not isinstance(transpose.op, Transpose):
        return graph
    if graph.sole_consumer(reshape.inputs[0]) is not reshape or transpose.op.permutation[0] != 0:
        return graph
    shape = graph.tensors[reshape.inputs[0]].shape
    weights_name = dense.inputs[1]
    if graph.tensors[dense.inputs[0]].shape != (shape[0], int(np.prod(shape[1:]))):
        return graph
    if graph.consumers[weights_name] != (dense,):
        return graph
    constants, tensors = dict(graph.constants), dict(graph.tensors)
    constants[weights_name] = _permuted_columns(graph, weights_name, shape, transpose.op.permutation)
    nodes = [
        replace(node, inputs=transpose.inputs) if node is reshape else node
        for node in graph.nodes
        if node is not transpose
    ]
    return rebuild(graph, nodes, tensors, constants)


def _permuted_columns(graph: Graph, name: str, shape: Shape, permutation: tuple[int, ...]) -> Array:
    """Weights [O, I] over a transposed input of `shape`, reordered for the input before the transposition."""
    weights = graph.constants[name]
    inverse = np.argsort(permutation)
    return np.ascontiguousarray(weights.reshape(-1, *shape[1:]).transpose(inverse).reshape(weights.shape))
