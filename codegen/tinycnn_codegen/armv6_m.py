"""Alternatives for cores that multiply 32 by 32 bits to 32 and have eight registers for that: kernels/armv6_m/."""

from dataclasses import replace

import numpy as np

from tinycnn.ops import Call, Conv, Dense
from tinycnn.ops.base import Int64Array
from tinycnn_codegen import word32
from tinycnn_codegen.blocks import BlockFormat, Packed, block_conv, block_dense, block_files
from tinycnn_codegen.lowered import Lowered

CHUNK = 16
"""Inputs of a chunk at most: TCN_SHORT_CHUNK."""


def alternative(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    op = call.node.op
    if isinstance(op, Conv):
        return block_conv(op, call, whole, COLUMNS)
    if isinstance(op, Dense) and len(call.inputs[0].shape) <= 3:
        return block_dense(op, call, whole, VECTORS)
    return block_dense(op, call, whole, COLUMNS) if isinstance(op, Dense) else None


def depthwise(call: Call, *, whole: bool) -> Lowered | None:
    """3 x 3 with one output channel per input channel."""
    lowered = word32.depthwise(call, whole=whole)
    return lowered and replace(lowered, stand_ins={"tcn_depthwise_assembly.h": "tcn_short_depthwise.h"})


PRODUCT, VECTOR = 14, 12
"""Bytes of code for an input in the loops of tcn_block_product and tcn_short_vector."""

END = (-10, 0, 0, 0)
"""Where both of them jump to their end, from where they jump to the first input."""


def pack_columns(weights: Int64Array) -> Packed:
    """Weights [groups, 4, 1, taps] as tcn_block_product reads them: a pair of channels after the other."""
    return _packed(weights[:, :, 0].reshape(-1, 2, weights.shape[3]), PRODUCT, spread=2)


def pack_vector(weights: Int64Array) -> Packed:
    """Weights [groups, 4, 1, taps] as tcn_short_vector reads them."""
    return _packed(weights[:, :, 0], VECTOR, spread=1)


def _packed(flat: Int64Array, code: int, *, spread: int) -> Packed:
    """Chunks of w0 + 2^16 w1 of each pair of channels [groups, channels, taps], for inputs of 0 to 255.

    A sum of products begins with what keeps its lower half from 0 to 65535 and its upper half an int16.
    """
    groups, _, taps = flat.shape
    fall = np.pad(np.cumsum(np.maximum(-flat, 0) * 255, axis=2), ((0, 0), (0, 0), (1, 0)))
    span = np.pad(np.cumsum(np.abs(flat) * 255, axis=2), ((0, 0), (0, 0), (1, 0)))
    both = (flat[:, 0::2] + (flat[:, 1::2] << 16)).transpose(0, 2, 1)
    excess = 128 * flat.sum(axis=2)
    pieces: list[Int64Array] = []
    end = np.array(END, np.int64)
    for group in range(groups):
        first = 0 if flat[group].any() else taps  # channels that are not there take no time
        while first < taps:
            limits = [np.searchsorted(row, row[first] + 65535, "right") - 1 for row in span[group]]
            last = min(taps, first + CHUNK, *map(int, limits))
            begin = fall[group, :, last] - fall[group, :, first]
            begin[1::2] -= 1 << 15
            excess[group] += begin
            missing = CHUNK - (last - first)
            sums = np.resize(begin[0::2] + (begin[1::2] << 16), 2)  # a pair of channels has two columns
            pieces += [np.array([missing * code, missing * spread]), sums, both[group, first:last].reshape(-1)]
            first = last
        pieces.append(end)
    return Packed(np.concatenate(pieces), excess.reshape(-1))


FILES = block_files("tcn_short_block.h")
COLUMNS = BlockFormat(pack_columns, FILES, gathers=True)
VECTORS = BlockFormat(pack_vector, FILES, vector_channels=4, vector_kernel="short_dense", gathers=True)
