"""Alternatives in plain C for processors with 32-bit registers and a multiplication of 32 bits: kernels/word32/."""

from dataclasses import replace

import numpy as np

from tinycnn.ops import Add, Call, Conv, Dense
from tinycnn.ops.base import Int64Array
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen.blocks import BlockFormat, Packed, block_conv, block_dense, block_files
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.elementwise import lower_add
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar
from tinycnn_codegen.words import word_outputs, words

COPIES = 8
"""Inputs of a chunk at most where code has a copy for each: tcn_riscv_block.h."""

CODE = {2: 4 * 17, 4: 4 * 13}
"""Bytes of code for an input there, by pairs of channels."""


def blocks(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    op = call.node.op
    if isinstance(op, Conv):
        return block_conv(op, call, whole, BYTES)
    return block_dense(op, call, whole, BYTES) if isinstance(op, Dense) else None


def pair_blocks(call: Call, *, whole: bool) -> Lowered | None:
    """The same with pairs of channels, for processors that do not load a signed byte in one instruction."""
    op = call.node.op
    if isinstance(op, Conv):
        return block_conv(op, call, whole, HALVES)
    return block_dense(op, call, whole, HALVES) if isinstance(op, Dense) else None


def riscv_blocks(call: Call, *, whole: bool) -> Lowered | None:
    """The same with the products in assembly for RV32IM, and Add: kernels/rv32im/."""
    op = call.node.op
    if isinstance(op, Add):
        lowered = lower_add(op, call)
        return replace(lowered, kernel="riscv_add") if lowered.kernel == "add" else None
    if isinstance(op, Conv):
        return block_conv(op, call, whole, RISCV_HALVES)
    return block_dense(op, call, whole, RISCV_HALVES) if isinstance(op, Dense) else None


def depthwise(call: Call, *, whole: bool) -> Lowered | None:
    """3 x 3 with one output channel per input channel."""
    op = call.node.op
    if not isinstance(op, Conv) or not op.is_depthwise(call.constant(1).shape):
        return None
    planar, weights = Planar.of(call, op.window), call.constant(1)
    channels = weights.shape[0]
    if op.groups != channels or planar.kernel != (3, 3) or planar.dilations[1] != 1:
        return None
    stride, pad, width = planar.strides[1], planar.pads[1], planar.output_width
    overhang = (width - 1) * stride - pad + 3 - planar.input_width
    if stride > 2 or pad > 1 or overhang > 1 or planar.input_width < 3:
        return None
    columns = weights.reshape(channels, 3, 3).transpose(0, 2, 1)
    outside = call.quantization(0).zero_point * columns[:, [0, 2]].sum(axis=2, dtype=np.int64)
    layer: Fields = {
        "channels": channels,
        "output_width": width,
        "stride": stride,
        "pad": pad,
        "overhang": max(overhang, 0),
        "weights": ConstantArray("int8_t", columns.reshape(-1), 9),
        "additions": words(outside, 2),
        "outputs": word_outputs(call, folded_bias(call)),
    }
    return Lowered("word_depthwise", (layer,), "window", planar.rows, call.quantization(0).zero_point)


def riscv_depthwise(call: Call, *, whole: bool) -> Lowered | None:
    """The same with the sums and the rescale in assembly for RV32IM."""
    lowered = depthwise(call, whole=whole)
    return lowered and replace(lowered, stand_ins={"tcn_depthwise_assembly.h": "tcn_riscv_depthwise.h"})


def pack(weights: Int64Array) -> Packed:
    """Weights [groups, channels of a group, runs, taps] as [groups, runs, taps, channels of a group]."""
    return Packed(weights.transpose(0, 2, 3, 1).reshape(-1), np.zeros(weights.shape[0] * weights.shape[1], np.int64))


def pack_pairs(weights: Int64Array) -> Packed:
    """Chunks of w0 + 2^16 w1 of each pair of channels, as long as no half of a sum of products can overflow.

    In assembly a chunk is entered by a computed jump, as far before its end as it has inputs: upper half of its head.
    """
    groups, channels, runs, taps = weights.shape
    code = CODE[channels // 2]
    # What a prefix of the taps adds up to at most and at least, over inputs from -128 to 127: [groups, runs, taps + 1].
    most = np.where(weights > 0, 127, -128) * weights
    least = np.where(weights > 0, -128, 127) * weights
    both = (weights[:, 0::2] + (weights[:, 1::2] << 16)).transpose(0, 2, 3, 1)
    high = np.pad(np.cumsum(most, axis=3), ((0, 0), (0, 0), (0, 0), (1, 0)))
    low = np.pad(np.cumsum(least, axis=3), ((0, 0), (0, 0), (0, 0), (1, 0)))
    pieces: list[Int64Array] = []
    excess = np.zeros((groups, channels), np.int64)
    for group in range(groups):
        for run in range(runs):
            first = 0 if weights[group].any() else taps  # channels without any weight take no time
            while first < taps:
                last = min(taps, first + COPIES)
                for channel in range(channels):
                    tops, bottoms = high[group, channel, run], low[group, channel, run]
                    last = min(last, int(np.searchsorted(tops, tops[first] + 32767, "right")) - 1)
                    last = min(last, int(np.searchsorted(-bottoms, -bottoms[first] + 32768, "right")) - 1)
                size = 4 + (last - first) * 2 * channels
                pieces += [
                    np.array([size + ((last - first - 1) * code << 16)]),
                    both[group, run, first:last].reshape(-1),
                ]
                excess[group, 0::2] += 1 << 15
                first = last
            pieces.append(np.array([1 << 16 if run == runs - 1 else 0]))
    return Packed(np.concatenate(pieces), excess.reshape(-1))


BYTES = BlockFormat(pack, {}, element="int8_t")
HALVES = BlockFormat(pack_pairs, block_files("tcn_half_block.h"))
RISCV_HALVES = replace(HALVES, files={**HALVES.files, "tcn_block_assembly.h": "tcn_riscv_block.h"}, columns=3)
