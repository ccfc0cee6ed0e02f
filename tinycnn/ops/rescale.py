"""Exact sums to int8, as `fixedpoint.requantize` defines it, in passes over blocks that stay in the cache."""

from collections.abc import Callable

import numpy as np

from tinycnn.ir import Array
from tinycnn.ops.base import FloatArray, Int8Array, Int64Array

Rescaler = Callable[[Array, Int8Array], None]

BLOCK_ELEMENTS = 32_768
"""Elements of a block: its sums, biases and scales are 384 KB. Half as many cost 20 % more, for NumPy's calls."""
ROUNDING = np.float32(1.5 * 2**23)
"""Added to a float32 of less than 2**22 it rounds it to an integer, half to even, which then is the lowest bits of the
sum: a pass and a half less than rint, offset and conversion."""


def rescaler(bias: Int64Array, scale: FloatArray, zero_point: int) -> Rescaler:
    """A function of sums and the int8 array that it fills: requantize(sums + bias, scale, zero_point).

    Sums and result are C-contiguous and of one shape, whose last axes hold one row, or several, of `bias` and `scale`
    [C]. The sums are exact integers, float32 up to 2**24 - 128 or float64 up to 2**52, and are destroyed; bias and
    sum + bias are below 2**31.

    To float32 sums the bias is added in two parts, of which the second alone rounds: that is the very conversion to
    float32 with which requantization begins. Bias and scale are repeated to the length of a block, because a
    broadcast over short rows costs more than the arithmetic: 75,264 sums of 6 channels took 115 us, now 58.
    """
    repeats = -(-BLOCK_ELEMENTS // max(bias.size, 1))
    rounded = bias.astype(np.float32)
    rest = (bias - rounded.astype(np.int64)).astype(np.float32)  # at most 64 and exact
    biases, rests, scales = (np.tile(part, repeats) for part in (rounded, rest, scale))
    exact_biases = np.tile(bias.astype(np.float64), repeats)
    low, high, offset = np.float32(-128 - zero_point), np.float32(127 - zero_point), np.int8(zero_point)
    whole = not rest.any()

    def rescale(sums: Array, out: Int8Array) -> None:
        flat, flat_out = sums.reshape(-1), out.reshape(-1)
        with np.errstate(over="ignore"):  # infinity saturates like any large number
            for start in range(0, flat.size, scales.size):
                block = flat[start : start + scales.size]
                if block.dtype == np.float64:
                    block += exact_biases[: block.size]
                    block = block.astype(np.float32)
                else:
                    if not whole:
                        block += rests[: block.size]
                    block += biases[: block.size]
                block *= scales[: block.size]
                block.clip(low, high, out=block)  # before rounding is the same: the bounds are integers
                block += ROUNDING
                bytes_out = flat_out[start : start + block.size]
                np.copyto(bytes_out, block.view(np.int32), casting="unsafe")  # the lowest byte
                if zero_point:
                    bytes_out += offset  # wraps around where the byte before had

    return rescale
