"""Weights and activations to integers: which scale and zero point a range of real values gets."""

import numpy as np

from tinycnn.ir import Array, Quantization
from tinycnn.ops.base import FloatArray, Int8Array
from tinycnn.quantize.calibrate import Range

BIAS_LIMIT = 2**30
"""A bias stays below this many units, half of what an int32 accumulator holds."""
LEAST_SCALE = 2.0**-60
"""Scales are not smaller, so that the product of two, the unit of a bias, is an ordinary float32 number."""


def activation_quantization(seen: Range) -> Quantization:
    """255 steps over the range, widened so that it holds zero: then zero, and padding, is exact."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    scale = np.float32(max((high - low) / 255, LEAST_SCALE)) if high > low else np.float32(1)
    zero_point = int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))
    return Quantization((float(scale),), zero_point)


def weight_scales(weights: Array, bias: FloatArray, x_scale: float) -> FloatArray:
    """One scale per output channel (axis 0), float32: the largest weight becomes 127.

    A channel without weights gets the largest scale of the others, one with a bias far larger than its weights a
    larger scale, so that the bias fits its int32.
    """
    largest = np.abs(weights.reshape(weights.shape[0], -1)).max(axis=1, initial=0).astype(np.float64)
    scales = np.where(largest > 0, largest, largest.max(initial=0) or 127) / 127
    least = np.abs(bias.astype(np.float64)) / (x_scale * BIAS_LIMIT)
    return np.maximum(np.maximum(scales, least), LEAST_SCALE).astype(np.float32)


def quantize_weights(weights: Array, scales: FloatArray) -> Int8Array:
    """rint(w / scale) in [-127, 127], per output channel."""
    column = scales.astype(np.float64).reshape(-1, *(1,) * (weights.ndim - 1))
    return np.clip(np.rint(weights / column), -127, 127).astype(np.int8)
