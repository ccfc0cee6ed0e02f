"""Operators with a constant operand as operators of one input.

One number makes Add, Mul and the like a function of each element. A number per channel, as a lone BatchNormalization
has it, is a depthwise 1x1 convolution, and so is a number per element, each of which is a channel then. A difference of
two tensors is the sum with the negative of the second, whose bytes lose nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinycnn.ir import Array, Graph, Node, Tensor, rebuild, unused_name
from tinycnn.ops import (
    Add,
    Arithmetic,
    BatchNormalization,
    Clip,
    Conv,
    Divide,
    Extremum,
    Multiply,
    PRelu,
    Reshape,
    Unary,
    Window,
)
from tinycnn.ops.batchnorm import affine

MAX_ELEMENTS = 2**14
"""Elements of a sample that may have a number each; they take about 12 bytes of constants."""
SYMBOLS: Mapping[str, str] = {"Add": "+", "Mul": "*", "Sub": "-", "Div": "/", "Pow": "**"}


def constant_numbers(graph: Graph) -> Graph:
    """Operands of one number become parameters: x + c, c / x, min(x, c)."""
    return rebuild(graph, [_with_number(graph, node) for node in graph.nodes], graph.tensors, graph.constants)


def _with_number(graph: Graph, node: Node) -> Node:
    computed = graph.activations(node)
    if isinstance(node.op, PRelu):
        return _with_slopes(graph, node)
    if (
        not isinstance(node.op, Add | Arithmetic | Divide | Extremum | Multiply)
        or len(computed) != 1
        or len(node.inputs) != 2
    ):
        return node
    (constant,) = (graph.constants[name] for name in node.inputs if name not in computed)
    if constant.size != 1 or constant.ndim > len(graph.tensors[computed[0]].shape) or constant.dtype != np.float32:
        return node
    number = float(constant.reshape(-1)[0])
    if not np.isfinite(number):
        return node
    if isinstance(node.op, Extremum):
        limits = Clip(low=number) if node.op.function == "Max" else Clip(high=number)
        return replace(node, op=limits, inputs=computed)
    symbol, first = SYMBOLS[node.op.label], node.inputs[0] in computed
    if not first and symbol == "**":
        return node
    function = f"x {symbol} c" if first or symbol in "+*" else f"c {symbol} x"
    return replace(node, op=Unary(function, (number,)), inputs=computed)


def _with_slopes(graph: Graph, node: Node) -> Node:
    """A PRelu with one slope for each channel."""
    shape = graph.tensors[node.inputs[0]].shape
    slopes = graph.constants.get(node.inputs[1]) if len(node.inputs) == 2 else None
    if slopes is None or len(shape) < 2:
        return node
    sizes = (1,) * (len(shape) - slopes.ndim) + slopes.shape
    if sizes != (1, shape[1], *(1,) * (len(shape) - 2)) or not np.isfinite(slopes).all():
        return node
    return replace(node, op=PRelu(tuple(slopes.reshape(-1).tolist())), inputs=node.inputs[:1])


def lone_affine(graph: Graph) -> Graph:
    """What `fold_affine` found no layer for: depthwise convolutions, and sums for differences."""
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for node in graph.nodes:
        computed = graph.activations(node)
        found = _per_channel(graph, node) if len(computed) == 1 else None
        each = _per_element(graph, node) if len(computed) == 1 and found is None else None
        if each is not None:
            nodes += _over_elements(graph, node, *each, tensors, constants)
        elif found is not None:
            rank = len(graph.tensors[computed[0]].shape)
            factor, offset = (value.astype(np.float32) for value in found)
            names = [unused_name(f"{node.name}.{what}", tensors) for what in ("weight", "bias")]
            weights = factor.reshape(-1, *(1,) * (rank - 1))
            for name, value in zip(names, (weights, offset), strict=True):
                constants[name], tensors[name] = value, Tensor(name, value.shape)
            op = Conv(Window.of((1,) * (rank - 2)), len(factor))
            nodes.append(replace(node, op=op, inputs=(computed[0], *names)))
        elif node.op == Arithmetic("Sub") and len(computed) == 2:
            subtrahend = node.inputs[1]
            name = unused_name(f"{node.outputs[0]}_negative", tensors)
            tensors[name] = Tensor(name, graph.tensors[subtrahend].shape)
            nodes.append(Node(f"{node.name}_negative", Unary("Neg"), (subtrahend,), (name,), node.origins))
            nodes.append(replace(node, op=Add(), inputs=(node.inputs[0], name)))
        else:
            nodes.append(node)
    return rebuild(graph, nodes, tensors, constants)


def _per_channel(graph: Graph, node: Node) -> tuple[Array, Array] | None:
    """The factor and offset of each channel of an image or signal, [C] both; None where there is more or less to it."""
    shape = graph.tensors[node.outputs[0]].shape
    if len(shape) not in (3, 4):
        return None
    if isinstance(node.op, BatchNormalization):
        gain, bias, mean, variance = (graph.constants[name] for name in node.inputs[1:])
        return affine(gain, bias, mean, variance, node.op.epsilon)
    value = _operand(graph, node)
    if value is None or graph.tensors[graph.activations(node)[0]].shape != shape:
        return None
    sizes = (1,) * (len(shape) - value.ndim) + value.shape
    if sizes != (1, shape[1], *(1,) * (len(shape) - 2)):
        return None
    return _affine_of(node, value)


def _operand(graph: Graph, node: Node) -> Array | None:
    """The constant that a node adds, multiplies with, divides by or takes a tensor from."""
    is_second = node.inputs[-1] in graph.constants
    if not (
        isinstance(node.op, Add | Multiply)
        or (isinstance(node.op, Divide) and is_second)
        or (node.op == Arithmetic("Sub") and not is_second)
    ):
        return None
    return next(graph.constants[name] for name in node.inputs if name in graph.constants)


def _affine_of(node: Node, value: Array) -> tuple[Array, Array]:
    """The factors and offsets of what a node does with a constant, [size] both."""
    numbers = value.reshape(-1).astype(np.float64)
    if isinstance(node.op, Add | Arithmetic):
        return np.full(len(numbers), 1.0 if isinstance(node.op, Add) else -1.0), numbers
    return (1 / numbers if isinstance(node.op, Divide) else numbers), np.zeros(len(numbers))


def _per_element(graph: Graph, node: Node) -> tuple[Array, Array] | None:
    """The factor and offset of each element of a sample, unless there are too many; None without a constant."""
    shape = graph.tensors[node.outputs[0]].shape
    sample = (1, *shape[1:])
    if len(shape) < 2 or math.prod(sample) > MAX_ELEMENTS:
        return None
    if isinstance(node.op, BatchNormalization) and len(shape) == 2:
        gain, bias, mean, variance = (graph.constants[name] for name in node.inputs[1:])
        return affine(gain, bias, mean, variance, node.op.epsilon)
    value = _operand(graph, node)
    if value is None or graph.tensors[graph.activations(node)[0]].shape != shape or value.dtype != np.float32:
        return None
    if np.broadcast_shapes(value.shape, sample) != sample:
        return None
    found = _affine_of(node, np.broadcast_to(value, sample))
    return found if all(np.isfinite(part).all() for part in found) else None


def _over_elements(
    graph: Graph,
    node: Node,
    factor: Array,
    offset: Array,
    tensors: dict[str, Tensor],
    constants: dict[str, Array],
) -> list[Node]:
    """A depthwise convolution of a signal that has each element of the sample as a channel."""
    (source,), (output,) = graph.activations(node), node.outputs
    shape = graph.tensors[output].shape
    names = [unused_name(f"{node.name}.{what}", tensors) for what in ("weight", "bias", "signal", "result")]
    signal = (shape[0], len(factor), 1)
    for name, value in zip(names, (factor.reshape(-1, 1, 1), offset), strict=False):
        constants[name] = value.astype(np.float32)
        tensors[name] = Tensor(name, value.shape)
    for name in names[2:]:
        tensors[name] = Tensor(name, signal)
    convolution = Conv(Window.of((1,)), len(factor))
    return [
        Node(f"{node.name}.signal", Reshape((0, *signal[1:])), (source,), (names[2],), node.origins),
        replace(node, op=convolution, inputs=(names[2], *names[:2]), outputs=(names[3],)),
        Node(f"{node.name}.result", Reshape((0, *shape[1:])), (names[3],), (output,), node.origins),
    ]
