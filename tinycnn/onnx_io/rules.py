"""Import of operators, one rule per ONNX operator type: the table of all rules, and those of no larger family."""

import math
from collections.abc import Callable

import numpy as np

from tinycnn.ir import Operator, Shape
from tinycnn.onnx_io.elementwise_rules import ELEMENTWISE_RULES
from tinycnn.onnx_io.function_rules import FUNCTION_RULES
from tinycnn.onnx_io.layer_rules import LAYER_RULES
from tinycnn.onnx_io.movement_rules import MOVEMENT_RULES
from tinycnn.onnx_io.node import DTYPES, MAX_TENSOR_BYTES, Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import QUANTIZED_RULES, Rule
from tinycnn.ops import (
    LRN,
    Add,
    BatchNormalization,
    Clip,
    LogSoftmax,
    Reshape,
    Softmax,
    Transpose,
)
from tinycnn.ops.batchnorm import affine
from tinycnn.ops.reduce import REDUCTIONS

MAX_RANK = 32
"""More axes than NumPy holds in any version are refused by name."""


def cast(builder: Builder, node: OnnxNode) -> None:
    """Only one that changes nothing; constants were cast before."""
    wanted = DTYPES.get(node.integer("to", 0))
    if wanted != builder.tensor(node, 0).dtype:
        raise RefusalError(f"it casts {builder.tensor(node, 0).dtype} to {wanted or 'another type'}")
    identity(builder, node)


def relu(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Clip(0.0), node.inputs)


def clip(builder: Builder, node: OnnxNode) -> None:
    low, high = node.number("min", -np.inf), node.number("max", np.inf)  # up to opset 10
    if builder.opset >= 11:
        low = builder.scalar(node, 1, "minimum") if node.has_input(1) else -np.inf
        high = builder.scalar(node, 2, "maximum") if node.has_input(2) else np.inf
    builder.emit(node, Clip(low, high), node.inputs[:1])


def add(builder: Builder, node: OnnxNode) -> None:
    axis = node.integer("axis", -1) if builder.opset < 7 else -1
    if axis < 0:
        builder.emit(node, Add(), node.inputs)
        return
    addend = builder.constant_value(node, 1, "second summand")
    rank = len(builder.shape(node))
    if axis + addend.ndim > rank:
        raise RefusalError(f"its second summand {list(addend.shape)} does not fit from axis {axis}")
    shape = (*addend.shape, *(1,) * (rank - axis - addend.ndim))
    builder.emit(node, Add(), (node.inputs[0], builder.add_constant(f"{node.inputs[1]}_axes", addend.reshape(shape))))


def sum_(builder: Builder, node: OnnxNode) -> None:
    """One Add after the other."""
    if len(node.inputs) == 1:
        identity(builder, node)
        return
    total = node.inputs[0]
    for index, name in enumerate(node.inputs[1:], start=2):
        output = node.outputs[0] if index == len(node.inputs) else builder.unused(f"{node.outputs[0]}_{index}")
        builder.emit(node, Add(), (total, name), output=output)
        total = output


def batch_normalization(builder: Builder, node: OnnxNode) -> None:
    training = builder.opset < 7 and not node.integer("is_test", 0)
    if training or node.integer("training_mode", 0) or len(node.outputs) > 1:
        raise RefusalError("training mode is not supported; export the model for inference")
    if builder.opset < 9 and not node.integer("spatial", 1):
        raise RefusalError("spatial=0, a mean for every position, is not supported")
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
    source = builder.shape(node)
    if node.integer("allowzero", 0) and 0 in wanted:
        if math.prod(source) or wanted.count(0) > 1 or -1 in wanted:
            raise RefusalError(f"allowzero=1: {list(source)} cannot become {list(wanted)}")
        builder.emit(node, Reshape(tuple(size or -1 for size in wanted)), node.inputs[:1])
        return
    (shape,) = Reshape(wanted).output_shapes(source)
    builder.emit(node, _reshape(source, shape), node.inputs[:1])


