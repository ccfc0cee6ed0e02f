"""What convolution and dense layers share on int8: weights [O, ...], an int32 bias, one scale per output channel."""

from collections.abc import Callable

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Array
from tinycnn.ops.base import Accumulation, Call, FloatArray, Int8Array, Int64Array


def bias_of(call: Call) -> Int64Array:
    """The bias [O], zeros when the node has none."""
    if len(call.inputs) > 2:
        return call.constant(2).astype(np.int64)
    return np.zeros(call.constant(1).shape[0], np.int64)


def folded_bias(call: Call) -> Int64Array:
    """bias - x_zero_point * sum(w) [O]: with it, sums over the raw int8 inputs need no zero point."""
    weights = call.constant(1)
    sums = weights.reshape(weights.shape[0], -1).sum(axis=1, dtype=np.int64)
    return bias_of(call) - call.quantization(0).zero_point * sums


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
    """float32 when every partial sum of w * x and the folded bias are integers that it holds exactly, else float64.

    A float32 holds all integers up to 2**24, and the last addition, of the bias, is rounded once to float32: that
    is the very conversion to float32 with which requantization begins.
    """
    weights = call.constant(1)
    bound = 128 * int(
        np.abs(weights.reshape(weights.shape[0], -1).astype(np.int64)).sum(axis=1).max(initial=0)
    )
    bias = folded_bias(call)
    return np.float32 if bound <= 2**24 and np.array_equal(bias, bias.astype(np.float32)) else np.float64


def linear_rescaler(call: Call) -> Callable[[Array], Int8Array]:
    """From sums of w * x over the raw int8 inputs (exact, of `exact_dtype`, channels last) to the int8 output."""
    bias = folded_bias(call).astype(exact_dtype(call))
    scale, zero_point = linear_scale(call), call.output_quantization.zero_point

    def rescale(sums: Array) -> Int8Array:
        sums += bias
        return fixedpoint.requantize_in_place(sums.astype(np.float32, copy=False), scale, zero_point)

    return rescale
