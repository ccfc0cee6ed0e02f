"""Fold what scales or shifts each channel by a constant into the Conv or Dense before it.

Conv(x, w, b) -> BatchNormalization      becomes      Conv(x, w * factor, b * factor + offset)
Dense(x, w) -> Add(vector)               becomes      Dense(x, w, vector)
"""

from collections.abc import Mapping

import numpy as np

from tinycnn.ir import Array, Graph, Node, Tensor, rebuild, unused_name
from tinycnn.ops import Add, BatchNormalization, Conv, ConvTranspose, Dense, Multiply
from tinycnn.ops.batchnorm import affine


def fold_affine(graph: Graph) -> Graph:
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    made_by: dict[str, int] = {}
    for node in graph.nodes:
        computed = graph.activations(node)
        alone = len(computed) == 1 and graph.sole_consumer(computed[0]) is node
        index = made_by.get(computed[0]) if alone else None
        folded = _factor_and_offset(graph, nodes[index], node) if index is not None else None
        if index is None or folded is None:
            made_by.update({output: len(nodes) for output in node.outputs})
            nodes.append(node)
            continue
        producer = nodes[index]
        names = []
        for position, (what, value) in enumerate(_folded(producer, constants, *folded).items(), start=1):
            name = producer.inputs[position] if position < len(producer.inputs) else ""
            if not name or len(graph.consumers.get(name, ())) > 1:
                name = unused_name(f"{producer.name}.{what}", tensors)
            constants[name], tensors[name] = value, Tensor(name, value.shape)
            names.append(name)
        origins = producer.origins + node.origins
        nodes[index] = Node(producer.name, producer.op, (producer.inputs[0], *names), node.outputs, origins)
        made_by[node.outputs[0]] = index
    return rebuild(graph, nodes, tensors, constants)


def _factor_and_offset(graph: Graph, producer: Node, node: Node) -> tuple[Array, Array] | None:
    """What `node` does to each output channel of `producer`, float64 [O] both; None where it cannot be folded."""
    shape = graph.tensors[producer.outputs[0]].shape
    if isinstance(producer.op, Conv | ConvTranspose):
        axis = 1
    elif isinstance(producer.op, Dense):
        axis = len(shape) - 1
    else:
        return None
    if isinstance(node.op, BatchNormalization) and axis == 1:
        gain, bias, mean, variance = (graph.constants[name] for name in node.inputs[1:])
        return affine(gain, bias, mean, variance, node.op.epsilon)
    if isinstance(node.op, Add | Multiply):
        addend = next(graph.constants[name] for name in node.inputs if name in graph.constants)
        sizes = (1,) * (len(shape) - addend.ndim) + addend.shape
        per_channel = (*(1,) * axis, shape[axis], *(1,) * (len(shape) - axis - 1))
        if sizes == per_channel or (addend.size == 1 and addend.ndim <= len(shape)):
            numbers = np.broadcast_to(addend.astype(np.float64).reshape(-1), (shape[axis],))
            if isinstance(node.op, Multiply):
                return numbers, np.zeros(shape[axis])
            return np.ones(shape[axis]), numbers
    return None


def _folded(node: Node, constants: Mapping[str, Array], factor: Array, offset: Array) -> dict[str, Array]:
    """The weights and bias of a Conv or Dense that also multiplies by `factor` and adds `offset`, both [O]."""
    weights = constants[node.inputs[1]]
    bias = constants[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(len(weights))
    scaled = weights * factor.reshape(-1, *(1,) * (weights.ndim - 1))
    return {"weight": scaled.astype(np.float32), "bias": (bias * factor + offset).astype(np.float32)}
