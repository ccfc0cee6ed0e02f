"""Alternatives for cores with the DSP extension of Armv7E-M and Armv8-M (Cortex-M4, M7, M33): kernels/armv7e_m/.

Each function returns None where its kernel does not fit the layer, or that nothing overflows cannot be proved from the
constant weights; then the portable kernel is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import Reach, prove, requantize
from tinycnn.fixedpoint.nudge import HIGH_WORD
from tinycnn.ops import Add, Call, Conv, Dense, GlobalAveragePool, MaxPool, Window, row_bytes
from tinycnn.ops.base import Accumulation, Int64Array
from tinycnn.ops.linear import folded_bias, linear_accumulation
from tinycnn.plan.pairs import PointwiseDepthwise
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.elementwise import lower_add
from tinycnn_codegen.lower_pools import lower_max_pool
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar, as_image
from tinycnn_codegen.rescaling import proof_of, rescale_fields

LANES = 4
"""Bytes of a word."""

SUMS_BYTES = 4 * 4
"""Behind a column that is multiplied by itself, for sums that C finishes."""

PLANAR_OFFSET = 128
"""What the kernel for pairs adds to the outputs of the first layer."""

MOST_DEPTHWISE_TAPS = 25
"""5 x 5; the pointers to them lie on the stack."""


def compact(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    match call.node.op:
        case Conv() as op if op.is_depthwise(call.constant(1).shape):
            return _depthwise(op, call, Planar.of(call, op.window))
        case Conv() | Dense() as op:
            return _product(op, call, whole, is_wide=False)
        case GlobalAveragePool() as op:
            return _mean(op, call)
        case Add() as op:
            return _add(op, call)
        case MaxPool() as op if call.output.shape[-1] >= LANES:
            return replace(lower_max_pool(op, call), kernel="dsp_max_pool")
    return None


def lean(call: Call, *, whole: bool) -> Lowered | None:
    """A slower kernel for convolutions, with a third of the scratch or less."""
    op = call.node.op
    if not isinstance(op, Conv) or op.is_depthwise(call.constant(1).shape):
        return None
    return _product(op, call, whole, is_wide=False, columns=1)


def wide(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel with weights of twice the size, where two channels may overflow as a + 256 b."""
    op = call.node.op
    if (isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape)) or not isinstance(op, Conv | Dense):
        return None
    if _product(op, call, whole, is_wide=False) is not None:
        return None
    return _product(op, call, whole, is_wide=True)


def note(call: Call) -> str:
    """What keeps a layer with weights from the fastest kernels, or nothing."""
    op = call.node.op
    if not isinstance(op, Conv | Dense):
        return ""
    weights = call.constant(1)
    if isinstance(op, Conv) and op.is_depthwise(weights.shape):
        fastest, reason = planar, "not 3 x 3 with stride 1 or 2, or channels not in fours"
    else:
        fastest, reason = compact, "groups or dilation"
    is_wide = wide(call, whole=False) is not None
    if fastest(call, whole=False) is None and not is_wide:
        return reason
    reasons = []
    if is_wide:
        reasons.append("two channels may overflow as a + 256 b, so weights are int16")
    without = int(np.count_nonzero(_high_multiplier(call)[0] == 0))
    if without:
        reasons.append(f"{without:,} of {len(weights):,} channels have no proved rescale of two instructions")
    return "; ".join(reasons)


def _product(op: Conv | Dense, call: Call, whole: bool, *, is_wide: bool, columns: int = 2) -> Lowered | None:
    if isinstance(op, Conv):
        return _conv(op, call, whole, is_wide, columns)
    if len(call.inputs[0].shape) > 3:
        return _conv(Conv(Window.of((1, 1)), channels_last=True), as_image(call), whole, is_wide, columns)
    outputs, inputs = call.constant(1).shape
    filled = _Rows.of(1, inputs).window_bytes
    stream = _stream(call, np.pad(call.constant(1).astype(np.int64), ((0, 0), (0, filled - inputs))), is_wide)
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
        stand_ins=_files(is_wide),
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
        # `_pairs` takes 0 and 2, 1 and 3 of every four: here 0 and 1, 2 and 3 are to go together.
        fours = filled.reshape(outputs, -1, LANES)[..., [0, 2, 1, 3]]
        return np.concatenate([fours.reshape(outputs, -1), words.reshape(outputs, -1)], axis=1)


