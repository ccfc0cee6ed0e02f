"""Linear Resize as onnxruntime computes it in files that came quantized, as ONNX functions of float32 operators.

Each of them is one rounded operation of an element, which every runtime computes alike.
"""

from collections.abc import Callable

import numpy as np
from onnx import FunctionProto, NodeProto, TensorProto, helper

from tinycnn.ir import Array, Node
from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import activation, expect, finish
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.onnx_io.takes import check_size
from tinycnn.onnx_io.writer import Writer
from tinycnn.ops import ResizeLinear
from tinycnn.ops.float_resize import Blend, Taps, float_blend

OF_REALS, OF_BYTES = "LinearResizeOfReals", "LinearResizeOfBytes"
PARTS = ("low", "high", "low_weight", "high_weight")
BLENDS = tuple(f"{axis}_{part}" for axis in ("row", "column") for part in PARTS)


def _cast(source: str, output: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [output], to=to)


def _interpolated() -> list[NodeProto]:
    """From `value`, float32 [N, C, H, W], to `sum`: the terms in the order of `ops.float_resize`."""
    node = helper.make_node
    body: list[NodeProto] = []
    total = ""
    for row in ("low", "high"):
        body.append(node("Gather", ["value", f"row_{row}"], [f"line_{row}"], axis=2))
        for column in ("low", "high"):
            name = f"{row}_{column}"
            body += [
                node("Gather", [f"line_{row}", f"column_{column}"], [f"pixel_{name}"], axis=3),
                node("Mul", [f"column_{column}_weight", f"row_{row}_weight"], [f"weight_{name}"]),
                node("Mul", [f"weight_{name}", f"pixel_{name}"], [f"term_{name}"]),
            ]
            if total:
                body.append(node("Add", [total, f"term_{name}"], [f"sum_{name}"]))
            total = f"sum_{name}" if total else f"term_{name}"
    return [*body, node("Identity", [total], ["sum"])]


def resize_of_reals(opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, neighbours and weights of the rows and columns, y_scale, y_zero)."""
    body = [
        helper.make_node("DequantizeLinear", ["x", "x_scale", "x_zero"], ["value"]),
        *_interpolated(),
        helper.make_node("QuantizeLinear", ["sum", "y_scale", "y_zero"], ["y"]),
    ]
    inputs = ["x", "x_scale", "x_zero", *BLENDS, "y_scale", "y_zero"]
    return helper.make_function(DOMAIN, OF_REALS, inputs, ["y"], body, [helper.make_opsetid("", opset)])


def resize_of_bytes(opset: int) -> FunctionProto:
    """(x, offset, neighbours and weights): the bytes plus `offset`, int32, as numbers; the sum is cut off towards 0."""
    body = [
        _cast("x", "wide", TensorProto.INT32),
        helper.make_node("Add", ["wide", "offset"], ["moved"]),
        _cast("moved", "value", TensorProto.FLOAT),
        *_interpolated(),
        _cast("sum", "whole", TensorProto.INT32),
        helper.make_node("Sub", ["whole", "offset"], ["back"]),
        helper.make_node("CastLike", ["back", "x"], ["y"]),
    ]
    return helper.make_function(
        DOMAIN, OF_BYTES, ["x", "offset", *BLENDS], ["y"], body, [helper.make_opsetid("", opset)]
    )


FLOAT_RESIZES: dict[str, Callable[[int], FunctionProto]] = {OF_REALS: resize_of_reals, OF_BYTES: resize_of_bytes}
"""Name to what makes the function for an operator set."""


def write_float_resize(writer: Writer, node: Node, op: ResizeLinear) -> None:
    """A call of one of them."""
    (x,), (output,) = node.inputs, node.outputs
    blends = []
    for axis, size in zip((2, 3), writer.graph.tensors[x].shape[2:], strict=True):
        blend = float_blend(op.axes[axis], size)
        across = (-1, 1) if axis == 2 else (-1,)
        values: list[Array] = [
            blend.low,
            blend.high,
            blend.low_weight.reshape(across),
            blend.high_weight.reshape(across),
        ]
        names = BLENDS[:4] if axis == 2 else BLENDS[4:]
        blends += [writer.initializer(output, name, value) for name, value in zip(names, values, strict=True)]
    if op.as_onnxruntime == "reals":
        inputs = [*writer.with_parameters(x), *blends, *writer.parameters(output)]
        writer.add(node, OF_REALS, inputs, [writer.quantized(output)], DOMAIN)
        return
    offset = (128 if op.as_onnxruntime == "uint8" else 0) - (128 if writer.unsigned else 0)
    inputs = [writer.quantized(x), writer.initializer(output, "offset", np.array(offset, np.int32)), *blends]
    writer.parameters(output)
    writer.add(node, OF_BYTES, inputs, [writer.quantized(output)], DOMAIN)


def float_resize(builder: Builder, node: OnnxNode) -> None:
    """Import of such a call."""
    is_real = node.op_type.endswith(OF_REALS)
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    if len(x.shape) != 4:
        raise RefusalError("its input is no image")
    first = 3 if is_real else 2
    values = [builder.constant_value(node, first + index, name) for index, name in enumerate(BLENDS)]
    axes = [_taps(values[:4], x.shape[2]), _taps(values[4:], x.shape[3])]
    check_size((*x.shape[:2], len(values[0]), len(values[4])))
    if is_real:
        op = ResizeLinear((None, None, *axes), "reals")
        finish(builder, node, op, (activation(builder, node, 0),), first + len(BLENDS), as_written=True)
        return
    kind = int(builder.scalar(node, 1, "offset")) + (128 if x.dtype == "uint8" else 0)
    if kind not in (0, 128):
        raise RefusalError("its parameters are not those that tinycnn writes")
    builder.emit(node, ResizeLinear((None, None, *axes), "uint8" if kind else "int8"), node.inputs[:1])


def _taps(values: list[Array], size: int) -> Taps | None:
    """The inverse of `float_blend`; None for an axis that stays."""
    low, high, low_weight, high_weight = (value.reshape(-1) for value in values)
    fits = len({len(value) for value in (low, high, low_weight, high_weight)}) == 1 and len(low) > 0
    if not fits or min(low.min(), high.min()) < 0 or max(low.max(), high.max()) >= size or (high < low).any():
        raise RefusalError("its neighbours do not fit its input")
    if not all(value.dtype == np.float32 and ((value >= 0) & (value <= 1)).all() for value in values[2:]):
        raise RefusalError("its weights are not between 0 and 1")
    found = Blend(low, high, low_weight, high_weight)
    kept = float_blend(None, size)
    if all(np.array_equal(getattr(found, part), getattr(kept, part)) for part in PARTS):
        return None
    return (
        (tuple(low.tolist()), tuple(low_weight.tolist())),
        (tuple(high.tolist()), tuple(high_weight.tolist())),
    )
