"""Remove Transposes that change nothing, undo each other, or only feed Dense layers through a Reshape.

Transpose -> Reshape to a vector -> Dense(w)      becomes      Reshape -> Dense(w with permuted columns)

A Transpose that only moves axes of size 1 leaves the bytes as they are: it becomes part of the Reshape before or
behind it, or (`transposes_as_reshapes`) a Reshape itself.
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Array, Graph, Node, Shape, rebuild, rename, without_dead_nodes
from tinycnn.ops import Dense, Reshape, Transpose


def fold_transposes(graph: Graph) -> Graph:
    changed: Graph | None = graph
    while changed is not None:
        graph = without_dead_nodes(changed)
        transposes = [node for node in graph.nodes if isinstance(node.op, Transpose)]
        changed = next((found for node in transposes if (found := _rewritten(graph, node))), None)
    return graph


def transposes_as_reshapes(graph: Graph) -> Graph:
    """`graph` with the Transposes that keep the bytes, where `fold_transposes` left some, as Reshapes."""
    for node in graph.nodes:
        if isinstance(node.op, Transpose) and _keeps_bytes(node.op.permutation, graph.tensors[node.inputs[0]].shape):
            (shape,) = graph.shapes(node.outputs)
            graph = _replaced(graph, node, replace(node, op=Reshape((0, *shape[1:]))))
    return graph


def _rewritten(graph: Graph, node: Node) -> Graph | None:
    """`graph` with one Transpose replaced or bypassed; None where nothing can be done."""
    assert isinstance(node.op, Transpose)
    (source,), axes = node.inputs, node.op.permutation
    producer = graph.producers.get(source)
    if source in graph.constants:
        return None
    if producer is not None and isinstance(producer.op, Transpose):
        composed = Transpose(tuple(producer.op.permutation[axis] for axis in axes))
        return _replaced(graph, node, replace(node, op=composed, inputs=producer.inputs))
    if axes == tuple(range(len(axes))):
        return _bypassed(graph, node, source)
    if _keeps_bytes(axes, graph.tensors[source].shape):
        return _joined_with_reshape(graph, node, producer)
    return _folded_into_dense(graph, node)


def _replaced(graph: Graph, old: Node, new: Node) -> Graph:
    nodes = [new if node is old else node for node in graph.nodes]
    return rebuild(graph, nodes, graph.tensors, graph.constants)


def _bypassed(graph: Graph, node: Node, source: str) -> Graph | None:
    """Let `source` stand for the output of `node`; None where both are visible from outside."""
    (output,) = node.outputs
    nodes = [
        replace(reader, inputs=tuple(source if name == output else name for name in reader.inputs))
        for reader in graph.nodes
        if reader is not node
    ]
    if output not in graph.outputs:
        return rebuild(graph, nodes, graph.tensors, graph.constants)
    if source not in graph.producers or source in graph.outputs:
        return None
    tensors = {**graph.tensors, source: replace(graph.tensors[output], name=source)}
    outputs = tuple(source if name == output else name for name in graph.outputs)
    return rename(rebuild(graph, nodes, tensors, graph.constants, outputs=outputs), {source: output})


def _keeps_bytes(axes: tuple[int, ...], shape: Shape) -> bool:
    """Whether a permutation only moves axes of size 1, the batch, whose size may change, apart."""
    moved = [axis for axis in axes if shape[axis] != 1 or axis == 0]
    return axes[:1] == (0,) and moved == sorted(moved)


def _joined_with_reshape(graph: Graph, node: Node, producer: Node | None) -> Graph | None:
    """A Transpose that keeps the bytes as part of the Reshapes behind it or of the one before."""
    (source,), (output,) = node.inputs, node.outputs
    if output in graph.outputs:
        return None
    if all(isinstance(reader.op, Reshape) for reader in graph.consumers[output]):
        return _bypassed(graph, node, source)
    if producer is None or not isinstance(producer.op, Reshape) or graph.sole_consumer(source) is not node:
        return None
    shape = graph.tensors[output].shape
    if shape == graph.tensors[producer.inputs[0]].shape:
        return _bypassed(graph, node, producer.inputs[0])
    merged = replace(producer, op=Reshape((*producer.op.shape[:1], *shape[1:])), outputs=node.outputs)
    without = _replaced(graph, node, merged)
    nodes = [other for other in without.nodes if other is not producer]
    return rename(rebuild(without, nodes, without.tensors, without.constants), {output: source})


def _folded_into_dense(graph: Graph, transpose: Node) -> Graph | None:
    """Reorder the weights of the Dense layers that alone read `transpose` through a Reshape to vectors."""
    assert isinstance(transpose.op, Transpose)
    reshape = graph.sole_consumer(transpose.outputs[0])
    if reshape is None or not isinstance(reshape.op, Reshape) or reshape.outputs[0] in graph.outputs:
        return None
    shape = graph.tensors[transpose.outputs[0]].shape
    layers = graph.consumers.get(reshape.outputs[0], ())
    weights = {node.inputs[1] for node in layers if isinstance(node.op, Dense)}
    if not (
        transpose.op.permutation[0] == 0
        and graph.tensors[reshape.outputs[0]].shape == (shape[0], int(np.prod(shape[1:])))
        and all(isinstance(node.op, Dense) for node in layers)
        and all(reader in layers for name in weights for reader in graph.consumers[name])
    ):
        return None
    constants = dict(graph.constants)
    for name in weights:
        constants[name] = _permuted_columns(constants[name], shape, transpose.op.permutation)
    changed = _replaced(graph, reshape, replace(reshape, inputs=transpose.inputs))
    return rebuild(changed, changed.nodes, changed.tensors, constants)


def _permuted_columns(weights: Array, shape: Shape, permutation: tuple[int, ...]) -> Array:
    """Weights [O, I] over a transposed input of `shape`, reordered for the input before the transposition."""
    inverse = np.argsort(permutation)
    return np.ascontiguousarray(weights.reshape(-1, *shape[1:]).transpose(inverse).reshape(weights.shape))
