"""Means in float32, as onnxruntime's QLinearAveragePool computes them (contrib_ops/cpu/quantization/qlinear_pool.cc).

    rint(sum of x_scale * (x - x_zero_point) / count / y_scale + y_zero_point), saturated

The elements are added up row after row, every operation rounds to float32, and the zero point, of int8 or of uint8, is
added before rounding.
"""

from collections.abc import Sequence

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Quantization, Shape
from tinycnn.ops.base import FloatArray, Int8Array, Int8Kernel, Int64Array
from tinycnn.ops.unary import all_inputs
from tinycnn.ops.window import Window

MOST_ELEMENTS = 4096
"""Larger windows are not tried for all their sums."""


def quantized_means(sums: FloatArray, counts: Int64Array, y: Quantization, zero_point: int) -> Int8Array:
    """The outputs for float32 sums of `counts` elements; `zero_point` is the output's in the file."""
    with np.errstate(over="ignore"):
        steps = sums / counts.astype(np.float32) / np.float32(y.scale[0]) + np.float32(zero_point)
    return np.clip(np.rint(steps) - np.float32(zero_point - y.zero_point), -128, 127).astype(np.int8)


def float_mean_kernel(
    window: Window, sizes: Shape, counts: Int64Array, x: Quantization, y: Quantization, zero_point: int
) -> Int8Kernel:
    """A function of x [N, sizes..., C] for windows that average `counts` [output sizes...] elements."""
    pad, views, values = window.padding(sizes, x.zero_point), window.views(sizes), all_inputs(x)

    def kernel(inputs: Int8Array) -> Int8Array:
        windows = views(values[pad(inputs).astype(np.int16) + 128])
        everywhere = (slice(None),) * (1 + window.rank)
        sums = np.zeros((*windows.shape[: 1 + window.rank], inputs.shape[-1]), np.float32)
        for tap in np.ndindex(window.kernel):  # padding is 0 and changes no sum
            sums += windows[everywhere + tap]
        return quantized_means(sums, counts[..., None], y, zero_point)

    return kernel


def sums_agree(x: Quantization, y: Quantization, zero_point: int, counts: Sequence[int]) -> bool:
    """Whether rescaling the integer sum of `counts` elements gives the same bytes, whatever the elements are.

    With a scale of few significant bits float32 sums are exact. Otherwise they lie within count ** 2 roundings of the
    largest element, and whole intervals of that width must agree.
    """
    scale = x.scales[0]
    farthest = max(127 - x.zero_point, 128 + x.zero_point)
    mantissa = int(scale / np.spacing(scale))
    odd_part = mantissa // (mantissa & -mantissa)
    for count in counts:
        if count > MOST_ELEMENTS:
            return False
        sums = np.arange(count * (-128 - x.zero_point), count * (127 - x.zero_point) + 1)
        factor = fixedpoint.rescale_mean(x.scale[0], y.scale[0], count)
        expected = fixedpoint.requantize(sums, factor, y.zero_point)
        error = 0.0 if odd_part * farthest * count <= 2**24 else count**2 * farthest * 2.0**-24 * float(scale)
        for away in (-error, error) if error else (0.0,):
            ends = (sums * np.float64(scale) + away).astype(np.float32)
            if error:
                ends = np.nextafter(ends, np.float32(np.copysign(np.inf, away)))
            if not np.array_equal(quantized_means(ends, np.array(count), y, zero_point), expected):
                return False
    return True
