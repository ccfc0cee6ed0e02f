"""How an accumulator becomes an int8 output: the numeric contract, the same bytes as onnxruntime.

    y = rint(clip(float32(acc) * scale, low - zero_point, high - zero_point)) + zero_point

`scale` is one float32 per channel, every operation rounds once to float32, rint rounds half to even, and the
zero point is added after rounding. QLinearConv, QGemm and the quantized average pools of onnxruntime 1.31.1
compute this on every x86-64 processor whose integer products do not saturate;
tests/test_fixedpoint_onnxruntime.py compares. Everything else in this package is proved equal to these few
lines.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinycnn.errors import QuantizationError

INT8_LOW = -128
INT8_HIGH = 127

_JOINED_ROW_ELEMENTS = 2_048
_BLOCK_ELEMENTS = 131_072  # 512 KB: five passes over a block that stays in a core's cache


def rescale(x_scale: ArrayLike, w_scale: ArrayLike, y_scale: ArrayLike) -> NDArray[np.float32]:
    """Return the factor from accumulator to output, float32(float32(x_scale * w_scale) / y_scale), float32
    [C].

    The scales are positive float32, scalars or [C]. QuantizationError when a factor is not a finite number >=
    0.
    """
    with np.errstate(all="ignore"):
        return _checked(_float32(x_scale) * _float32(w_scale) / _float32(y_scale))


def rescale_mean(x_scale: ArrayLike, y_scale: ArrayLike, count: ArrayLike) -> NDArray[np.float32]:
    """Return the factor from a sum of `count` inputs to their mean, float32(x_scale / float32(y_scale * count)).

    The order of the two operations is that of onnxruntime's QLinearGlobalAveragePool; another order can differ in the
    last bit. `count` is positive, any shape; so is the result.
    """
    with np.errstate(all="ignore"):
        return _checked(_float32(x_scale) / (_float32(y_scale) * _float32(count)))


def requantize(
    accumulators: NDArray[np.integer],
    scale: NDArray[np.float32],
    zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
) -> NDArray[np.int8]:
    """Return the int8 outputs of integer accumulators [..., C], each in [-2**31, 2**31).

    `scale` broadcasts against the accumulators, usually [C] or [1]. low and high, -128 <= low <= high <= 127,
    are the bounds that a fused activation leaves.
    """
    with np.errstate(over="ignore"):  # infinity saturates like any large number
        scaled = accumulators.astype(np.float32) * scale
    rounded = np.rint(np.clip(scaled, np.float32(low - zero_point), np.float32(high - zero_point)))
    outputs: NDArray[np.int8] = (rounded + np.float32(zero_point)).astype(np.int8)
    return outputs


def requantize_in_place(
    accumulators: NDArray[np.float32],
    scale: NDArray[np.float32],
    zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
    out: NDArray[np.int8] | None = None,
) -> NDArray[np.int8]:
    """Return `requantize` of float32 accumulators [..., C] that hold exact integers, and destroy them.

    float32 holds every integer up to 2**24; a larger accumulator must have been rounded to float32 once, half
    to even, which is the conversion that the contract begins with. `scale` is [C] or [1]. `out`, int8 of the
    same shape, is filled and returned when given. Both arrays must be C-contiguous (ValueError otherwise).
    """
    if out is None:
        out = np.empty(accumulators.shape, np.int8)
    if not (accumulators.flags.c_contiguous and out.flags.c_contiguous and accumulators.shape == out.shape):
        raise ValueError("requantize_in_place needs C-contiguous arrays of one shape.")
    channels = accumulators.shape[-1]
    row_scale = np.broadcast_to(scale, (channels,))
    # NumPy pays for each innermost row, which for few channels costs more than the arithmetic: join rows.
    rows, joined = accumulators.size // max(channels, 1), 1
    while rows and rows % (2 * joined) == 0 and 2 * joined * channels <= _JOINED_ROW_ELEMENTS:
        joined *= 2
    wide, wide_out = (array.reshape(rows // joined, joined * channels) for array in (accumulators, out))
    wide_scale = np.tile(row_scale, joined)
    block_rows = max(1, _BLOCK_ELEMENTS // max(joined * channels, 1))
    for start in range(0, len(wide), block_rows):
        block = wide[start : start + block_rows]
        with np.errstate(over="ignore"):
            np.multiply(block, wide_scale, out=block)
        np.rint(block, out=block)
        if zero_point:
            np.add(block, np.float32(zero_point), out=block)
        # Clipping last is the same: the bounds are integers and every step before is monotone.
        np.clip(block, np.float32(low), np.float32(high), out=block)
        np.copyto(wide_out[start : start + block_rows], block, casting="unsafe")
    return out


def quantize_bias(bias: NDArray[np.float64], x_scale: ArrayLike, w_scale: ArrayLike) -> NDArray[np.int32]:
    """Return the bias [C] in units of the accumulator: rint(bias / float32(x_scale * w_scale)), clipped to
    int32."""
    unit = (_float32(x_scale) * _float32(w_scale)).astype(np.float64)
    limits = np.iinfo(np.int32)
    return np.clip(np.rint(bias / unit), limits.min, limits.max).astype(np.int32)


def _float32(value: ArrayLike) -> NDArray[np.float32]:
    return np.atleast_1d(np.asarray(value, dtype=np.float32))


def _checked(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    bad = ~(np.isfinite(scale) & (scale >= 0))
    if bad.any():
        index = int(np.argmax(bad))
        raise QuantizationError(
            f"The quantization scales give channel {index} the rescale factor {scale.flat[index]}, not a"
            " finite number >= 0; give positive scales whose product and quotient float32 can hold."
        )
    return scale
