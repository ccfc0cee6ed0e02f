"""Operators whose sums run over computed tensors, and linear interpolation, as kernels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.ops import Call, MatrixProduct, Reduce, ResizeLinear
from tinycnn.ops.float_resize import Rule, Taps, float_blend, outputs_of, source_of
from tinycnn.ops.float_steps import least_places
from tinycnn.ops.reduce import EXTREMA
from tinycnn.ops.resize import along
from tinycnn.ops.unary import all_inputs
from tinycnn_codegen.ctext import ConstantArray, Field
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
    axes: Fields = {
        "all_rows": int(len(shape) > 2 and 1 in op.axes),
        "width": shape[2] if len(shape) == 4 else 1,
        "channels": shape[-1],
        "output_width": output[2] if len(shape) == 4 else 1,
        "output_channels": output[-1],
    }
    if op.function in EXTREMA:
        is_largest = int(op.function == "ReduceMax")
        return Lowered("reduce_extremum", ({"axes": axes, "is_largest": is_largest},), "tensor")
    rescale = rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None))
    zero_point = call.quantization(0).zero_point
    return Lowered("reduce_sum", ({"axes": axes, "input_zero_point": zero_point, "rescale": rescale},), "tensor")


def lower_resize_linear(op: ResizeLinear, call: Call) -> Lowered:
    """Tables for both axes; an axis that stays has weights of 0."""
    if op.as_onnxruntime:
        return _lower_resize_float(op, op.as_onnxruntime, call)
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


def _lower_resize_float(op: ResizeLinear, rule: Rule, call: Call) -> Lowered:
    source, destination = source_of(rule, call.quantization(0)), call.output_quantization
    blends = [float_blend(taps, size) for taps, size in zip(op.axes[1:3], call.inputs[0].shape[1:3], strict=True)]
    layer: dict[str, Field] = {
        "output_width": call.output.shape[2],
        "channels": call.output.shape[-1],
        "values": ConstantArray("uint32_t", all_inputs(source).view(np.uint32), 8),
    }
    for name, blend in zip(("row", "column"), blends, strict=True):
        weights = np.stack([blend.low_weight, blend.high_weight], axis=1)
        layer[f"{name}_low"] = ConstantArray("int32_t", blend.low, 16)
        layer[f"{name}_high"] = ConstantArray("int32_t", blend.high, 16)
        layer[f"{name}_weights"] = ConstantArray("uint32_t", weights.reshape(-1).view(np.uint32), 8)
    steps = least_places(lambda sums: outputs_of(rule, sums, destination))
    layer["steps"] = ConstantArray("int32_t", steps.reshape(-1), 8)
    return Lowered("resize_float", (layer,), "tensor")


def _tables(taps: Taps | None, size: int) -> tuple[ConstantArray, ConstantArray]:
    low, upper = along(taps, size)
    return ConstantArray("int32_t", low, 16), ConstantArray("int32_t", upper, 16)


SUM_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    MatrixProduct: lower_matmul,
    Reduce: lower_reduce,
    ResizeLinear: lower_resize_linear,
}