def _conv(op: Conv, call: Call, whole: bool, is_wide: bool, columns: int) -> Lowered | None:
    planar = Planar.of(call, op.window)
    if op.groups != 1 or planar.dilations[1] != 1:
        return None
    row_bytes = planar.kernel[1] * planar.channels
    window = _Rows.of(planar.kernel[0], row_bytes)
    weights = call.constant(1).astype(np.int64).reshape(-1, planar.kernel[0], row_bytes)
    stream = _stream(call, window.ordered(weights), is_wide)
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
        stand_ins=_files(is_wide),
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
        "bias": _words(_sums(call)[0], channels),
        **_rescale(call),
    }
    return Lowered(
        "dsp_depthwise", (layer,), "window", planar.rows, call.quantization(0).zero_point, scratch_bytes=channels
    )


def _mean(op: GlobalAveragePool, call: Call) -> Lowered | None:
    """Up to 256 positions, whose sum fits 16 bits."""
    shape = call.inputs[0].shape
    positions = int(np.prod(shape[2:-1]))
    if shape[-1] % 4 or shape[1] * positions > 256:
        return None
    layer: Fields = {
        "rows": shape[1],
        "row_positions": positions,
        "channels": shape[-1],
        "input_zero_point": call.quantization(0).zero_point,
        "rescale": rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None)),
    }
    return Lowered("dsp_mean", (layer,), "summed rows", prepared_bytes=int(np.prod(shape)))


def _add(op: Add, call: Call) -> Lowered | None:
    """The portable kernel's form, for rows of whole words."""
    lowered = lower_add(op, call)
    if lowered.kernel != "add" or row_bytes(call.output.shape) % 4:
        return None
    return replace(lowered, kernel="dsp_add")


def planar(call: Call, *, whole: bool) -> Lowered | None:
    """A faster kernel for depthwise 3 x 3, which keeps three rows of int16 in scratch."""
    op = call.node.op
    layer = _planar_layer(call, 0)
    if not isinstance(op, Conv) or layer is None:
        return None
    window, channels = Planar.of(call, op.window), call.constant(1).shape[0]
    row_width = layer["row_width"]
    assert isinstance(row_width, int)
    return Lowered(
        "dsp_planar",
        (layer,),
        "counted window",
        window.rows,
        call.quantization(0).zero_point,
        makes_padding=True,
        scratch_bytes=6 * channels * row_width + channels + -channels % 32,
        keeps_scratch=True,
        prepared_bytes=_rows_kept(call, window) * channels * row_width,
    )


def _planar_layer(call: Call, added: int) -> Fields | None:
    """The fields for tcn_dsp_planar_outputs.h, where the inputs are `added` more than they are."""
    op = call.node.op
    if not isinstance(op, Conv) or not op.is_depthwise(call.constant(1).shape):
        return None
    window, channels = Planar.of(call, op.window), call.constant(1).shape[0]
    is_plain = window.kernel == (3, 3) and window.dilations == (1, 1) and window.strides[1] in (1, 2)
    if op.groups != channels or channels % LANES or not is_plain:
        return None
    taps = call.constant(1).reshape(channels, 3, 3).astype(np.int64)
    pairs = np.stack([_halves(taps[..., 0], taps[..., 1]), _halves(taps[..., 1], taps[..., 2])], axis=2)
    multiplier, rescale = _high_multiplier(call)
    bias = _sums(call)[0] - added * taps.sum(axis=(1, 2))
    stream = np.concatenate([2 * multiplier[:, None], pairs.reshape(channels, -1), bias[:, None]], axis=1)
    stream[-1, 0] += 1
    row_width = (_in_blocks(window.output_width) - 1) * window.strides[1] + 3
    row_width += -row_width % 4
    return {
        "input_width": window.input_width,
        "channels": channels,
        "output_width": window.output_width,
        "stride": window.strides[1],
        "input_height": window.input_sizes[0],
        "row_stride": window.strides[0],
        "row_pad": window.pads[0],
        "pad": window.pads[1],
        "row_width": row_width,
        "input_zero_point": call.quantization(0).zero_point + added,
        "output_zero_point": call.output_quantization.zero_point,
        "is_proved": int(multiplier.all()),
        "weights": _words(stream, 8),
        "rescale": rescale,
    }


def _in_blocks(outputs: int) -> int:
    """How many outputs are read for: blocks of six, at last one of three or six, which may begin before the rest."""
    return outputs + (0, 2, 1, 0, 0, 1)[outputs % 6]


