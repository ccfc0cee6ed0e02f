"""Operators whose sums run over computed tensors, and linear interpolation, as kernels."""

from collections.abc import Callable, Mapping
from typing import Any

from tinycnn.ops import Call, MatrixProduct, Reduce, ResizeLinear
from tinycnn.ops.reduce import EXTREMA
from tinycnn.ops.resize import Taps, along
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.rescaling import proof_of, rescale_fields


def lower_matmul(op: MatrixProduct, call: Call) -> Lowered:
    """A row of four axes is a matrix, one of three a vector; then all rows of the second input are its matrix."""
    a, b = (tensor.shape for tensor in call.inputs)
    layer: Fields = {
        "rows": a[2] if len(a) == 4 else 1,
        "depth": a[-1],
        "columns": b[-1],
        "a_zero_point": call.quantization(0).zero_point,
        "b_zero_point": call.quantization(1).zero_point,
        "rescale": rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None)),
    }
    return Lowered("matmul", (layer,), "rows")


def lower_reduce(op: Reduce, call: Call) -> Lowered:
    shape, output = call.inputs[0].shape, call.output.shape
    layer: Fields = {
        "all_rows": int(len(shape) > 2 and 1 in op.axes),
        "width": shape[2] if len(shape) == 4 else 1,
        "channels": shape[-1],
        "output_width": output[2] if len(shape) == 4 else 1,
        "output_channels": output[-1],
    }
    if op.function in EXTREMA:
        return Lowered("reduce_extremum", ({**layer, "is_largest": int(op.function == "ReduceMax")},), "tensor")
    rescale = rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None))
    zero_point = call.quantization(0).zero_point
    return Lowered("reduce_sum", ({**layer, "input_zero_point": zero_point, "rescale": rescale},), "tensor")


def lower_resize_linear(op: ResizeLinear, call: Call) -> Lowered:
    """Tables for both axes; an axis that stays has weights of 0."""
    shape, output = call.inputs[0].shape, call.output.shape
    row_low, row_weights = _tables(op.axes[1], shape[1])
    is_image = len(shape) == 4
    column_low, column_weights = _tables(op.axes[2], shape[2]) if is_image else _tables(None, 1)
    layer: Fields = {
        "output_width": output[2] if is_image else 1,
        "channels": shape[-1],
        "row_low": row_low,
        "row_weights": row_weights,
        "column_low": column_low,
        "column_weights": column_weights,
    }
    return Lowered("resize_linear", (layer,), "tensor")


def _tables(taps: Taps | None, size: int) -> tuple[ConstantArray, ConstantArray]:
    low, upper = along(taps, size)
    return ConstantArray("int32_t", low, 16), ConstantArray("int32_t", upper, 16)


SUM_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    MatrixProduct: lower_matmul,
    Reduce: lower_reduce,
    ResizeLinear: lower_resize_linear,
}
