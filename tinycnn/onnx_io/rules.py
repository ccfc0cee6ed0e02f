"""Import of float operators: one rule per ONNX operator type, and the table of all rules."""

import math

import numpy as np

from tinycnn.ir import Shape
from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import QUANTIZED_RULES, Rule
from tinycnn.onnx_io.windows import global_window, pool_window_of, window_of
from tinycnn.ops import (
    Add,
    AveragePool,
    BatchNormalization,
    Clip,
    Conv,
    Dense,
    GlobalAveragePool,
    MaxPool,
    Reshape,
    Softmax,
    Transpose,
)
from tinycnn.ops.batchnorm import affine


def conv(builder: Builder, node: OnnxNode) -> None:
    for index, what in enumerate(("weights", "bias")[: len(node.inputs) - 1], start=1):
        if not builder.is_dequantized_constant(node, index):
            builder.constant_value(node, index, what)
    window = window_of(node, builder.spatial_shape(node), builder.shape(node, 1)[2:])
    builder.emit(node, Conv(window, node.integer("group", 1)), node.inputs)


def gemm(builder: Builder, node: OnnxNode) -> None:
    """alpha * A @ B + beta * C with constant B and C; the factors are folded into the constants."""
    if node.integer("transA", 0):
        raise RefusalError("transA=1 is not supported")
    alpha, beta = np.float32(node.number("alpha", 1.0)), np.float32(node.number("beta", 1.0))
    transposed = bool(node.integer("transB", 0))
    if len(builder.shape(node)) != 2 or len(builder.shape(node, 1)) != 2:
        raise RefusalError("its factors must be matrices")
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
        bias = (_gemm_bias(builder, node, len(rows), beta),) if node.has_input(2) else ()
    builder.emit(node, Dense(), (node.inputs[0], weights, *bias))


def _gemm_bias(builder: Builder, node: OnnxNode, outputs: int, beta: np.float32) -> str:
    value = builder.constant_value(node, 2, "bias")
    if value.shape == (outputs,) and beta == 1:
        return node.inputs[2]
    if value.size != 1 and (value.size, value.shape[-1]) != (outputs, outputs):
        raise RefusalError(f"its bias {list(value.shape)} is not one number for each of the {outputs} outputs")
    return builder.add_constant(f"{node.inputs[2]}_vector", np.broadcast_to(value.reshape(-1) * beta, (outputs,)))


def matmul(builder: Builder, node: OnnxNode) -> None:
    if len(builder.shape(node, 1)) != 2:
        raise RefusalError(f"its second factor must be a matrix, not {list(builder.shape(node, 1))}")
    if builder.is_dequantized_constant(node, 1):
        weights = _transposed(builder, node)
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
    if len(node.outputs) > 1:
        raise RefusalError("the output of indices is not supported")
    builder.emit(node, MaxPool(pool_window_of(node, builder.spatial_shape(node))), node.inputs)


def global_max_pool(builder: Builder, node: OnnxNode) -> None:
    """A MaxPool whose window is the whole image."""
    builder.emit(node, MaxPool(global_window(builder.spatial_shape(node))), node.inputs)


def average_pool(builder: Builder, node: OnnxNode) -> None:
    window = pool_window_of(node, builder.spatial_shape(node))
    builder.emit(node, AveragePool(window, bool(node.integer("count_include_pad", 0))), node.inputs)


def global_average_pool(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, GlobalAveragePool(), node.inputs)


def relu(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Clip(0.0), node.inputs)


def clip(builder: Builder, node: OnnxNode) -> None:
    low = builder.scalar(node, 1, "minimum") if node.has_input(1) else -np.inf
    high = builder.scalar(node, 2, "maximum") if node.has_input(2) else np.inf
    builder.emit(node, Clip(low, high), node.inputs[:1])


def add(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Add(), node.inputs)


def batch_normalization(builder: Builder, node: OnnxNode) -> None:
    if node.integer("training_mode", 0) or len(node.outputs) > 1:
        raise RefusalError("training mode is not supported; export the model for inference")
    epsilon = node.number("epsilon", 1e-5)
    gain, bias, mean, variance = (
        builder.constant_value(node, index, what)
        for index, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )
    op = BatchNormalization(epsilon)
    op.output_shapes(builder.shape(node), gain.shape, bias.shape, mean.shape, variance.shape)
    factor, offset = affine(gain, bias, mean, variance, epsilon)
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise RefusalError("its variance is negative or its factors are not finite")
    builder.emit(node, op, node.inputs)


def flatten(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise RefusalError(f"it has no axis {axis} to flatten at")
    axis = axis + len(shape) if axis < 0 else axis
    builder.emit(node, _reshape(shape, (math.prod(shape[:axis]), math.prod(shape[axis:]))), node.inputs)


def reshape(builder: Builder, node: OnnxNode) -> None:
    value = builder.constant_value(node, 1, "shape")
    if value.dtype != np.int64:
        raise RefusalError(f"its shape is {value.dtype}, not int64")
    wanted = tuple(value.reshape(-1).tolist())
    if node.integer("allowzero", 0) and 0 in wanted:
        raise RefusalError("tensors without elements are not supported")
    source = builder.shape(node)
    (shape,) = Reshape(wanted).output_shapes(source)
    builder.emit(node, _reshape(source, shape), node.inputs[:1])


def _reshape(source: Shape, shape: Shape) -> Reshape:
    """An unchanged first axis is the batch: keep it, whatever its size will be."""
    return Reshape((0, *shape[1:]) if source[:1] == shape[:1] and shape else shape)


def softmax(builder: Builder, node: OnnxNode) -> None:
    rank, axis = len(builder.shape(node)), node.integer("axis", -1)
    if not -rank <= axis < rank:
        raise RefusalError(f"its input has no axis {axis}")
    builder.emit(node, Softmax(axis % rank), node.inputs)


def transpose(builder: Builder, node: OnnxNode) -> None:
    axes = node.integers("perm") or tuple(reversed(range(len(builder.shape(node)))))
    builder.emit(node, Transpose(axes), node.inputs)


def identity(builder: Builder, node: OnnxNode) -> None:
    """The output is another name for the input."""
    builder.aliases[node.outputs[0]] = builder.tensor(node, 0).name


def dropout(builder: Builder, node: OnnxNode) -> None:
    """Nothing, at inference."""
    if len(node.outputs) > 1:
        raise RefusalError("the output of a mask is not supported")
    if node.has_input(2) and builder.constant_value(node, 2, "training_mode").any():
        raise RefusalError("training mode is not supported; export the model for inference")
    identity(builder, node)


def constant(builder: Builder, node: OnnxNode) -> None:
    dtypes = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    value = node.attributes.get("value")
    for name, dtype in dtypes.items():
        if name in node.attributes:
            value = np.array(node.attributes[name], dtype)
    if not isinstance(value, np.ndarray):
        raise RefusalError("only constants of numbers are supported")
    builder.declare_constant(node.outputs[0], value)


RULES: dict[str, Rule] = {
    "Add": add,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Constant": constant,
    "Conv": conv,
    "Dropout": dropout,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "Identity": identity,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "Relu": relu,
    "Reshape": reshape,
    "Softmax": softmax,
    "Transpose": transpose,
    **QUANTIZED_RULES,
}
"""Operator type (with its domain before a dot where it is not ONNX's own) to the function that imports it."""
ANY_TYPE = {"Constant", "Dropout", "Flatten", "Identity", "MaxPool", "Reshape", "Transpose", *QUANTIZED_RULES}
"""Those that take other inputs than float32."""
