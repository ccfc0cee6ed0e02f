"""Export of rescaled sums and of interpolation, as calls of the functions in onnx_io.sum_functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Array, Node, Quantization
from tinycnn.onnx_io import sum_functions
from tinycnn.onnx_io.float_resize_function import write_float_resize
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.onnx_io.tie_functions import POOLS
from tinycnn.onnx_io.writer import Writer, window_attributes
from tinycnn.ops import AveragePool, GlobalAveragePool, MatrixProduct, Reduce, ResizeLinear, call_of
from tinycnn.ops.base import FloatArray
from tinycnn.ops.reduce import EXTREMA


def matmul(writer: Writer, node: Node, op: MatrixProduct) -> None:
    a, b = node.inputs
    (output,) = node.outputs
    if writer.unsigned:
        writer.between_quantizers(node, "MatMul")
    else:
        inputs = [*writer.with_parameters(a), *writer.with_parameters(b), *writer.parameters(output)]
        writer.add(node, "QLinearMatMul", inputs, [writer.quantized(output)])


def reduce(writer: Writer, node: Node, op: Reduce) -> None:
    (x,), (output,) = node.inputs, node.outputs
    axes = writer.initializer(output, "axes", np.array(op.axes, np.int64))
    if op.function in EXTREMA:
        writer.on_bytes(node, op.function, axes, keepdims=1)
        return
    source, destination = writer.quantization(x), writer.quantization(output)
    count = int(np.prod([writer.graph.tensors[x].shape[axis] for axis in op.axes]))
    factor = writer.initializer(output, "factor", op.factor(source, destination.scale[0], count))
    inputs = [*writer.with_parameters(x), axes, factor, *writer.parameters(output)]
    writer.add(node, sum_functions.REDUCTIONS[op.function], inputs, [writer.quantized(output)], DOMAIN)


def average_pool(writer: Writer, node: Node, op: AveragePool) -> None:
    """onnxruntime's own where it has one; it takes no dilations, and counts padding otherwise with ceil_mode.

    In a file of the other type of 8 bits it may round ties otherwise; see onnx_io.tie_functions.
    """
    attributes = {**window_attributes(op.window), "count_include_pad": int(op.count_include_pad)}
    (x,), (output,) = node.inputs, node.outputs
    is_theirs = set(op.window.dilations) == {1} and not (op.window.ceil_mode and op.count_include_pad)
    if is_theirs and op.agrees(call_of(writer.graph, node), writer.zero_point(output)):
        writer.rescaled(node, "AveragePool", **attributes)
        return
    if op.float_zero_point is not None:
        inputs = [*writer.with_parameters(x), *writer.parameters(output)]
        attributes["ceil_mode"] = int(op.window.ceil_mode)
        writer.add(
            node,
            POOLS["int8" if writer.unsigned else "uint8"],
            inputs,
            [writer.quantized(output)],
            DOMAIN,
            **attributes,
        )
        return
    channels, *sizes = writer.graph.tensors[x].shape[1:]
    ones = writer.initializer(output, "ones", np.ones((channels, 1, *op.window.kernel), np.float32))
    factors = pool_factors(op, tuple(sizes), writer.quantization(x), writer.quantization(output))
    inputs = [
        *writer.with_parameters(x),
        ones,
        writer.initializer(output, "factor", factors),
        *writer.parameters(output),
    ]
    attributes = {name: list(getattr(op.window, name)) for name in ("strides", "dilations", "pads")}
    sum_pads = list(op.window.without_ceil_mode(tuple(sizes)).pads)
    notes = {"ceil_mode": int(op.window.ceil_mode), "count_include_pad": int(op.count_include_pad)}
    outputs = [writer.quantized(output)]
    writer.add(
        node, sum_functions.POOL, inputs, outputs, DOMAIN, **attributes, sum_pads=sum_pads, group=channels, **notes
    )


def pool_factors(
    op: AveragePool, sizes: tuple[int, ...], source: Quantization, destination: Quantization
) -> FloatArray:
    """The rescale of each position, float32 [1, 1, output sizes...]."""
    return fixedpoint.rescale_mean(source.scale[0], destination.scale[0], op.counts(sizes))[None, None]


def global_average_pool(writer: Writer, node: Node, op: GlobalAveragePool) -> None:
    writer.rescaled(node, "GlobalAveragePool")


def resize_linear(writer: Writer, node: Node, op: ResizeLinear) -> None:
    if op.as_onnxruntime:
        write_float_resize(writer, node, op)
        return
    (x,), (output,) = node.inputs, node.outputs
    shape = writer.graph.tensors[x].shape
    matrices: list[Array] = [
        sum_functions.resize_matrix(taps, size) for taps, size in zip(op.axes[2:], shape[2:], strict=True)
    ]
    matrices[-1] = matrices[-1].T
    names = ["rows", "columns"][-len(matrices) :]
    extra = [writer.initializer(output, name, matrix) for name, matrix in zip(names, matrices, strict=True)]
    writer.parameters(output)
    inputs = [writer.quantized(x), *extra]
    writer.add(node, sum_functions.RESIZES[len(shape)], inputs, [writer.quantized(output)], DOMAIN)


SUM_EXPORTS: dict[type, Callable[[Writer, Node, Any], None]] = {
    AveragePool: average_pool,
    GlobalAveragePool: global_average_pool,
    MatrixProduct: matmul,
    Reduce: reduce,
    ResizeLinear: resize_linear,
}
