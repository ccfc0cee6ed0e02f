"""Products of four channels for the DSP extension: convolutions and dense layers as tcn_dsp_product.h reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinycnn.ops import Call, Conv, Dense, Window
from tinycnn.ops.base import Int64Array
from tinycnn_codegen.dsp_words import channel_sums, high_multiplier, pairs_of_inputs, rescale_where_needed, words_of
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar, as_image

LANES = 4
"""Bytes of a word."""

SUMS_BYTES = 4 * 4
"""Behind a column that is multiplied by itself, for sums that C finishes."""


def lower_product(op: Conv | Dense, call: Call, whole: bool, *, is_wide: bool, columns: int = 2) -> Lowered | None:
    """None where groups, dilation or the weights do not fit. One of `columns` at once, not two, takes less scratch."""
    if isinstance(op, Conv):
        return _conv(op, call, whole, is_wide, columns)
    if len(call.inputs[0].shape) > 3:
        return _conv(Conv(Window.of((1, 1)), channels_last=True), as_image(call), whole, is_wide, columns)
    outputs, inputs = call.constant(1).shape
    filled = _Rows.of(1, inputs).window_bytes
    stream = weight_stream(call, np.pad(call.constant(1).astype(np.int64), ((0, 0), (0, filled - inputs))), is_wide)
    if stream is None:
        return None
    layer: Fields = {"inputs": inputs, "outputs": outputs, "pairs": filled // 2, **stream}
    return Lowered(
        "dsp_dense",
        (layer,),
        "rows",
        scratch_bytes=2 * filled + SUMS_BYTES,
        idle=_idle(call),
        prepared_bytes=filled,
        stand_ins=product_files(stream),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The `height` rows of a window in bytes: `words` of each are read as words, `more` behind them one by one.

    Three bytes, or a row of fewer than four, are filled up to a word, and a window to two words, so that sums find room
    where it lies.
    """

    height: int
    words: int
    more: int

    @classmethod
    def of(cls, height: int, count: int) -> "_Rows":
        more = count % LANES
        if height == 1 and count <= LANES:
            return cls(1, 2 * LANES, 0)
        if more == 3 or count < LANES:
            return cls(height, count + LANES - more, 0)
        return cls(height, count - more, more)

    @property
    def all_more(self) -> int:
        """Of all rows together, filled up to words."""
        return self.height * self.more + -self.height * self.more % LANES

    @property
    def window_bytes(self) -> int:
        return self.all_more + self.height * self.words

    def ordered(self, weights: Int64Array) -> Int64Array:
        """Weights [O, height, count] in the order of tcn_dsp_gather.h, [O, window_bytes]."""
        outputs, _, count = weights.shape
        words = np.pad(weights, ((0, 0), (0, 0), (0, max(self.words - count, 0))))[..., : self.words]
        more = weights[..., self.words :].reshape(outputs, -1)
        filled = np.pad(more, ((0, 0), (0, self.all_more - more.shape[1])))
        # `pairs_of_inputs` takes 0 and 2, 1 and 3 of every four: here 0 and 1, 2 and 3 are to go together.
        fours = filled.reshape(outputs, -1, LANES)[..., [0, 2, 1, 3]]
        return np.concatenate([fours.reshape(outputs, -1), words.reshape(outputs, -1)], axis=1)


