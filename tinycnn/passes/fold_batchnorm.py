"""Fold BatchNormalization into the Conv or Dense before it.

Conv(x, w, b) -> BatchNormalization      becomes      Conv(x, w * factor, b * factor + offset)
"""

import numpy as np

from tinycnn.ir import Array, Graph, Node, Tensor, rebuild
from tinycnn.ops import BatchNormalization, Conv, Dense
from tinycnn.ops.batchnorm import affine


def fold_batchnorm(graph: Graph) -> Graph:
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    made_by: dict[str, int] = {}
    for node in graph.nodes:
        index = made_by.get(node.inputs[0])
        if isinstance(node.op, BatchNormalization) and index is not None:
            producer = nodes[index]
            if isinstance(producer.op, Conv | Dense) and graph.sole_consumer(node.inputs[0]) is node:
                values = [constants[name] for name in node.inputs[1:]]
                weights, bias = _folded(producer, constants, affine(*values, node.op.epsilon))
                names = (f"{node.name}.weight", f"{node.name}.bias")
                for name, value in zip(names, (weights, bias), strict=True):
                    constants[name] = value
                    tensors[name] = Tensor(name, value.shape)
                origins = producer.origins + node.origins
                nodes[index] = Node(producer.name, producer.op, (producer.inputs[0], *names), node.outputs, origins)
                made_by[node.outputs[0]] = index
                continue
        made_by.update({output: len(nodes) for output in node.outputs})
        nodes.append(node)
    return rebuild(graph, nodes, tensors, constants)


def _folded(node: Node, constants: dict[str, Array], normalization: tuple[Array, Array]) -> tuple[Array, Array]:
    factor, offset = normalization
    weights = constants[node.inputs[1]]
    bias = constants[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(weights.shape[0])
    scaled = weights * factor.reshape(-1, *(1,) * (weights.ndim - 1))
    return scaled.astype(np.float32), (bias * factor + offset).astype(np.float32)
