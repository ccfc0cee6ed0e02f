"""Import of operators that look at each element alone."""

from functools import partial

import numpy as np

from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import Rule
from tinycnn.ops import Unary
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


def multiply(builder: Builder, node: OnnxNode) -> None:
    """x * Sigmoid(x) is Swish, which is how exporters write it; a constant number is a function of its own."""
    gate = builder.producers.get(builder.tensor(node, 1).name)
    x = builder.tensor(node, 0).name
    if gate is not None and gate.op == Unary("Sigmoid") and gate.inputs == (x,):
        builder.emit(node, Unary("Swish", (1.0,)), node.inputs[:1])
        return
    raise RefusalError("not yet")


def power(builder: Builder, node: OnnxNode) -> None:
    exponent = builder.scalar(node, 1, "exponent")
    builder.emit(node, Unary("x ** c", (float(np.float32(exponent)),)), node.inputs[:1])


ELEMENTWISE_RULES: dict[str, Rule] = {
    **{name: partial(unary, function=name) for name in FUNCTIONS if name.isalpha()},
    "Gelu": gelu,
    "Mul": multiply,
    "Pow": power,
    "com.microsoft.Gelu": partial(unary, function="Gelu"),
}
