"""Export of layers that ONNX has no operator for, or onnxruntime no form on int8: standard operators around one."""

import math

import numpy as np

from tinycnn.ir import Array, Node
from tinycnn.onnx_io.writer import MICROSOFT, Writer
from tinycnn.ops import Dense, LocallyConnected


def dense(writer: Writer, node: Node, op: Dense) -> None:
    """QGemm takes matrices; what has more axes becomes one and is split again (passes.dense_over_rows)."""
    x, (output,) = node.inputs[0], node.outputs
    *leading, inputs = writer.graph.tensors[x].shape
    if len(leading) == 1:
        if writer.unsigned:
            writer.between_quantizers(node, "Gemm", transB=1)
        else:
            writer.linear(node, "QGemm", MICROSOFT, transB=1)
        return
    outputs = writer.graph.tensors[output].shape[-1]
    rows = writer.part(node, 0, "Reshape", [writer.quantized(x), _shape(writer, node, "rows", [-1, inputs])])
    product = writer.linear_part(node, 1, rows, "Gemm", "QGemm", MICROSOFT, transB=1)
    shape = _shape(writer, node, "shape", [-1, *leading[1:], outputs])
    writer.add(node, "Reshape", [product, shape], [writer.quantized(output)])


def locally_connected(writer: Writer, node: Node, op: LocallyConnected) -> None:
    """The chain that passes.locally_connected reads."""
    x, (output,) = node.inputs[0], node.outputs
    window, tensor = op.window, writer.graph.tensors[x]
    _, channels, *_ = tensor.shape
    _, filters, *sizes = writer.graph.tensors[output].shape
    source = writer.quantized(x)
    if any(window.pads):
        begins, ends = window.pads[: window.rank], window.pads[window.rank :]
        pads = writer.initializer(output, "pads", np.array([0, 0, *begins, 0, 0, *ends], np.int64))
        real = writer.part(node, 0, "DequantizeLinear", [source, *writer.parameters(x)])
        padded = writer.part(node, 1, "Pad", [real, pads])
        source = writer.part(node, 2, "QuantizeLinear", [padded, *writer.parameters(x)])
    for axis, places in enumerate(window_places(sizes, window.kernel, window.strides, window.dilations)):
        indices = writer.initializer(output, f"places{axis}", places)
        source = writer.part(node, 3 + axis, "Gather", [source, indices], axis=2 + axis)
    positions, taps = math.prod(sizes), math.prod(window.kernel)
    split = [-1, channels, *(size for pair in zip(sizes, window.kernel, strict=True) for size in pair)]
    source = writer.part(node, 5, "Reshape", [source, _shape(writer, node, "split", split)])
    source = writer.part(node, 6, "Transpose", [source], perm=[0, 2, 4, 1, 3, 5])
    pixel = _shape(writer, node, "pixel", [-1, positions * channels * taps, 1, 1])
    source = writer.part(node, 7, "Reshape", [source, pixel])
    writer.quantized(node.inputs[1], (-1, channels * taps, 1, 1))
    source = writer.linear_part(node, 8, source, "Conv", "QLinearConv", group=positions)
    source = writer.part(node, 11, "Reshape", [source, _shape(writer, node, "image", [-1, *sizes, filters])])
    writer.add(node, "Transpose", [source], [writer.quantized(output)], perm=[0, 3, 1, 2])


def window_places(
    sizes: list[int], kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> list[Array]:
    """For each axis the places of the taps in the padded input, one window behind the other, int64."""
    axes = zip(sizes, kernel, strides, dilations, strict=True)
    return [
        (np.arange(size)[:, None] * stride + np.arange(taps) * dilation).reshape(-1)
        for size, taps, stride, dilation in axes
    ]


def _shape(writer: Writer, node: Node, what: str, shape: list[int]) -> str:
    return writer.initializer(node.outputs[0], what, np.array(shape, np.int64))
