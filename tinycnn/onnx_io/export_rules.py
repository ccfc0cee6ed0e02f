"""Export of each operator: one function per operator class, and their table."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.ir import Node
from tinycnn.onnx_io.elementwise_exports import ELEMENTWISE_EXPORTS
from tinycnn.onnx_io.insert_zeros_function import NAME as INSERT_ZEROS
from tinycnn.onnx_io.insert_zeros_function import insert_zeros_parameters
from tinycnn.onnx_io.layer_exports import dense, locally_connected
from tinycnn.onnx_io.lp_pool_function import NAMES as LP_POOLS
from tinycnn.onnx_io.movement_exports import MOVEMENT_EXPORTS
from tinycnn.onnx_io.normalize_exports import NORMALIZE_EXPORTS
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.onnx_io.sum_exports import SUM_EXPORTS
from tinycnn.onnx_io.writer import Writer, window_attributes
from tinycnn.ops import (
    Add,
    Clip,
    Conv,
    ConvTranspose,
    Dense,
    LocallyConnected,
    LpPool,
    MaxPool,
    Reshape,
    Softmax,
    Transpose,
)
from tinycnn.ops.softmax import exponentials


def conv(writer: Writer, node: Node, op: Conv) -> None:
    attributes = {**window_attributes(op.window), "group": op.groups}
    if writer.unsigned:
        writer.between_quantizers(node, "Conv", **attributes)
    else:
        writer.linear(node, "QLinearConv", "", **attributes)


def conv_transpose(writer: Writer, node: Node, op: ConvTranspose) -> None:
    """A Conv behind the model-local function of onnx_io.insert_zeros_function: onnxruntime has no transposed one."""
    x, output = node.inputs[0], node.outputs[0]
    values = insert_zeros_parameters(writer.graph.tensors[x].shape, op.strides)
    parameters = [writer.initializer(output, name, value) for name, value in values.items()]
    scale, zero_point = writer.parameters(x)
    spread = writer.intermediate(
        node, INSERT_ZEROS, [writer.quantized(x), zero_point, *parameters], "spread", domain=DOMAIN
    )
    attributes = {**window_attributes(op.taps), "group": op.groups}
    if writer.unsigned:
        real = writer.intermediate(node, "DequantizeLinear", [spread, scale, zero_point], "spread_real")
        writer.between_quantizers(node, "Conv", first=real, **attributes)
    else:
        writer.linear(node, "QLinearConv", "", first=spread, **attributes)


def add(writer: Writer, node: Node, op: Add) -> None:
    writer.rescaled(node, "Add")


def _moved(writer: Writer, node: Node, op_type: str, *extra: str, **attributes: Any) -> None:
    """An operator that ONNX defines on int8 tensors as well."""
    if writer.unsigned:
        writer.between_quantizers(node, op_type, *extra, **attributes)
    else:
        writer.on_bytes(node, op_type, *extra, **attributes)


def max_pool(writer: Writer, node: Node, op: MaxPool) -> None:
    _moved(writer, node, "MaxPool", **window_attributes(op.window))


def lp_pool(writer: Writer, node: Node, op: LpPool) -> None:
    """A call of a model-local function in onnx_io.lp_pool_function, on the int8 tensor."""
    (x,), (output,) = node.inputs, node.outputs
    channels = writer.graph.tensors[x].shape[1]
    ones = writer.initializer(output, "ones", np.ones((channels, 1, *op.window.kernel), np.float32))
    inputs = [*writer.with_parameters(x), ones, *writer.parameters(output)]
    attributes = {name: list(getattr(op.window, name)) for name in ("strides", "pads", "dilations")}
    writer.add(node, LP_POOLS[op.power], inputs, [writer.quantized(output)], DOMAIN, **attributes, group=channels)


def reshape(writer: Writer, node: Node, op: Reshape) -> None:
    shape = writer.initializer(node.outputs[0], "shape", np.array(op.shape, np.int64))
    _moved(writer, node, "Reshape", shape)


def transpose(writer: Writer, node: Node, op: Transpose) -> None:
    _moved(writer, node, "Transpose", perm=list(op.permutation))


def clip(writer: Writer, node: Node, op: Clip) -> None:
    if op.label == "Relu":
        writer.between_quantizers(node, "Relu")
        return
    low, high = (
        writer.initializer(node.outputs[0], name, np.array(value, np.float32)) if np.isfinite(value) else ""
        for name, value in (("low", op.low), ("high", op.high))
    )
    writer.between_quantizers(node, "Clip", low, high)


def softmax(writer: Writer, node: Node, op: Softmax) -> None:
    """A call of the model-local function in onnx_io.softmax_function, which computes on the int8 tensor.

    One that came from a file is written as it came: onnxruntime fuses it with its quantizers.
    """
    if op.as_onnxruntime:
        writer.rescaled(node, "Softmax", axis=op.axis, **({} if writer.unsigned else {"opset": 13}))
        return
    tensor = writer.graph.tensors[node.inputs[0]]
    assert tensor.quantization is not None
    output = node.outputs[0]
    extra = (
        writer.initializer(output, "exponentials", exponentials(tensor.quantization)),
        writer.initializer(output, "low", np.array(0 if writer.unsigned else -128, np.int32)),
        writer.initializer(output, "axes", np.array([op.axis], np.int64)),
    )
    writer.parameters(output)
    inputs = [writer.quantized(node.inputs[0]), *extra]
    writer.add(node, "IntegerSoftmax", inputs, [writer.quantized(output)], DOMAIN)


EXPORTS: dict[type, Callable[[Writer, Node, Any], None]] = {
    Add: add,
    Clip: clip,
    Conv: conv,
    ConvTranspose: conv_transpose,
    Dense: dense,
    LocallyConnected: locally_connected,
    LpPool: lp_pool,
    MaxPool: max_pool,
    Reshape: reshape,
    Softmax: softmax,
    Transpose: transpose,
    **ELEMENTWISE_EXPORTS,
    **MOVEMENT_EXPORTS,
    **NORMALIZE_EXPORTS,
    **SUM_EXPORTS,
}
"""Operator class to the function that writes it."""
