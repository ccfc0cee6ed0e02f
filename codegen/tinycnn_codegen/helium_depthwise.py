"""Depthwise convolutions for Helium: windows of interleaved rows, nine taps of 16 channels, or any taps at all."""

import numpy as np
import numpy.typing as npt

from tinycnn.ops import Call, Conv
from tinycnn.ops.base import Int8Array, Int64Array
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.helium_stream import VECTOR, factors_of, stream_of
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar

SQUARE = 4
"""Rows and columns of a window at most, of which rows are interleaved."""
SQUARE_LACKS = ("kernel_width", "dilation")
LARGEST_PAIR = 255
"""The most that the magnitudes of two weights may sum to, so that two products of them add up in 16 bits."""


def lower(op: Conv, call: Call) -> Lowered | None:
    """None where a channel is read by several, or the products of two taps could overflow."""
    if op.groups != len(call.constant(1)):
        return None
    return _square(op, call) or _nine_taps(op, call) or _any_taps(op, call)


def lean(op: Conv, call: Call) -> Lowered | None:
    """Less scratch for the layers of which rows are interleaved."""
    if op.groups != len(call.constant(1)) or _square(op, call) is None:
        return None
    return _nine_taps(op, call) or _any_taps(op, call)


def _square(op: Conv, call: Call) -> Lowered | None:
    """None where interleaving gains nothing: few taps, three columns, few bytes."""
    weights, planar, factors = call.constant(1), Planar.of(call, op.window), factors_of(call)
    channels, (height, width) = len(weights), planar.kernel
    padded_width = (planar.output_width - 1) * planar.strides[1] + SQUARE
    inside = channels * min(planar.input_width, padded_width - planar.pads[1])
    if channels % 4 or max(planar.kernel) > SQUARE or height * width <= SQUARE or planar.dilations[1] != 1:
        return None
    if planar.output_width in (1, 3) or inside < VECTOR or planar.pads[1] > padded_width:
        return None
    taps = np.pad(weights.reshape(channels, height, width), ((0, 0), (0, SQUARE - height), (0, SQUARE - width)))
    words = np.concatenate([values.reshape(-1, 4) for values in (folded_bias(call), factors.values)], axis=1)
    fields = {name: field for name, field in _fields(call, planar, channels).items() if name not in SQUARE_LACKS}
    layer: Fields = {
        **fields,
        "is_float": factors.is_float,
        "padded_width": padded_width,
        "weights": stream_of(taps.transpose(0, 2, 1).reshape(len(words), -1), words[:, :0], words),
    }
    zero_point, scratch_bytes = call.quantization(0).zero_point, SQUARE * padded_width * channels
    return Lowered(
        "helium_depthwise_square",
        (layer,),
        "window",
        planar.rows,
        zero_point,
        scratch_bytes=scratch_bytes,
        idle=2 * -(-planar.output_width // 2) / planar.output_width,
        prepared_bytes=inside * int(np.prod(call.output.shape[1:2])),
    )


def _nine_taps(op: Conv, call: Call) -> Lowered | None:
    weights, planar, factors = call.constant(1), Planar.of(call, op.window), factors_of(call)
    bias, multipliers = folded_bias(call).astype(np.int64), factors.values
    taps = weights.reshape(len(weights), -1)
    if taps.shape[1] != 9:
        return None
    channels = len(taps)
    if channels % VECTOR or not _pairs_fit(taps[:, :8]):
        return None
    sixteens = taps.reshape(-1, VECTOR, 9).transpose(0, 2, 1)
    bias, multipliers = _widened(bias), _widened(multipliers)
    first = stream_of(sixteens[:, :2], np.zeros((len(sixteens), 0), np.int64), bias)
    others = stream_of(sixteens[:, 2:], np.zeros((len(sixteens), 0), np.int64), multipliers)
    words = np.concatenate([part.values.reshape(len(sixteens), -1) for part in (first, others)], axis=1)
    stream = ConstantArray("int32_t", words.reshape(-1), words.shape[1])
    layer: Fields = {
        **_fields(call, planar, channels),
        "is_float": factors.is_float,
        "weights": stream,
    }
    zero_point = call.quantization(0).zero_point
    return Lowered("helium_depthwise", (layer,), "window", planar.rows, zero_point, scratch_bytes=channels)


def _any_taps(op: Conv, call: Call) -> Lowered | None:
    weights, planar, factors = call.constant(1), Planar.of(call, op.window), factors_of(call)
    flat = weights.reshape(len(weights), -1)
    taps = np.pad(flat, ((0, -len(flat) % VECTOR), (0, flat.shape[1] % 2)))
    if not _pairs_fit(taps):
        return None
    channels, more = len(weights), len(taps) - len(weights)
    bias, multipliers = (_widened(np.pad(values, (0, more))) for values in (folded_bias(call), factors.values))
    layer: Fields = {
        **_fields(call, planar, channels),
        "is_float": factors.is_float,
        "weights": stream_of(taps.reshape(-1, VECTOR, taps.shape[1]).transpose(0, 2, 1), bias, multipliers),
    }
    zero_point = call.quantization(0).zero_point
    scratch_bytes = 4 * taps.shape[1] + channels
    return Lowered("helium_depthwise_any", (layer,), "window", planar.rows, zero_point, scratch_bytes=scratch_bytes)


def _pairs_fit(taps: Int8Array) -> bool:
    """Whether the products of each two taps, int8 [channels, taps], add up in 16 bits."""
    magnitudes = np.abs(taps.astype(np.int64)).reshape(len(taps), -1, 2)
    return int(magnitudes.sum(axis=2).max()) <= LARGEST_PAIR


def _widened(values: npt.NDArray[np.integer]) -> Int64Array:
    """A value per channel as [blocks, 16] in the order in which products widen."""
    return values.astype(np.int64).reshape(-1, 4, 2, 2).transpose(0, 3, 2, 1).reshape(-1, VECTOR)


def _fields(call: Call, planar: Planar, channels: int) -> Fields:
    return {
        **planar.row_fields,
        "channels": channels,
        "input_zero_point": call.quantization(0).zero_point,
        "output_zero_point": call.output_quantization.zero_point,
    }
