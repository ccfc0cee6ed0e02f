"""Alternatives for cores with the DSP extension of Armv7E-M and Armv8-M (Cortex-M4, M7, M33): kernels/armv7e_m/.

Each function returns None where its kernel does not fit the layer, or that nothing overflows cannot be proved from the
constant weights; then the portable kernel is taken.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import prove
from tinycnn.fixedpoint.nudge import HIGH_WORD
from tinycnn.ops import Call, Conv, Dense, Window
from tinycnn.ops.base import Int64Array
from tinycnn.ops.linear import folded_bias, linear_accumulation
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar, as_image
from tinycnn_codegen.rescaling import proof_of, rescale_fields

MOST_DEPTHWISE_TAPS = 31
"""So that the pointers to them fit in 32."""


def alternative(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    make = ALTERNATIVES.get(type(call.node.op))
    return make(call.node.op, call, whole) if make else None


def _conv(op: Conv, call: Call, whole: bool) -> Lowered | None:
    planar = Planar.of(call, op.window)
    weights = call.constant(1)
    if op.is_depthwise(weights.shape):
        return _depthwise(op, call, planar)
    if op.groups != 1 or planar.dilations[1] != 1:
        return None
    taps = weights.reshape(weights.shape[0], planar.kernel[0], -1).astype(np.int64)
    padded = np.pad(taps, ((0, 0), (0, 0), (0, -taps.shape[2] % 4)))
    both = _two_channels(padded.reshape(len(padded), -1))
    if both is None:
        return None
    at_once = whole and planar.is_pointwise
    rows = call.output.shape[1] if at_once else 1
    layer: Fields = {
        "input_width": planar.input_width * rows,
        "input_channels": planar.channels,
        "output_width": planar.output_width * rows,
        "output_channels": weights.shape[0],
        "kernel_height": planar.kernel[0],
        "kernel_width": planar.kernel[1],
        "stride": planar.strides[1],
        "pad": planar.pads[1],
        "input_zero_point": call.quantization(0).zero_point,
        "pairs": padded[0].size // 2,
        "weights": _words(_pairs(both), padded[0].size // 2),
        "bias": _words(folded_bias(call), len(weights)),
        **_rescale(call),
    }
    return Lowered(
        "dsp_conv2d",
        (layer,),
        "window",
        planar.rows,
        call.quantization(0).zero_point,
        scratch_bytes=8 * padded[0].size,
        all_rows_at_once=at_once,
    )


def _depthwise(op: Conv, call: Call, planar: Planar) -> Lowered | None:
    weights = call.constant(1)
    channels = weights.shape[0]
    taps = weights.reshape(channels, -1).astype(np.int64)
    if op.groups != channels or channels % 4 or taps.shape[1] > MOST_DEPTHWISE_TAPS:
        return None
    padded = np.pad(taps, ((0, 0), (0, taps.shape[1] % 2)))
    pairs = padded.reshape(channels // 4, 4, -1, 2)[:, [0, 2, 1, 3]].transpose(0, 2, 1, 3)
    layer: Fields = {
        "input_width": planar.input_width,
        "channels": channels,
        "output_width": planar.output_width,
        "kernel_height": planar.kernel[0],
        "kernel_width": planar.kernel[1],
        "stride": planar.strides[1],
        "pad": planar.pads[1],
        "dilation": planar.dilations[1],
        "input_zero_point": call.quantization(0).zero_point,
        "weights": _words(_halves(pairs[..., 0], pairs[..., 1]), 4),
        "bias": _words(folded_bias(call), channels),
        **_rescale(call),
    }
    return Lowered(
        "dsp_depthwise", (layer,), "window", planar.rows, call.quantization(0).zero_point, scratch_bytes=channels
    )


def _dense(op: Dense, call: Call, whole: bool) -> Lowered | None:
    if len(call.inputs[0].shape) > 3:
        return _conv(Conv(Window.of((1, 1)), channels_last=True), as_image(call), whole)
    weights = call.constant(1).astype(np.int64)
    outputs, inputs = weights.shape
    both = _two_channels(weights) if outputs % 4 == 0 and inputs % 8 == 0 else None
    if both is None:
        return None
    words = _pairs(both).reshape(-1, 2, inputs // 2).transpose(0, 2, 1)
    layer: Fields = {
        "inputs": inputs,
        "outputs": outputs,
        "weights": _words(words, inputs),
        "bias": _words(folded_bias(call), len(weights)),
        **_rescale(call),
    }
    return Lowered("dsp_dense", (layer,), "rows", scratch_bytes=2 * inputs)


ALTERNATIVES: Mapping[type, Callable[[Any, Call, bool], Lowered | None]] = {Conv: _conv, Dense: _dense}


def _two_channels(weights: Int64Array) -> Int64Array | None:
    """Weights [O, K] of channels a and b as a + 256 b, [O / 2, K]; None where O is odd or a bound cannot be proved.

    That is: a + 256 b may not fit 16 bits, or the sum of b 24 bits. It is a difference of sums modulo 2^32, divided by
    256, and comes out whole if it fits.
    """
    if len(weights) % 2:
        return None
    b = weights[1::2]
    both: Int64Array = weights[0::2] + 256 * b
    if both.min() < -(2**15) or both.max() >= 2**15 or 128 * np.abs(b).sum(axis=1).max() >= 2**23:
        return None
    return both


def _rescale(call: Call) -> Fields:
    """2^32 times the scale of each channel, where ((sum * multiplier + 2^31) >> 32) is proved, else 0.

    Only a layer with such a 0 has the constants of any rescale besides.
    """
    sums, zero_point = linear_accumulation(call), call.output_quantization.zero_point
    scale = np.ascontiguousarray(sums.scale, np.float32)
    proof = prove(scale, sums.zero_point, sums.reach, shift=HIGH_WORD, any_addend=False)
    multiplier = np.where(proof.is_integer, proof.form.multiplier, 0)
    if multiplier.all():
        rest: Fields = {"zero_point": zero_point, "multiplier": None, "addend": None, "shift": None}
    else:
        rest = rescale_fields(proof_of(sums), zero_point, slice(None))
    return {
        "output_zero_point": zero_point,
        "high_multiplier": _words(multiplier, len(multiplier)),
        "rescale": rest,
    }


def _pairs(values: Int64Array) -> Int64Array:
    """[O, K] as words of two int16, [O, K / 2]: the inputs 0 and 2, 1 and 3 of every four."""
    fours = values.reshape(len(values), -1, 4)
    return _halves(fours[..., :2], fours[..., 2:]).reshape(len(values), -1)


def _halves(low: Int64Array, high: Int64Array) -> Int64Array:
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def _words(values: Int64Array, per_line: int) -> ConstantArray:
    """Values modulo 2^32 as int32."""
    words: npt.NDArray[np.int32] = (values.reshape(-1) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return ConstantArray("int32_t", words, per_line)