def pair(call: Call, *, whole: bool) -> Lowered | None:
    """A kernel for a pointwise layer and the depthwise 3 x 3 behind it, which makes the rows between in scratch.

    It makes no rows that the second does not read, so that layers that leave some out are computed one by one.
    """
    op = call.node.op
    if not isinstance(op, PointwiseDepthwise):
        return None
    first, second = op.calls(call)
    weights = first.constant(1).reshape(-1, first.inputs[0].shape[-1]).astype(np.int64)
    if weights.shape[1] % LANES:
        return None
    stream = _stream(first, weights, is_wide=False) or _stream(first, weights, is_wide=True)
    depthwise = _planar_layer(second, PLANAR_OFFSET)
    window = Planar.of(second, op.depthwise.window)
    last_row = (call.output.shape[1] - 1) * window.strides[0] - window.pads[0] + 2
    leaves_rows = window.strides[0] > 3 or last_row < op.between.shape[1] - 1
    if leaves_rows or stream is None or depthwise is None:
        return None
    row_width = depthwise["row_width"]
    assert isinstance(row_width, int)
    layer: Fields = {
        "pointwise": {
            "width": op.between.shape[2],
            "input_channels": weights.shape[1],
            "output_channels": len(weights),
            **stream,
        },
        "depthwise": depthwise,
    }
    return Lowered(
        "dsp_pair",
        (layer,),
        "counted window",
        window.rows,
        scratch_bytes=6 * len(weights) * row_width + max(4 * weights.shape[1], 2 * SUMS_BYTES) + SUMS_BYTES,
        keeps_scratch=True,
    )