def _conv(op: Conv, call: Call, whole: bool, is_wide: bool, columns: int) -> Lowered | None:
    planar = Planar.of(call, op.window)
    if op.groups != 1 or planar.dilations[1] != 1:
        return None
    row_bytes = planar.kernel[1] * planar.channels
    window = _Rows.of(planar.kernel[0], row_bytes)
    weights = call.constant(1).astype(np.int64).reshape(-1, planar.kernel[0], row_bytes)
    stream = weight_stream(call, window.ordered(weights), is_wide)
    if stream is None:
        return None
    at_once = whole and planar.is_pointwise
    rows = call.output.shape[1] if at_once else 1
    layer: Fields = {
        "input_width": planar.input_width * rows,
        "input_channels": planar.channels,
        "output_width": planar.output_width * rows,
        "output_channels": len(weights),
        "kernel_height": planar.kernel[0],
        "kernel_width": planar.kernel[1],
        "stride": planar.strides[1],
        "pad": planar.pads[1],
        "input_zero_point": call.quantization(0).zero_point,
        "row_bytes": window.words,
        "more_bytes": window.more,
        "columns": columns,
        **stream,
    }
    bytes_ = window.window_bytes
    if columns == 1:
        scratch_bytes = 2 * bytes_ + max(bytes_ + (LANES if window.more else 0), SUMS_BYTES)
    else:
        is_copied = window.words > row_bytes or planar.pads[1] or planar.pads[3]
        scratch_bytes = (6 if is_copied else 4) * bytes_ + (LANES if window.more else 0)
    return Lowered(
        "dsp_conv2d",
        (layer,),
        "window",
        planar.rows,
        call.quantization(0).zero_point,
        scratch_bytes=scratch_bytes,
        all_rows_at_once=at_once,
        idle=_idle(call),
        prepared_bytes=bytes_ * int(np.prod(call.output.shape[1:-1])),
        stand_ins=product_files(stream),
    )


def fits_halves(call: Call) -> npt.NDArray[np.bool_]:
    """For each channel whether its output fits 16 bits before it is saturated, where it has a multiplier."""
    _, sums = channel_sums(call)
    ends = (np.stack(sums.reach) * high_multiplier(call)[0] >> 32) + sums.zero_point
    fits: npt.NDArray[np.bool_] = (np.abs(ends) < 2**15 - 2**8).all(axis=0)
    return fits


def product_files(stream: Fields) -> Mapping[str, str]:
    """Networks without wide weights leave out what multiplies them."""
    return {"tcn_dsp_weights.h": "tcn_dsp_wide_weights.h"} if stream["is_wide"] else {}


def _idle(call: Call) -> float:
    """Channels that are computed for each of the output."""
    channels = call.output.shape[-1]
    return 4 * len(_fours(channels)) / channels


def _fours(channels: int) -> npt.NDArray[np.int64]:
    """Channels [groups, 4]: the last four of them again where they are no multiple of four, or the last of fewer."""
    begin = np.minimum(np.arange(0, channels, 4), max(channels - 4, 0))
    return np.minimum(begin[:, np.newaxis] + np.arange(4), channels - 1)


def weight_stream(call: Call, weights: Int64Array, is_wide: bool) -> Fields | None:
    """The fields for weights [O, K] as tcn_dsp_product.h reads them, K filled up; None where it cannot read them.

    That is where a and b as a + 256 b do not fit 16 bits, or the sum of b 24 bits: it is a difference of sums modulo
    2^32, divided by 256, and comes out whole if it fits.
    """
    fours = _fours(len(weights))
    bias, sums = channel_sums(call)
    multiplier, _ = high_multiplier(call)
    is_proved = (multiplier != 0) & fits_halves(call) & (len(weights) >= 4)
    is_proved = is_proved[fours].all(axis=1, keepdims=True)
    multiplier = np.where(is_proved, multiplier[fours], 0)
    weights, bias = weights[fours], bias[fours]
    if not is_wide:
        both, of_b = weights[:, 0::2] + 256 * weights[:, 1::2], fours[:, 1::2]
        if both.min() < -(2**15) or both.max() >= 2**15:
            return None
        if sums.reach.low[of_b].min() < -(2**23) or sums.reach.high[of_b].max() >= 2**23:
            return None
        weights, bias[:, 1::2] = both, bias[:, 0::2] + 256 * bias[:, 1::2]
    pairs = pairs_of_inputs(weights.reshape(-1, weights.shape[-1])).reshape(*weights.shape[:2], -1)
    words = pairs.transpose(0, 2, 1).reshape(len(fours), -1)
    zero_point = np.where(is_proved, sums.zero_point + 128, 0)
    stream = np.concatenate([bias, words, zero_point, multiplier], axis=1)
    return {
        "is_wide": int(is_wide),
        "weights": words_of(stream, stream.shape[1]),
        "rescale": rescale_where_needed(sums, needed=not is_proved.all()),
    }
