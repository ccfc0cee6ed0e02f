"""Alternatives for cores with SMLAL and without the DSP extension (Cortex-M3): kernels/armv7_m/."""

from dataclasses import replace

import numpy as np

from tinycnn.ops import Call, Conv, Dense
from tinycnn.ops.base import Int64Array
from tinycnn_codegen import word32
from tinycnn_codegen.blocks import BlockFormat, Packed, block_conv, block_dense, block_files
from tinycnn_codegen.lowered import Lowered

FIELD = 24
"""Bits of the lower sum of two that share 64."""


def alternative(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    op = call.node.op
    if isinstance(op, Conv):
        return block_conv(op, call, whole, LONG)
    return block_dense(op, call, whole, LONG) if isinstance(op, Dense) else None


def depthwise(call: Call, *, whole: bool) -> Lowered | None:
    """3 x 3 with one output channel per input channel."""
    lowered = word32.depthwise(call, whole=whole)
    return lowered and replace(lowered, stand_ins=DEPTHWISE_FILES)


def pack(weights: Int64Array) -> Packed | None:
    """w0 + 2^24 w1 of each pair of channels, [groups][runs][taps][pairs]; None where a sum of w0 might not fit."""
    low, high = weights[:, 0::2], weights[:, 1::2]
    half = 1 << (FIELD - 1)
    if 128 * np.abs(low).sum(axis=(2, 3)).max() >= half:
        return None
    words = (low + (high << FIELD)).transpose(0, 2, 3, 1)
    excess = np.zeros(weights.shape[:2], np.int64)
    excess[:, 0::2] = half
    return Packed(words.reshape(-1), excess.reshape(-1))


HALVE = {"tcn_halve.h": "tcn_long_halve.h"}
LONG = BlockFormat(pack, {**block_files("tcn_long_block.h"), **HALVE})
DEPTHWISE_FILES = {"tcn_depthwise_assembly.h": "tcn_long_depthwise.h", **HALVE}
