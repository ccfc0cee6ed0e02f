"""The contract computed with 32- and 64-bit integers only, for processors without floating point.

This is the reference of kernels/tcn_requantize_float.h, step for step: the three roundings of the contract
(integer to float32, product to float32, float32 to integer), each half to even, on the bit patterns. It needs
no proof per channel.
"""

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW


def requantize_by_integers(
    accumulators: NDArray[np.integer],
    scale: NDArray[np.float32],
    zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
) -> NDArray[np.int8]:
    """Return `requantize(...)` for accumulators in [-2**31, 2**31) and finite scales >= 0, without floating
    point."""
    bits = scale.view(np.uint32).astype(np.int64)
    mantissa = (bits & 0x7FFFFF) | 0x800000
    exponent = (bits >> 23) - 150  # scale = mantissa * 2**exponent unless it is subnormal
    wide = accumulators.astype(np.int64)

    # float32(acc): align the top bit with bit 31, then round away 8 bits. acc = aligned * 2**-lead.
    aligned, lead = np.abs(wide), np.zeros_like(wide)
    for step in (16, 8, 4, 2, 1):
        small = aligned < 1 << (32 - step)
        aligned = np.where(small, aligned << step, aligned)
        lead += np.where(small, step, 0)
    significand = _round_half_even(aligned, np.int64(8))

    # The product of two 24-bit numbers has 47 or 48 bits. The lowest 16 matter only as "not all zero", one
    # sticky bit.
    product = significand * mantissa
    shortened = (product >> 16) | ((product & 0xFFFF) != 0)
    drop = np.where(shortened >= 1 << 31, 8, 7)
    rounded = _round_half_even(shortened, drop)

    # |scaled| = rounded * 2**-fraction_bits with rounded in [2**23, 2**24].
    fraction_bits = lead - 8 - exponent - 16 - drop
    nothing = (wide == 0) | (bits < 0x800000) | (fraction_bits > 25)  # below 1/2, or a tie at 1/2 that rounds to 0
    everything = fraction_bits < 15  # 512 and more
    magnitude = _round_half_even(rounded, np.clip(fraction_bits, 15, 25))
    magnitude = np.where(nothing, 0, np.where(everything, 1 << 9, magnitude))
    signed = np.where(wide < 0, -magnitude, magnitude)
    outputs: NDArray[np.int8] = np.clip(signed + zero_point, low, high).astype(np.int8)
    return outputs


def _round_half_even(value: NDArray[np.int64], drop: NDArray[np.int64] | np.int64) -> NDArray[np.int64]:
    """Return value / 2**drop rounded half to even; drop >= 1."""
    quotient = value >> drop
    rest = value - (quotient << drop)
    half = np.int64(1) << (drop - 1)
    rounded: NDArray[np.int64] = quotient + (rest + (quotient & 1) > half)
    return rounded
