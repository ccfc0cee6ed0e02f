"""Import of float operators: one rule per ONNX operator type, and the table of all rules."""

import numpy as np

from tinycnn.onnx_io.node import Builder, OnnxNode, Refusal
from tinycnn.onnx_io.quantized_rules import QUANTIZED_RULES, Rule
from tinycnn.onnx_io.windows import window_of
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


def conv(builder: Builder, node: OnnxNode) -> None:
    builder.constant_value(node, 1, "weights") if not _is_dequantized(builder, node, 1) else None
    kernel = builder.shape(node.inputs[1])[2:]
    window = window_of(node, builder.shape(node.inputs[0])[2:], kernel)
    builder.emit(node, Conv(window, int(node.attributes.get("group", 1))), node.inputs)


def gemm(builder: Builder, node: OnnxNode) -> None:
    """alpha * A @ B + beta * C with constant B and C; the factors are folded into the constants."""
    if node.attributes.get("transA", 0):
        raise Refusal("transA=1 is not supported")
    alpha, beta = np.float32(node.attributes.get("alpha", 1.0)), np.float32(node.attributes.get("beta", 1.0))
    transposed = bool(node.attributes.get("transB", 0))
    if _is_dequantized(builder, node, 1):
        if (alpha, beta) != (1, 1):
            raise Refusal("alpha and beta other than 1 are not supported on quantized weights")
        weights = node.inputs[1] if transposed else _transposed(builder, node)
        bias = node.inputs[2:3]
    else:
        value = builder.constant_value(node, 1, "weights")
        if transposed and alpha == 1:
            weights = node.inputs[1]
        else:
            rows = np.ascontiguousarray(value if transposed else value.T) * alpha
            weights = builder.add_constant(f"{node.inputs[1]}_rows", rows)
        bias = (_gemm_bias(builder, node, beta),) if node.has_input(2) else ()
    builder.emit(node, Dense(), (node.inputs[0], weights, *bias))


def _gemm_bias(builder: Builder, node: OnnxNode, beta: np.float32) -> str:
    value = builder.constant_value(node, 2, "bias")
    outputs = _dense_outputs(builder, node)
    if value.shape == (outputs,) and beta == 1:
        return node.inputs[2]
    if value.ndim > 1 and value.shape[0] != 1:
        raise Refusal(f"its bias {list(value.shape)} differs between rows")
    vector = np.broadcast_to(value.reshape(-1), (outputs,)) * beta
    return builder.add_constant(f"{node.inputs[2]}_vector", vector)


def _dense_outputs(builder: Builder, node: OnnxNode) -> int:
    shape = builder.shape(node.inputs[1])
    return shape[0] if node.attributes.get("transB", 0) else shape[1]


def matmul(builder: Builder, node: OnnxNode) -> None:
    if _is_dequantized(builder, node, 1):
        weights = _transposed(builder, node)
    else:
        value = builder.constant_value(node, 1, "second factor")
        if value.ndim != 2:
            raise Refusal(f"its second factor must be a matrix, not {list(value.shape)}")
        weights = builder.add_constant(f"{node.inputs[1]}_rows", np.ascontiguousarray(value.T))
    builder.emit(node, Dense(), (node.inputs[0], weights))


def _transposed(builder: Builder, node: OnnxNode) -> str:
    """Weights [I, O] behind a DequantizeLinear, as Transpose to the [O, I] of Dense."""
    output = builder.unused(f"{node.inputs[1]}_rows")
    builder.emit(node, Transpose((1, 0)), (node.inputs[1],), "float32", output)
    return output


def _is_dequantized(builder: Builder, node: OnnxNode, index: int) -> bool:
    """Whether an input is made by DequantizeLinear from a constant."""
    name = builder.resolve(node.inputs[index])
    producer = next((n for n in builder.nodes if name in n.outputs), None)
    return producer is not None and producer.op.label == "DequantizeLinear" and producer.inputs[0] in builder.constants


def max_pool(builder: Builder, node: OnnxNode) -> None:
    if len(node.outputs) > 1:
        raise Refusal("the output of indices is not supported")
    window = window_of(node, builder.shape(node.inputs[0])[2:])
    builder.emit(node, MaxPool(window), node.inputs)


def average_pool(builder: Builder, node: OnnxNode) -> None:
    window = window_of(node, builder.shape(node.inputs[0])[2:])
    builder.emit(node, AveragePool(window, bool(node.attributes.get("count_include_pad", 0))), node.inputs)


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
    if node.attributes.get("training_mode", 0):
        raise Refusal("training_mode=1 is not supported; export the model for inference")
    for index, what in enumerate(("scale", "bias", "mean", "variance"), start=1):
        builder.constant_value(node, index, what)
    builder.emit(node, BatchNormalization(float(node.attributes.get("epsilon", 1e-5))), node.inputs)


def flatten(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node.inputs[0])
    axis = int(node.attributes.get("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    if not 0 <= axis <= len(shape):
        raise Refusal(f"it has no axis {axis} to flatten at")
    rows = 0 if axis == 1 else int(np.prod(shape[:axis]))
    builder.emit(node, Reshape((rows, int(np.prod(shape[axis:])))), node.inputs)


def reshape(builder: Builder, node: OnnxNode) -> None:
    if node.attributes.get("allowzero", 0):
        raise Refusal("allowzero=1 is not supported")
    wanted = builder.constant_value(node, 1, "shape")
    source = builder.shape(node.inputs[0])
    (shape,) = Reshape(tuple(int(v) for v in wanted)).output_shapes(source)
    # an unchanged first axis is the batch: keep it, whatever its size will be
    if shape and source and shape[0] == source[0]:
        shape = (0, *shape[1:])
    builder.emit(node, Reshape(shape), node.inputs[:1])


def softmax(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Softmax(int(node.attributes.get("axis", -1))), node.inputs)


def transpose(builder: Builder, node: OnnxNode) -> None:
    rank = len(builder.shape(node.inputs[0]))
    builder.emit(node, Transpose(node.integers("perm") or tuple(reversed(range(rank)))), node.inputs)


def identity(builder: Builder, node: OnnxNode) -> None:
    """Identity, and Dropout at inference: the output is another name for the input."""
    if len(node.outputs) > 1:
        raise Refusal("the output of a mask is not supported")
    builder.aliases[node.outputs[0]] = builder.resolve(node.inputs[0])


def constant(builder: Builder, node: OnnxNode) -> None:
    value = node.attributes.get("value")
    for name, dtype in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if name in node.attributes:
            value = np.array(node.attributes[name], dtype)
    if not isinstance(value, np.ndarray):
        raise Refusal("only constants of numbers are supported")
    builder.add_constant(node.outputs[0], value)


RULES: dict[str, Rule] = {
    "Add": add,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Constant": constant,
    "Conv": conv,
    "Dropout": identity,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
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
