"""Import of layers with weights and of pools: convolutions, dense layers, products of matrices."""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Array
from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import Rule, conv_of
from tinycnn.onnx_io.windows import global_window, pool_window_of, transposed_window_of
from tinycnn.ops import (
    Add,
    AveragePool,
    Conv,
    ConvTranspose,
    Dense,
    DequantizeLinear,
    GlobalAveragePool,
    LpPool,
    MatrixProduct,
    MaxPool,
    MaxPoolIndices,
    Transpose,
)

MAX_POWER = 16
"""Of LpPool; float32 overflows soon beyond."""


def conv(builder: Builder, node: OnnxNode) -> None:
    for index, what in enumerate(("weights", "bias")[: len(node.inputs) - 1], start=1):
        if not builder.is_dequantized_constant(node, index):
            builder.constant_value(node, index, what)
    node, op = conv_of(builder, node, 1)
    builder.emit(node, op, node.inputs)


def conv_transpose(builder: Builder, node: OnnxNode) -> None:
    """With strides of 1 it is a Conv: the taps are reversed, and what it pads is what a Conv would not."""
    sizes, shape = builder.spatial_shape(node), builder.shape(node, 1)
    for index, what in enumerate(("weights", "bias")[: len(node.inputs) - 1], start=1):
        if not builder.is_dequantized_constant(node, index):
            builder.constant_value(node, index, what)
    taps, strides = transposed_window_of(node, sizes, shape[2:])
    groups, channels = node.integer("group", 1), builder.shape(node)[1]
    if len(shape) != len(sizes) + 2 or shape[0] != channels or groups < 1 or channels % groups:
        raise RefusalError(f"{channels} input channels, {groups} groups and weights {list(shape)} do not fit together")
    name = _reversed(builder, node, groups)
    op = Conv(taps, groups) if set(strides) == {1} else ConvTranspose(taps, strides, groups)
    builder.emit(node, op, (node.inputs[0], name, *node.inputs[2:]))


