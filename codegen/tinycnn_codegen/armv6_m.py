"""Alternatives for cores that multiply 32 by 32 bits to 32 and have eight registers for that: kernels/armv6_m/."""

import numpy as np

from tinycnn.ops import Call, Conv, Dense
from tinycnn.ops.base import Int64Array
from tinycnn_codegen.blocks import BlockFormat, Packed, block_conv, block_dense
from tinycnn_codegen.lowered import Lowered

CHANNELS = 2
"""Channels of a block: one word of weights for each input."""

CHUNK = 16
"""Inputs of a chunk at most: TCN_SHORT_CHUNK."""


def alternative(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    op = call.node.op
    if isinstance(op, Conv):
        return block_conv(op, call, whole, SHORT)
    return block_dense(op, call, whole, SHORT) if isinstance(op, Dense) else None


def pack(weights: Int64Array) -> Packed:
    """Chunks of w0 + 2^16 w1 of each pair of channels [groups, channels, 1, taps], for inputs of 0 to 255.

    A sum of products begins with what keeps its lower half from 0 to 65535 and its upper half an int16.
    """
    groups, channels, _, taps = weights.shape
    flat = weights[:, :, 0]
    pairs = channels // CHANNELS
    columns = 2 // pairs  # a pair of channels has two columns, two pairs have one
    fall = np.pad(np.cumsum(np.maximum(-flat, 0) * 255, axis=2), ((0, 0), (0, 0), (1, 0)))
    span = np.pad(np.cumsum(np.abs(flat) * 255, axis=2), ((0, 0), (0, 0), (1, 0)))
    both = (flat[:, 0::2] + (flat[:, 1::2] << 16)).transpose(0, 2, 1)
    excess = 128 * flat.sum(axis=2)
    pieces: list[Int64Array] = []
    end = np.array([-1] + pairs * [0], np.int64)
    for group in range(groups):
        first = 0
        while first < taps:
            limits = [np.searchsorted(row, row[first] + 65535, "right") - 1 for row in span[group]]
            last = min(taps, first + CHUNK, *map(int, limits))
            begin = fall[group, :, last] - fall[group, :, first]
            begin[1::2] -= 1 << 15
            excess[group] += begin
            missing = (CHUNK - (last - first)) * columns
            pieces += [np.array([missing]), begin[0::2] + (begin[1::2] << 16), both[group, first:last].reshape(-1)]
            first = last
        pieces.append(end)
    return Packed(np.concatenate(pieces), excess.reshape(-1))


SHORT = BlockFormat(pack, {"tcn_block.h": "tcn_short_block.h"}, CHANNELS, gathers=True)
