"""Export of operators that look at each element alone: ONNX's float operator between quantizers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.ir import Node
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.onnx_io.tie_functions import MULTIPLY
from tinycnn.onnx_io.writer import Writer
from tinycnn.ops import Divide, Extremum, Multiply, Unary, call_of
from tinycnn.ops.functions import FUNCTIONS

ARITHMETIC: Mapping[str, str] = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "**": "Pow"}


def unary(writer: Writer, node: Node, op: Unary) -> None:
    parameters: dict[str, Any] = dict(zip(FUNCTIONS[op.function].parameters, op.parameters, strict=True))
    match op.function.split():
        case ["x", symbol, "c"]:
            writer.between_quantizers(node, ARITHMETIC[symbol], _number(writer, node, op))
        case ["c", symbol, "x"]:
            writer.between_quantizers(node, ARITHMETIC[symbol], before=[_number(writer, node, op)])
        case ["Gelu", "tanh"]:
            writer.between_quantizers(node, "Gelu", approximate="tanh")
        case ["Swish"]:
            _swish(writer, node, op)
        case [name]:
            writer.between_quantizers(node, name, **parameters)


def _number(writer: Writer, node: Node, op: Unary) -> str:
    return writer.initializer(node.outputs[0], "number", np.array(op.parameters[0], np.float32))


def _swish(writer: Writer, node: Node, op: Unary) -> None:
    """x * Sigmoid(alpha * x): Swish itself is newer than the files that we write."""
    factor = writer.real(node.inputs[0])
    if op.parameters != (1.0,):
        factor = writer.intermediate(node, "Mul", [factor, _number(writer, node, op)], "scaled")
    gate = writer.intermediate(node, "Sigmoid", [factor], "gate")
    writer.between_quantizers(node, "Mul", gate)


def multiply(writer: Writer, node: Node, op: Multiply) -> None:
    """onnxruntime's own, unless it would round a tie of this file the other way; see onnx_io.tie_functions."""
    call, (output,) = call_of(writer.graph, node), node.outputs
    if op.agrees(call, writer.zero_point(output)):
        writer.rescaled(node, "Mul")
        return
    factor = writer.initializer(output, "factor", op.accumulation(call).scale[0])
    before = writer.initializer(output, "before", np.array(op.added_before, np.float32))
    inputs = [part for name in node.inputs for part in writer.with_parameters(name)]
    inputs += [factor, before, *writer.parameters(output)]
    writer.add(node, MULTIPLY, inputs, [writer.quantized(output)], DOMAIN)


def divide(writer: Writer, node: Node, op: Divide) -> None:
    writer.between_quantizers(node, "Div")


def extremum(writer: Writer, node: Node, op: Extremum) -> None:
    writer.between_quantizers(node, op.function)


ELEMENTWISE_EXPORTS: dict[type, Callable[[Writer, Node, Any], None]] = {
    Divide: divide,
    Extremum: extremum,
    Multiply: multiply,
    Unary: unary,
}