def winograd(call: Call, *, whole: bool) -> Lowered | None:
    """A faster kernel for 3 x 3 with stride 1: weights of 2.7 times the size, and three rows of int16 in scratch.

    None where twice a sum may not fit int32.
    """
    op = call.node.op
    if not isinstance(op, Conv) or op.groups != 1:
        return None
    window, weights = Planar.of(call, op.window), call.constant(1)
    is_plain = window.kernel == (3, 3) and window.dilations == (1, 1) and window.strides == (1, 1)
    bias, sums = _sums(call)
    fits = sums.reach.low.min() >= -(2**30) and sums.reach.high.max() < 2**30
    if not is_plain or window.channels % 16 or len(weights) % 2 or not fits:
        return None
    blocks = -(-window.output_width // 8)
    multiplier, rescale = _high_multiplier(call)
    layer: Fields = {
        "input_width": window.input_width,
        "input_channels": window.channels,
        "output_width": window.output_width,
        "output_channels": len(weights),
        "pad": window.pads[1],
        "blocks": blocks,
        "input_zero_point": call.quantization(0).zero_point,
        "output_zero_point": call.output_quantization.zero_point,
        "weights": _winograd_stream(weights.astype(np.int64), bias, multiplier),
        "rescale": rescale,
    }
    partly = 8 * len(weights) if window.output_width % 8 else 0
    return Lowered(
        "dsp_winograd",
        (layer,),
        "counted window",
        window.rows,
        call.quantization(0).zero_point,
        scratch_bytes=(96 * blocks + 1) * window.channels + 128 + partly,
        keeps_scratch=True,
        idle=8 * blocks / window.output_width,
        prepared_bytes=_rows_kept(call, window) * window.channels * 8 * blocks,
    )


def _winograd_stream(weights: Int64Array, bias: Int64Array, multiplier: Int64Array) -> ConstantArray:
    """Weights [O, 3, 3, C] as tcn_dsp_winograd.h reads them."""
    outputs, channels = len(weights), weights.shape[-1]
    left, middle, right = weights[:, :, 0], weights[:, :, 1], weights[:, :, 2]
    factors = np.stack([2 * left, left + middle + right, left - middle + right, 2 * right], axis=1)
    pairs = _pairs(factors.reshape(-1, channels)).reshape(outputs // 2, 2, 4, -1).transpose(0, 2, 3, 1)
    begin = np.zeros((outputs // 2, 4, 2), np.int64)
    begin[:, 1] = 2 * bias.reshape(-1, 2)
    words = np.concatenate([begin, pairs.reshape(outputs // 2, 4, -1)], axis=2).reshape(outputs // 2, -1)
    return _words(np.concatenate([words, _of_both(multiplier)], axis=1), 3 * channels + 2)


def _of_both(multiplier: Int64Array) -> Int64Array:
    """The multipliers of every two channels, [O / 2, 2], both 0 where one is."""
    both = multiplier.reshape(-1, 2)
    return np.where(both.all(axis=1, keepdims=True), both, 0)


def _rows_kept(call: Call, window: Planar) -> int:
    """How many rows a kernel that keeps three of them brings into its order."""
    return (call.output.shape[1] - 1) * min(window.strides[0], 3) + 3


def _files(is_wide: bool) -> Mapping[str, str]:
    """Networks without wide weights leave out what multiplies them."""
    return {"tcn_dsp_weights.h": "tcn_dsp_wide_weights.h"} if is_wide else {}


def _idle(call: Call) -> float:
    """Channels that are computed for each of the output."""
    channels = call.output.shape[-1]
    return 4 * len(_fours(channels)) / channels


def _fours(channels: int) -> npt.NDArray[np.int64]:
    """Channels [groups, 4]: the last four of them again where they are no multiple of four, or the last of fewer."""
    begin = np.minimum(np.arange(0, channels, 4), max(channels - 4, 0))
    return np.minimum(begin[:, np.newaxis] + np.arange(4), channels - 1)


def _stream(call: Call, weights: Int64Array, is_wide: bool) -> Fields | None:
    """The fields for weights [O, K] as tcn_dsp_product.h reads them, K filled up; None where it cannot read them.

    That is where a and b as a + 256 b do not fit 16 bits, or the sum of b 24 bits: it is a difference of sums modulo
    2^32, divided by 256, and comes out whole if it fits.
    """
    fours = _fours(len(weights))
    bias, sums = _sums(call)
    multiplier, _ = _high_multiplier(call)
    ends = (np.stack(sums.reach) * multiplier >> 32) + sums.zero_point
    is_proved = (multiplier != 0) & (np.abs(ends) < 2**15 - 2**8).all(axis=0) & (len(weights) >= 4)
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
    pairs = _pairs(weights.reshape(-1, weights.shape[-1])).reshape(*weights.shape[:2], -1)
    words = pairs.transpose(0, 2, 1).reshape(len(fours), -1)
    zero_point = np.where(is_proved, sums.zero_point + 128, 0)
    stream = np.concatenate([bias, words, zero_point, multiplier], axis=1)
    return {
        "is_wide": int(is_wide),
        "weights": _words(stream, stream.shape[1]),
        "rescale": _rescale_fields(sums, needed=not is_proved.all()),
    }


def _sums(call: Call) -> tuple[Int64Array, Accumulation]:
    """The bias of sums over the raw inputs, and what is known of the finished sums.

    A channel without weights has one output, but may have a scale and a bias of any size, which nothing could be proved
    of. It gets the sum 2^8 times its output and the scale 2^-8.
    """
    bias, sums = folded_bias(call).astype(np.int64), linear_accumulation(call)
    low, high = sums.reach
    output = requantize(low, sums.scale, sums.zero_point).astype(np.int64) - sums.zero_point
    is_constant = low == high
    bias, low, high = (np.where(is_constant, 2**8 * output, values) for values in (bias, low, high))
    scale = np.where(is_constant, np.float32(2**-8), sums.scale)
    return bias, Accumulation(Reach(low, high), scale, sums.zero_point)


def _high_multiplier(call: Call) -> tuple[Int64Array, Fields]:
    """2^32 times the scale of each channel, where ((sum * multiplier + 2^31) >> 32) is proved, else 0.

    Only a layer with such a 0 has the constants of any rescale besides. A proved 0 is written 1, which gives 0 as well.
    """
    _, sums = _sums(call)
    scale = np.ascontiguousarray(sums.scale, np.float32)
    proof = prove(scale, sums.zero_point, sums.reach, shift=HIGH_WORD, any_addend=False)
    multiplier: Int64Array = np.where(proof.is_integer, np.maximum(proof.form.multiplier, 1), 0)
    return multiplier, _rescale_fields(sums, needed=not multiplier.all())


def _rescale_fields(sums: Accumulation, *, needed: bool) -> Fields:
    if not needed:
        return {"zero_point": sums.zero_point, "multiplier": None, "addend": None, "shift": None}
    return rescale_fields(proof_of(sums), sums.zero_point, slice(None))


def _rescale(call: Call) -> Fields:
    multiplier, rescale = _high_multiplier(call)
    return {
        "output_zero_point": call.output_quantization.zero_point,
        "high_multiplier": _words(multiplier, len(multiplier)),
        "rescale": rescale,
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
