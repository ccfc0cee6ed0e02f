"""Operators on two tensors to kernels: Add, Mul, Min and Max, with broadcasting inside and between rows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.fixedpoint import IntegerAdd, integer_add
from tinycnn.ir import Shape
from tinycnn.ops import Add, Call, Divide, ElementwiseOperator, Extremum, Multiply, PRelu, row_bytes
from tinycnn.ops.base import Int8Array
from tinycnn.ops.constant_operand import constant_operand, constant_tables, has_constant
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.rescaling import proof_of, rescale_fields
from tinycnn_codegen.steps import step_fields
from tinycnn_codegen.weights import blocks


def lower_add(op: Add, call: Call) -> Lowered:
    """Multipliers and a shift where they are exact for all pairs of inputs, as for nearly all scales, else steps."""
    is_plain = call.inputs[0].shape == call.inputs[1].shape
    form = integer_add(op.parameters(call))
    if has_constant(call):
        return _lower_add_constant(op, call, form)
    if form is None or not form.fits_int32:
        return Lowered("add_steps", ({"pairs": _pairs(call), **step_fields(call)},), "rows")
    row: Fields = {"bytes": row_bytes(call.output.shape)} if is_plain else {"pairs": _pairs(call)}
    fields = {
        "a_multiplier": form.a_multiplier,
        "b_multiplier": form.b_multiplier,
        "addend": form.addend,
        "shift": form.shift,
    }
    return Lowered("add" if is_plain else "add_broadcast", ({**row, **fields},), "rows")


def _lower_add_constant(op: Add, call: Call, form: IntegerAdd | None) -> Lowered:
    """The constant goes into the addend; where there is no integer form, a table of 256 bytes for each channel."""
    row: Fields = {"bytes": row_bytes(call.output.shape), "channels": call.output.shape[-1]}
    if form is None or not form.fits_int32:
        return _channel_lookup(call, constant_tables(call, op.pairs(call)))
    index, values = constant_operand(call)
    multipliers = (form.a_multiplier, form.b_multiplier)
    addends = values.astype(np.int64) * multipliers[index] + form.addend
    fields: Fields = {
        "multiplier": multipliers[1 - index],
        "shift": form.shift,
        "addend": ConstantArray("int32_t", addends, 8),
    }
    return Lowered("add_constant", ({**row, **fields},), "rows")


def _channel_lookup(call: Call, tables: Int8Array) -> Lowered:
    """A struct for as many channels as an array holds the tables of, int8 [C, 256]; one table where all are equal."""
    if (tables == tables[0]).all():
        layer: Fields = {"bytes": row_bytes(call.output.shape), "table": ConstantArray("int8_t", tables[0], 16)}
        return Lowered("lookup", (layer,), "rows")
    row: Fields = {"bytes": row_bytes(call.output.shape), "channels": len(tables)}
    layers = [
        {
            **row,
            "first_channel": block.start,
            "last_channel": block.stop,
            "tables": ConstantArray("int8_t", tables[block.start : block.stop].reshape(-1), 16),
        }
        for block in blocks(len(tables), 256, 1)
    ]
    return Lowered("channel_lookup", tuple(layers), "rows")


def lower_elementwise(op: ElementwiseOperator, call: Call) -> Lowered:
    """Any operator that is a table."""
    table = op.table(call.quantization(0), call.output_quantization)
    layer: Fields = {"bytes": row_bytes(call.output.shape), "table": ConstantArray("int8_t", table, 16)}
    return Lowered("lookup", (layer,), "rows")


def lower_prelu(op: PRelu, call: Call) -> Lowered:
    return _channel_lookup(call, op.tables(call))


def lower_multiply(op: Multiply, call: Call) -> Lowered:
    if has_constant(call):
        return _channel_lookup(call, constant_tables(call, op.pairs(call)))
    layer: Fields = {
        "pairs": _pairs(call),
        "a_zero_point": call.quantization(0).zero_point,
        "b_zero_point": call.quantization(1).zero_point,
    }
    if op.added_before:
        steps = ConstantArray("int32_t", op.least_products(call), 8)
        return Lowered("multiply_steps", ({**layer, "steps": steps},), "rows")
    rescale = rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None))
    return Lowered("multiply", ({**layer, "rescale": rescale},), "rows")


def lower_divide(op: Divide, call: Call) -> Lowered:
    """Rescaled integers, and the pairs for which they are wrong."""
    if has_constant(call):
        return _channel_lookup(call, constant_tables(call, op.pairs(call)))
    quantizations = call.quantization(0), call.quantization(1), call.output_quantization
    right = op.pairs(call).reshape(-1)
    pairs = np.flatnonzero(right != op.rescaled_pairs(*quantizations).reshape(-1))
    layer: Fields = {
        "pairs": _pairs(call),
        "a_zero_point": call.quantization(0).zero_point,
        "b_zero_point": call.quantization(1).zero_point,
        "rescale": rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None)),
        "exceptions": len(pairs),
        "pairs_excepted": ConstantArray("uint16_t", pairs, 16) if len(pairs) else None,
        "outputs_excepted": ConstantArray("int8_t", right[pairs], 16) if len(pairs) else None,
    }
    return Lowered("divide", (layer,), "rows")


def lower_extremum(op: Extremum, call: Call) -> Lowered:
    if has_constant(call):
        return _channel_lookup(call, constant_tables(call, op.pairs(call)))
    tables = {f"{name}_table": ConstantArray("int8_t", op.requantized(call, i), 16) for i, name in enumerate("ab")}
    layer: Fields = {"pairs": _pairs(call), "is_largest": int(op.function == "Max"), **tables}
    return Lowered("extremum", (layer,), "rows")


def _pairs(call: Call) -> Fields:
    """The fields of a tcn_pairs_t: how far each input moves from position to position, and from channel to channel."""
    a, b = (tensor.shape for tensor in call.inputs)
    width, channels = _planar(call.output.shape)
    steps = (_steps(a), _steps(b))
    if a == b:
        width, channels, steps = 1, width * channels, ((0, 1), (0, 1))
    return {
        "width": width,
        "channels": channels,
        "a_width": steps[0][0],
        "a_channel": steps[0][1],
        "b_width": steps[1][0],
        "b_channel": steps[1][1],
    }


def _planar(shape: Shape) -> tuple[int, int]:
    """Positions and channels of a row."""
    return row_bytes(shape) // shape[-1], shape[-1]


def _steps(shape: Shape) -> tuple[int, int]:
    width, channels = _planar(shape)
    return (channels if width > 1 else 0, 1 if channels > 1 else 0)


ELEMENTWISE_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    Add: lower_add,
    Divide: lower_divide,
    Extremum: lower_extremum,
    Multiply: lower_multiply,
    PRelu: lower_prelu,
}
