"""Alternatives for cores with the DSP extension of Armv7E-M and Armv8-M (Cortex-M4, M7, M33): kernels/armv7e_m/.

Each function returns None where its kernel does not fit the layer, or that nothing overflows cannot be proved from the
constant weights; then the portable kernel is taken.
"""

from dataclasses import replace

import numpy as np

from tinycnn.ops import Add, Call, Conv, Dense, GlobalAveragePool, MaxPool, row_bytes
from tinycnn.ops.base import Int64Array
from tinycnn.plan.pairs import PointwiseDepthwise
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.dsp_product import LANES, SUMS_BYTES, fits_halves, lower_product, product_files, weight_stream
from tinycnn_codegen.dsp_words import channel_sums, halves, high_multiplier, pairs_of_inputs, words_of
from tinycnn_codegen.elementwise import lower_add
from tinycnn_codegen.lower_pools import lower_max_pool
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar
from tinycnn_codegen.rescaling import proof_of, rescale_fields

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
            return lower_product(op, call, whole, is_wide=False)
        case GlobalAveragePool() as op:
            return _mean(op, call)
        case Add() as op:
            return _add(op, call)
        case MaxPool() as op if call.output.shape[-1] >= LANES:
            return replace(lower_max_pool(op, call), kernel="dsp_max_pool")
    return None


def lean(call: Call, *, whole: bool) -> Lowered | None:
    """A slower kernel for convolutions, one window at a time, with half to three quarters of the scratch."""
    op = call.node.op
    if not isinstance(op, Conv) or op.is_depthwise(call.constant(1).shape):
        return None
    return lower_product(op, call, whole, is_wide=False, columns=1)


def wide(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel with weights of twice the size, where two channels may overflow as a + 256 b."""
    op = call.node.op
    if (isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape)) or not isinstance(op, Conv | Dense):
        return None
    if lower_product(op, call, whole, is_wide=False) is not None:
        return None
    return lower_product(op, call, whole, is_wide=True)


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
    without = int(np.count_nonzero(high_multiplier(call)[0] == 0))
    if without:
        reasons.append(f"{without:,} of {len(weights):,} channels have no proved rescale of two instructions")
    if fastest is compact and (wider := int(np.count_nonzero(~fits_halves(call)))):
        reasons.append(f"{wider:,} of {len(weights):,} channels may not fit 16 bits before they are saturated")
    if fastest is compact and len(weights) < LANES:
        reasons.append("fewer than four channels, which C finishes")
    return "; ".join(reasons)


def _depthwise(op: Conv, call: Call, planar: Planar) -> Lowered | None:
    weights = call.constant(1)
    channels = weights.shape[0]
    taps = weights.reshape(channels, -1).astype(np.int64)
    if op.groups != channels or channels % 4 or taps.shape[1] > MOST_DEPTHWISE_TAPS:
        return None
    padded = np.pad(taps, ((0, 0), (0, taps.shape[1] % 2)))
    pairs = padded.reshape(channels // 4, 4, -1, 2)[:, [0, 2, 1, 3]].transpose(0, 2, 1, 3)
    layer: Fields = {
        **planar.row_fields,
        "channels": channels,
        "input_zero_point": call.quantization(0).zero_point,
        "weights": words_of(halves(pairs[..., 0], pairs[..., 1]), 4),
        "bias": words_of(channel_sums(call)[0], channels),
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
    pairs = np.stack([halves(taps[..., 0], taps[..., 1]), halves(taps[..., 1], taps[..., 2])], axis=2)
    multiplier, rescale = high_multiplier(call)
    bias = channel_sums(call)[0] - added * taps.sum(axis=(1, 2))
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
        "weights": words_of(stream, 8),
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
    stream = weight_stream(first, weights, is_wide=False) or weight_stream(first, weights, is_wide=True)
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
        stand_ins=product_files(stream),
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
    bias, sums = channel_sums(call)
    fits = sums.reach.low.min() >= -(2**30) and sums.reach.high.max() < 2**30
    if not is_plain or window.channels % 16 or len(weights) % 2 or not fits:
        return None
    blocks = -(-window.output_width // 8)
    multiplier, rescale = high_multiplier(call)
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
    pairs = pairs_of_inputs(factors.reshape(-1, channels)).reshape(outputs // 2, 2, 4, -1).transpose(0, 2, 3, 1)
    begin = np.zeros((outputs // 2, 4, 2), np.int64)
    begin[:, 1] = 2 * bias.reshape(-1, 2)
    words = np.concatenate([begin, pairs.reshape(outputs // 2, 4, -1)], axis=2).reshape(outputs // 2, -1)
    return words_of(np.concatenate([words, _of_both(multiplier)], axis=1), 3 * channels + 2)


def _of_both(multiplier: Int64Array) -> Int64Array:
    """The multipliers of every two channels, [O / 2, 2], both 0 where one is."""
    both = multiplier.reshape(-1, 2)
    return np.where(both.all(axis=1, keepdims=True), both, 0)


def _rows_kept(call: Call, window: Planar) -> int:
    """How many rows a kernel that keeps three of them brings into its order."""
    return (call.output.shape[1] - 1) * min(window.strides[0], 3) + 3


def _rescale(call: Call) -> Fields:
    multiplier, rescale = high_multiplier(call)
    return {
        "output_zero_point": call.output_quantization.zero_point,
        "high_multiplier": words_of(multiplier, len(multiplier)),
        "rescale": rescale,
    }