def _reversed(builder: Builder, node: OnnxNode, groups: int) -> str:
    """Weights [I, O / groups, kernel...], maybe dequantized ones, as [O, I / groups, kernel from its end...]."""
    source, operator = builder.tensor(node, 1).name, None
    if builder.is_dequantized_constant(node, 1):
        operator = builder.producers[source].op
        source = builder.producers[source].inputs[0]
    value = builder.constants[source]
    by_group = value.reshape(groups, -1, *value.shape[1:]).swapaxes(1, 2)
    weights = np.flip(by_group.reshape(-1, len(value) // groups, *value.shape[2:]), tuple(range(2, value.ndim)))
    name = builder.add_constant(f"{source}_reversed", np.ascontiguousarray(weights))
    if not isinstance(operator, DequantizeLinear):
        return name
    quantization = operator.quantization
    if quantization.axis == 1:
        quantization = replace(quantization, scale=groups * quantization.scale, axis=0)
    elif quantization.axis is not None:
        raise RefusalError("its weights have a scale for each input channel")
    output = builder.unused(f"{node.inputs[1]}_reversed")
    builder.emit(node, DequantizeLinear(quantization), (name,), "float32", output)
    return output


def gemm(builder: Builder, node: OnnxNode) -> None:
    """alpha * A @ B + beta * C with constant B and C; the factors are folded into the constants."""
    alpha, beta = np.float32(node.number("alpha", 1.0)), np.float32(node.number("beta", 1.0))
    transposed = bool(node.integer("transB", 0))
    if len(builder.shape(node)) != 2 or len(builder.shape(node, 1)) != 2:
        raise RefusalError("its factors must be matrices")
    source = node.inputs[0]
    if node.integer("transA", 0):
        source = builder.unused(f"{node.inputs[0]}_columns")
        builder.emit(node, Transpose((1, 0)), node.inputs[:1], output=source)
    if builder.is_dequantized_constant(node, 1):
        if alpha != 1 or beta != 1:
            raise RefusalError("alpha and beta other than 1 are not supported on quantized weights")
        weights = node.inputs[1] if transposed else _transposed(builder, node)
        bias = node.inputs[2:3]
    else:
        value = builder.constant_value(node, 1, "weights")
        rows = value if transposed else value.T
        if transposed and alpha == 1:
            weights = node.inputs[1]
        else:
            weights = builder.add_constant(f"{node.inputs[1]}_rows", np.ascontiguousarray(rows * alpha))
        if node.has_input(2) and _is_matrix(builder.constant_value(node, 2, "bias")):
            _matrix_behind(builder, node, (source, weights), beta)
            return
        bias = (_gemm_bias(builder, node, len(rows), beta),) if node.has_input(2) else ()
    builder.emit(node, Dense(), (source, weights, *bias))


def _is_matrix(bias: Array) -> bool:
    return bias.ndim == 2 and bias.shape[0] != 1


def _matrix_behind(builder: Builder, node: OnnxNode, inputs: tuple[str, ...], beta: np.float32) -> None:
    """A bias with other numbers for each row is added behind the layer."""
    product = builder.unused(f"{node.outputs[0]}_product")
    builder.emit(node, Dense(), inputs, output=product)
    addend = builder.add_constant(f"{node.inputs[2]}_matrix", builder.constant_value(node, 2, "bias") * beta)
    builder.emit(node, Add(), (product, addend))


def _gemm_bias(builder: Builder, node: OnnxNode, outputs: int, beta: np.float32) -> str:
    value = builder.constant_value(node, 2, "bias")
    if value.shape == (outputs,) and beta == 1:
        return node.inputs[2]
    if value.size != 1 and (value.size, value.shape[-1]) != (outputs, outputs):
        raise RefusalError(f"its bias {list(value.shape)} is not one number for each of the {outputs} outputs")
    return builder.add_constant(f"{node.inputs[2]}_vector", np.broadcast_to(value.reshape(-1) * beta, (outputs,)))


def matmul(builder: Builder, node: OnnxNode) -> None:
    """With a constant matrix behind it a Dense layer, over the last axis of whatever comes before."""
    is_matrix = len(builder.shape(node, 1)) == 2
    if is_matrix and builder.is_dequantized_constant(node, 1):
        weights = _transposed(builder, node)
    elif not is_matrix or not builder.is_constant(node, 1) or builder.tensor(node, 0).dtype != "float32":
        builder.emit(node, MatrixProduct(), node.inputs)
        return
    else:
        value = builder.constant_value(node, 1, "second factor")
        weights = builder.add_constant(f"{node.inputs[1]}_rows", np.ascontiguousarray(value.T))
    builder.emit(node, Dense(), (node.inputs[0], weights))


def _transposed(builder: Builder, node: OnnxNode) -> str:
    """Weights [I, O] behind a DequantizeLinear, as Transpose to the [O, I] of Dense."""
    output = builder.unused(f"{node.inputs[1]}_rows")
    builder.emit(node, Transpose((1, 0)), (node.inputs[1],), "float32", output)
    return output


def max_pool(builder: Builder, node: OnnxNode) -> None:
    window = pool_window_of(node, builder.spatial_shape(node))
    builder.emit(node, MaxPool(window), node.inputs)
    if len(node.outputs) > 1:
        indices = MaxPoolIndices(window, bool(node.integer("storage_order", 0)))
        builder.emit(node, indices, node.inputs, "int64", node.outputs[1])


def global_max_pool(builder: Builder, node: OnnxNode) -> None:
    """A MaxPool whose window is the whole image."""
    builder.emit(node, MaxPool(global_window(builder.spatial_shape(node))), node.inputs)


def lp_pool(builder: Builder, node: OnnxNode) -> None:
    """Padding counts nothing, so that what ceil_mode adds at the end is padding too."""
    sizes = builder.spatial_shape(node)
    window = pool_window_of(node, sizes)
    builder.emit(node, LpPool(window.without_ceil_mode(sizes), _power(node)), node.inputs)


def global_lp_pool(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, LpPool(global_window(builder.spatial_shape(node)), _power(node)), node.inputs)


def _power(node: OnnxNode) -> int:
    power = node.integer("p", 2)
    if not 1 <= power <= MAX_POWER:
        raise RefusalError(f"its p={power} is not 1 to {MAX_POWER}")
    return power


def average_pool(builder: Builder, node: OnnxNode) -> None:
    window = pool_window_of(node, builder.spatial_shape(node))
    builder.emit(node, AveragePool(window, bool(node.integer("count_include_pad", 0))), node.inputs)


def global_average_pool(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, GlobalAveragePool(), node.inputs)


LAYER_RULES: dict[str, Rule] = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "GlobalLpPool": global_lp_pool,
    "GlobalMaxPool": global_max_pool,
    "LpPool": lp_pool,
    "MatMul": matmul,
    "MaxPool": max_pool,
}
