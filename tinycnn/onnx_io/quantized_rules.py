"""Import of quantized operators: each becomes its float form between DequantizeLinear and QuantizeLinear.

That is what onnxruntime defines them to mean; `passes.fuse_qdq` then recovers the int8 operator, so that QOperator and
QDQ files take one path.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinycnn.ir import Array, Quantization
from tinycnn.onnx_io.node import Builder, OnnxNode, Refusal
from tinycnn.ops import (
    Add,
    AveragePool,
    Conv,
    Dense,
    DequantizeLinear,
    GlobalAveragePool,
    QuantizeLinear,
    Softmax,
)
from tinycnn.onnx_io.windows import window_of


def quantization_from(
    builder: Builder, node: OnnxNode, scale: int, zero_point: int, axis: int | None = None
) -> Quantization:
    """The quantization in inputs `scale` and `zero_point` of a node; one scale, or one per index of `axis`."""
    scales = builder.constant_value(node, scale, "scale").astype(np.float32).reshape(-1)
    zero_points = np.zeros(1, np.int64)
    if node.has_input(zero_point):
        zero_points = builder.constant_value(node, zero_point, "zero point").astype(np.int64).reshape(-1)
    if len(set(zero_points.tolist())) != 1:
        raise Refusal("its zero point differs between channels")
    if not np.isfinite(scales).all() or (scales <= 0).any():
        raise Refusal("its scale is not a positive number")
    return Quantization(tuple(scales.tolist()), int(zero_points[0]), axis if scales.size > 1 else None)


def quantize_linear(builder: Builder, node: OnnxNode) -> None:
    quantization = quantization_from(builder, node, 1, 2)
    if quantization.axis is not None or len(quantization.scale) > 1:
        raise Refusal("activations are quantized per tensor only")
    unsigned = not node.has_input(2) or builder.constant_value(node, 2, "zero point").dtype == np.uint8
    if node.has_input(2) and builder.constant_value(node, 2, "zero point").dtype not in (np.int8, np.uint8):
        raise Refusal("activations are int8 or uint8 only")
    dtype = "uint8" if unsigned else "int8"
    builder.emit(node, QuantizeLinear(quantization, dtype), node.inputs[:1], dtype)


def dequantize_linear(builder: Builder, node: OnnxNode) -> None:
    axis = int(node.attributes.get("axis", 1))
    rank = len(builder.shape(node.inputs[0]))
    quantization = quantization_from(builder, node, 1, 2, axis % max(rank, 1))
    builder.emit(node, DequantizeLinear(quantization), node.inputs[:1], "float32")


def _real(builder: Builder, node: OnnxNode, index: int, quantization: Quantization) -> str:
    """Emit DequantizeLinear behind input `index` of a quantized operator; returns the float tensor."""
    output = builder.unused(f"{node.inputs[index]}_real")
    part = OnnxNode(f"{node.name}_input{index}", "DequantizeLinear", (), (output,), {}, node.origins)
    builder.emit(part, DequantizeLinear(quantization), (node.inputs[index],), "float32")
    return output


def _bias(builder: Builder, node: OnnxNode, index: int, x: Quantization, w: Quantization) -> tuple[str, ...]:
    if not node.has_input(index):
        return ()
    product = np.float32(x.scale[0]) * w.scales
    return (_real(builder, node, index, Quantization(tuple(product.tolist()), 0, 0 if product.size > 1 else None)),)


def _finish(builder: Builder, node: OnnxNode, op: object, inputs: tuple[str, ...], scale: int) -> None:
    """Emit the float operator and QuantizeLinear with the output's scale and zero point in inputs `scale`, +1."""
    quantization = quantization_from(builder, node, scale, scale + 1)
    zero_point: Array = builder.constant_value(node, scale + 1, "zero point")
    dtype = "int8" if zero_point.dtype == np.int8 else "uint8"
    real = builder.unused(f"{node.outputs[0]}_real")
    builder.emit(node, op, inputs, "float32", real)  # type: ignore[arg-type]
    part = OnnxNode(f"{node.name}_output", "QuantizeLinear", (), node.outputs, {}, node.origins)
    builder.emit(part, QuantizeLinear(quantization, dtype), (real,), dtype)  # type: ignore[arg-type]


def qlinear_conv(builder: Builder, node: OnnxNode) -> None:
    x, w = quantization_from(builder, node, 1, 2), quantization_from(builder, node, 4, 5, 0)
    kernel = builder.shape(node.inputs[3])[2:]
    window = window_of(node, builder.shape(node.inputs[0])[2:], kernel)
    op = Conv(window, int(node.attributes.get("group", 1)))
    inputs = (_real(builder, node, 0, x), _real(builder, node, 3, w), *_bias(builder, node, 8, x, w))
    _finish(builder, node, op, inputs, 6)


def qgemm(builder: Builder, node: OnnxNode) -> None:
    """com.microsoft.QGemm: A, scale, zero, B, scale, zero, C, y scale, y zero."""
    if node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("transA", 0):
        raise Refusal("alpha other than 1 and transA are not supported")
    if not node.has_input(7):
        raise Refusal("it gives float output; give it an output scale")
    x, w = quantization_from(builder, node, 1, 2), quantization_from(builder, node, 4, 5, 0)
    if not node.attributes.get("transB", 0):
        rows = np.ascontiguousarray(builder.constant_value(node, 3, "weights").T)
        name = builder.add_constant(f"{node.inputs[3]}_rows", rows)
        node = replace(node, inputs=(*node.inputs[:3], name, *node.inputs[4:]))
    inputs = (_real(builder, node, 0, x), _real(builder, node, 3, w), *_bias(builder, node, 6, x, w))
    _finish(builder, node, Dense(), inputs, 7)


def qlinear_add(builder: Builder, node: OnnxNode) -> None:
    a, b = quantization_from(builder, node, 1, 2), quantization_from(builder, node, 4, 5)
    _finish(builder, node, Add(), (_real(builder, node, 0, a), _real(builder, node, 3, b)), 6)


def _channels_first(node: OnnxNode) -> None:
    if node.attributes.get("channels_last", 0):
        raise Refusal("channels_last=1 is not supported")


def qlinear_average_pool(builder: Builder, node: OnnxNode) -> None:
    _channels_first(node)
    window = window_of(node, builder.shape(node.inputs[0])[2:])
    op = AveragePool(window, bool(node.attributes.get("count_include_pad", 0)))
    _finish(builder, node, op, (_real(builder, node, 0, quantization_from(builder, node, 1, 2)),), 3)


def qlinear_global_average_pool(builder: Builder, node: OnnxNode) -> None:
    _channels_first(node)
    x = _real(builder, node, 0, quantization_from(builder, node, 1, 2))
    _finish(builder, node, GlobalAveragePool(), (x,), 3)


def integer_softmax(builder: Builder, node: OnnxNode) -> None:
    """The model-local function that `export` writes for an int8 Softmax; see onnx_io.softmax_function."""
    axes = builder.constant_value(node, 3, "axes")
    builder.emit(node, Softmax(int(axes[0])), node.inputs[:1])


Rule = Callable[[Builder, OnnxNode], None]
QUANTIZED_RULES: dict[str, Rule] = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "QLinearConv": qlinear_conv,
    "com.microsoft.QGemm": qgemm,
    "com.microsoft.QLinearAdd": qlinear_add,
    "com.microsoft.QLinearAveragePool": qlinear_average_pool,
    "com.microsoft.QLinearGlobalAveragePool": qlinear_global_average_pool,
    "tinycnn.IntegerSoftmax": integer_softmax,
}
