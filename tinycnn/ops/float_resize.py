"""Linear interpolation of images in float32, as onnxruntime 1.31.1 computes it (core/providers/cpu/tensor/upsample.h).

    left * top * a + right * top * b + left * bottom * c + right * bottom * d

from left to right, every operation rounded to float32, for the neighbours a, b in the upper row and c, d in the lower.
At the last element both neighbours are that element, with weights of 1/2 each.

Between quantizers a .. d are what the bytes stand for, and the sum is quantized ("reals"); on int8 or uint8 they are
the bytes of that type, and the sum is cut off towards 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinycnn.ir import Quantization
from tinycnn.ops.base import Call, FloatArray, Int8Array, Int8Kernel, Int64Array, quantize_array
from tinycnn.ops.move import Table
from tinycnn.ops.unary import all_inputs

Taps = tuple[tuple[Table, tuple[float, ...]], ...]
"""Each tap: for every output element an input element and its weight."""
Rule = Literal["reals", "int8", "uint8"]


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """For every output element of an axis two input elements and their weights; `high` may be `low`."""

    low: Int64Array
    high: Int64Array
    low_weight: FloatArray
    high_weight: FloatArray


def float_blend(taps: Taps | None, size: int) -> Blend:
    """The taps of a linear Resize, or of an axis of `size` that stays."""
    if taps is None:
        low, high = np.arange(size), np.minimum(np.arange(size) + 1, size - 1)
        weights = np.ones(size, np.float32), np.zeros(size, np.float32)
    else:
        low, high = (np.array(index, np.int64) for index, _ in taps)
        weights = np.array(taps[0][1], np.float32), np.array(taps[1][1], np.float32)
    low_weight, high_weight = (np.where(low == high, np.float32(0.5), weight) for weight in weights)
    return Blend(low, high, low_weight, high_weight)


def is_image(axes: tuple[Taps | None, ...]) -> bool:
    """Whether the last two of four axes (or, channels last, the middle ones) are blended, of two taps each."""
    blended = [axis for axis, taps in enumerate(axes) if taps is not None]
    return len(axes) == 4 and set(blended) <= {2, 3} and all(len(axes[axis] or ()) == 2 for axis in blended)


def source_of(rule: Rule, source: Quantization) -> Quantization:
    """What the bytes count as: with the tensor's scale, or as numbers of the type."""
    return source if rule == "reals" else Quantization((1.0,), -128 if rule == "uint8" else 0)


def outputs_of(rule: Rule, sums: FloatArray, destination: Quantization) -> Int8Array:
    """The output for float32 sums."""
    if rule == "reals":
        return quantize_array(sums, destination)
    offset = 128 if rule == "uint8" else 0
    return np.asarray(np.clip(np.trunc(sums) - offset, -128, 127)).astype(np.int8)


def float_resize_kernel(blends: tuple[Taps | None, ...], rule: Rule, call: Call) -> Int8Kernel:
    """A function of x [N, H, W, C]."""
    rows, columns = (float_blend(taps, size) for taps, size in zip(blends, call.inputs[0].shape[1:3], strict=True))
    values = all_inputs(source_of(rule, call.quantization(0)))

    def kernel(x: Int8Array) -> Int8Array:
        real = values[x.astype(np.int16) + 128]
        sums: FloatArray | None = None
        for row, row_weight in ((rows.low, rows.low_weight), (rows.high, rows.high_weight)):
            for column, weight in ((columns.low, columns.low_weight), (columns.high, columns.high_weight)):
                term = (weight[None, :] * row_weight[:, None])[..., None] * real[:, row][:, :, column]
                sums = term if sums is None else sums + term
        assert sums is not None
        return outputs_of(rule, sums, call.output_quantization)

    return kernel
