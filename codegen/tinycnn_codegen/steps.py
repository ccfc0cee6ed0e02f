"""Additions whose scales have no integer form: exact values and the least sum of each output."""

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ops import Add, Call, dequantize_array
from tinycnn.ops.base import Int64Array
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields

_INPUTS = np.arange(-128, 128, dtype=np.int8)
_NEVER = 2**63 - 1
_PER_LINE = 8


def step_fields(call: Call) -> Fields:
    """The tables of a tcn_add_steps_t; UnsupportedError when int64 cannot hold the sums of such scales exactly.

    Rounding a sum to float32, dividing it and rounding the quotient never turn a larger sum into a smaller output, so
    a least sum for each output says everything; the result is compared with the contract for all pairs.
    """
    a, b = (dequantize_array(_INPUTS, call.quantization(index)).astype(np.float64) for index in (0, 1))
    unit = min(float(np.spacing(np.float32(call.quantization(index).scale[0]))) for index in (0, 1))
    outputs = Add().pairs(call)
    if max(np.abs(a).max(), np.abs(b).max()) < unit * 2.0**52:
        a_units, b_units = (a / unit).astype(np.int64), (b / unit).astype(np.int64)
        sums = a_units[:, None] + b_units
        steps = np.array([sums.min(where=outputs >= level, initial=_NEVER) for level in range(-127, 128)])
        if np.array_equal(np.searchsorted(steps, sums, side="right") - 128, outputs):
            return {"a": _table(a_units), "b": _table(b_units), "steps": _table(steps)}
    scales = " and ".join(f"{call.quantization(index).scale[0]:g}" for index in (0, 1))
    raise UnsupportedError(f"Node {call.name!r}", [f"an Add of tensors with the scales {scales}, too far apart."])


def _table(values: Int64Array) -> ConstantArray:
    return ConstantArray("int64_t", values, _PER_LINE)
