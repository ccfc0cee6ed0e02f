"""Fold the addition of a constant vector into the Dense or Conv before it.

Dense(x, w) -> Add(constant)      becomes      Dense(x, w, constant)
"""

import numpy as np

from tinycnn.ir import Array, Graph, Node, Tensor, rebuild
from tinycnn.ops import Add, Conv, Dense


def fold_bias(graph: Graph) -> Graph:
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    made_by: dict[str, int] = {}
    for node in graph.nodes:
        computed = graph.activations(node)
        index = made_by.get(computed[0]) if len(computed) == 1 else None
        if isinstance(node.op, Add) and index is not None and graph.sole_consumer(computed[0]) is node:
            producer = nodes[index]
            addend = constants[next(name for name in node.inputs if name in constants)]
            vector = _per_channel(graph, producer, addend)
            if vector is not None:
                name = f"{node.name}.bias"
                if len(producer.inputs) > 2:
                    vector = vector + constants[producer.inputs[2]]
                constants[name], tensors[name] = vector, Tensor(name, vector.shape)
                origins = producer.origins + node.origins
                nodes[index] = Node(producer.name, producer.op, (*producer.inputs[:2], name), node.outputs, origins)
                made_by[node.outputs[0]] = index
                continue
        made_by.update({output: len(nodes) for output in node.outputs})
        nodes.append(node)
    return rebuild(graph, nodes, tensors, constants)


def _per_channel(graph: Graph, producer: Node, addend: Array) -> Array | None:
    """`addend` as a bias of `producer`, or None where it differs between positions or changes the shape."""
    shape = graph.tensors[producer.outputs[0]].shape
    if isinstance(producer.op, Dense):
        axis = len(shape) - 1
    elif isinstance(producer.op, Conv):
        axis = 1
    else:
        return None
    if addend.ndim > len(shape):
        return None
    sizes = (1,) * (len(shape) - addend.ndim) + addend.shape
    if any(size not in ((1, shape[axis]) if i == axis else (1,)) for i, size in enumerate(sizes)):
        return None
    return np.broadcast_to(addend.reshape(-1), (shape[axis],)).astype(np.float32)
