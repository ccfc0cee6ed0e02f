"""Import of operators that look at each element alone."""

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import Rule
from tinycnn.onnx_io.reduction_rules import REDUCTION_RULES
from tinycnn.ops import Add, Arithmetic, Divide, Extremum, Multiply, PRelu, Unary
from tinycnn.ops.functions import FUNCTIONS


def unary(builder: Builder, node: OnnxNode, function: str) -> None:
    """A function whose parameters are attributes."""
    defaults = FUNCTIONS[function].parameters
    values = tuple(float(np.float32(node.number(name, default))) for name, default in defaults.items())
    if not np.isfinite(values).all():
        raise RefusalError(f"its {' or '.join(defaults)} is not finite")
    builder.emit(node, Unary(function, values), node.inputs[:1])


def gelu(builder: Builder, node: OnnxNode) -> None:
    kind = node.text("approximate", "none")
    if kind not in ("none", "tanh"):
        raise RefusalError(f"its approximation {kind!r} is unknown")
    unary(builder, node, "Gelu" if kind == "none" else "Gelu tanh")


def _operands(builder: Builder, node: OnnxNode) -> tuple[str, ...]:
    """The inputs; up to opset 6 a constant second one lies at the axis that an attribute tells."""
    axis = node.integer("axis", -1) if builder.opset < 7 else -1
    if axis < 0:
        return node.inputs
    value, rank = builder.constant_value(node, 1, "second operand"), len(builder.shape(node))
    if axis + value.ndim > rank:
        raise RefusalError(f"its second operand {list(value.shape)} does not fit from axis {axis}")
    shape = (*value.shape, *(1,) * (rank - axis - value.ndim))
    return (node.inputs[0], builder.add_constant(f"{node.inputs[1]}_axes", value.reshape(shape)))


def multiply(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Multiply(), _operands(builder, node))


def subtract(builder: Builder, node: OnnxNode) -> None:
    """x - c is x + -c, which layers before it take as their bias."""
    inputs = _operands(builder, node)
    subtrahend = builder.constants.get(builder.resolve(inputs[1]))
    if subtrahend is None:
        builder.emit(node, Arithmetic("Sub"), inputs)
    else:
        builder.emit(node, Add(), (inputs[0], builder.add_constant(f"{inputs[1]}_negative", -subtrahend)))


def divide(builder: Builder, node: OnnxNode) -> None:
    builder.emit(node, Divide(), _operands(builder, node))


def power(builder: Builder, node: OnnxNode) -> None:
    if builder.tensor(node, 1).dtype != "float32":
        raise RefusalError("its exponent is not float32")
    if builder.is_constant(node, 1) and builder.shape(node, 1) == ():
        builder.emit(node, Unary("x ** c", (builder.scalar(node, 1, "exponent"),)), node.inputs[:1])
    else:
        builder.emit(node, Arithmetic("Pow"), _operands(builder, node))


def extremum(builder: Builder, node: OnnxNode, function: Literal["Max", "Min"]) -> None:
    _one_after_the_other(builder, node, Extremum(function), node.outputs[0])


def mean(builder: Builder, node: OnnxNode) -> None:
    """The sum, then its division by the number of inputs."""
    total = builder.unused(f"{node.outputs[0]}_sum")
    name = _one_after_the_other(builder, node, Add(), total)
    builder.emit(node, Unary("x / c", (float(len(node.inputs)),)), (name,))


def _one_after_the_other(builder: Builder, node: OnnxNode, op: Add | Extremum, output: str) -> str:
    """Combine all inputs two by two; returns the name of the result."""
    name = node.inputs[0]
    if len(node.inputs) == 1:
        builder.aliases[output] = builder.resolve(name)
    for index, other in enumerate(node.inputs[1:], start=2):
        result = output if index == len(node.inputs) else builder.unused(f"{output}_{index}")
        builder.emit(node, op, (name, other), output=result)
        name = result
    return name


def prelu(builder: Builder, node: OnnxNode) -> None:
    slope = builder.constant_value(node, 1, "slope")
    if slope.size == 1 and slope.ndim <= len(builder.shape(node)):
        builder.emit(node, Unary("LeakyRelu", (float(slope.reshape(-1)[0]),)), node.inputs[:1])
        return
    if builder.opset < 7 and slope.ndim == 1 and len(builder.shape(node)) > 2:
        slope = slope.reshape(-1, *(1,) * (len(builder.shape(node)) - 2))
        node = replace(node, inputs=(node.inputs[0], builder.add_constant(f"{node.inputs[1]}_axes", slope)))
    builder.emit(node, PRelu(), node.inputs)


ELEMENTWISE_RULES: dict[str, Rule] = {
    **{name: partial(unary, function=name) for name in FUNCTIONS if name.isalpha()},
    "Gelu": gelu,
    "Div": divide,
    "Max": partial(extremum, function="Max"),
    "Mean": mean,
    "Min": partial(extremum, function="Min"),
    "Mul": multiply,
    "PRelu": prelu,
    "Pow": power,
    "Sub": subtract,
    **REDUCTION_RULES,
    "com.microsoft.Gelu": partial(unary, function="Gelu"),
}
