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
