"""What convolution and dense layers share on int8: weights [O, ...], an int32 bias, one scale per output channel."""

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ops.base import Accumulation, Call, FloatArray, Int64Array
from tinycnn.ops.rescale import Rescaler, rescaler


def bias_of(call: Call) -> Int64Array:
    """The bias [O], zeros when the node has none."""
    if len(call.inputs) > 2:
        return call.constant(2).astype(np.int64)
    return np.zeros(call.constant(1).shape[0], np.int64)


def folded_bias(call: Call) -> Int64Array:
    """bias - x_zero_point * sum(w) [O]: with it, sums over the raw int8 inputs need no zero point."""
    weights = call.constant(1)
    sums = weights.reshape(weights.shape[0], -1).sum(axis=1, dtype=np.int64)
    bias: Int64Array = bias_of(call) - call.quantization(0).zero_point * sums
    return bias


def linear_scale(call: Call) -> FloatArray:
    """The factor from sum to output, float32 [O], as onnxruntime computes it."""
    channels = call.constant(1).shape[0]
    scale = fixedpoint.rescale(
        call.quantization(0).scales[0], call.quantization(1).scales, call.output_quantization.scales[0]
    )
    return np.broadcast_to(scale, (channels,))


def linear_accumulation(call: Call) -> Accumulation:
    weights = call.constant(1)
    flat = weights.reshape(weights.shape[0], -1)
    reach = fixedpoint.reachable(flat, call.quantization(0).zero_point, bias_of(call))
    return Accumulation(reach, linear_scale(call), call.output_quantization.zero_point)


def exact_dtype(call: Call) -> type[np.float32] | type[np.float64]:
    """float32 when it holds every partial sum of w * x exactly, w and x as they are stored, else float64.

    A float32 holds all integers up to 2**24. `rescaler` needs 128 of them for itself.
    """
    weights = call.constant(1)
    magnitudes = np.abs(weights.reshape(weights.shape[0], -1).astype(np.int64)).sum(axis=1)
    return np.float32 if 128 * int(magnitudes.max(initial=0)) <= 2**24 - 128 else np.float64


def linear_rescaler(call: Call) -> Rescaler:
    """From sums of w * x over the raw int8 inputs (exact, of `exact_dtype`, channels last) to the int8 output."""
    return rescaler(folded_bias(call), linear_scale(call), call.output_quantization.zero_point)