def _reshape(source: Shape, shape: Shape) -> Reshape:
    """An unchanged first axis is the batch: keep it, whatever its size will be."""
    return Reshape((0, *shape[1:]) if source[:1] == shape[:1] and shape else shape)


def _along_axis(builder: Builder, node: OnnxNode, operator: Callable[[int], Operator]) -> None:
    """Up to opset 12, over all axes from `axis` on: then between two Reshapes, unless the others have size 1."""
    shape, old = builder.shape(node), builder.opset < 13
    axis = node.integer("axis", 1 if old else -1)
    if not -len(shape) <= axis < len(shape):
        raise RefusalError(f"its input has no axis {axis}")
    axis %= len(shape)
    if not old or math.prod(shape[axis:]) == shape[axis]:
        builder.emit(node, operator(axis), node.inputs)
        return
    rows, result = (builder.unused(f"{node.outputs[0]}_{what}") for what in ("rows", "softmax"))
    matrix = _reshape(shape, (math.prod(shape[:axis]), math.prod(shape[axis:])))
    builder.emit(node, matrix, node.inputs, output=rows)
    builder.emit(node, operator(1), (rows,), output=result)
    builder.emit(node, _reshape(builder.tensors[rows].shape, shape), (result,))


def softmax(builder: Builder, node: OnnxNode) -> None:
    _along_axis(builder, node, lambda axis: Softmax(axis))


def log_softmax(builder: Builder, node: OnnxNode) -> None:
    _along_axis(builder, node, lambda axis: LogSoftmax(axis))


def lrn(builder: Builder, node: OnnxNode) -> None:
    size = node.integer("size", 0)
    if size < 1:
        raise RefusalError(f"its size {size} must be at least 1")
    alpha = float(np.float32(node.number("alpha", 1e-4)))  # as the attribute is stored where it is written
    builder.emit(node, LRN(size, alpha, node.number("beta", 0.75), node.number("bias", 1.0)), node.inputs)


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
    if builder.opset < 7 and not node.integer("is_test", 0):
        raise RefusalError("training mode is not supported; export the model for inference")
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


def constant_of_shape(builder: Builder, node: OnnxNode) -> None:
    """A view of the one value, so that weights which are only described take no memory."""
    shape = tuple(builder.constant_value(node, 0, "shape").reshape(-1).tolist())
    value = node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise RefusalError("its value must be one number")
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise RefusalError(f"its shape {list(shape)} is no list of sizes")
    if len(shape) > MAX_RANK or value.itemsize * math.prod(shape) > MAX_TENSOR_BYTES:
        raise RefusalError(f"its output {list(shape)} is too large")
    builder.declare_constant(node.outputs[0], np.broadcast_to(value.reshape(()), shape))


RULES: dict[str, Rule] = {
    "Add": add,
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Constant": constant,
    "Cast": cast,
    "ConstantOfShape": constant_of_shape,
    "Dropout": dropout,
    "Flatten": flatten,
    "Identity": identity,
    "LRN": lrn,
    "LogSoftmax": log_softmax,
    "Relu": relu,
    "Reshape": reshape,
    "Softmax": softmax,
    "Sum": sum_,
    "Transpose": transpose,
    **LAYER_RULES,
    **ELEMENTWISE_RULES,
    **MOVEMENT_RULES,
    **QUANTIZED_RULES,
    **FUNCTION_RULES,
}
"""Operator type (with its domain before a dot where it is not ONNX's own) to the function that imports it."""
ANY_TYPE = {
    "Cast",
    "Constant",
    "ConstantOfShape",
    "Dropout",
    "Flatten",
    "Identity",
    "MaxPool",
    "Reshape",
    "Transpose",
    *MOVEMENT_RULES,
    *REDUCTIONS,
    *QUANTIZED_RULES,
    *FUNCTION_RULES,
}
"""Those that take other inputs than float32."""
ONE_TYPE = {"Add", "Clip", "Div", "Max", "MatMul", "Min", "Mul", "Sub", "Sum"}
"""Those that take inputs of any type, the same for all."""
