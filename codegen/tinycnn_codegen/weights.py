"""The constants of layers with weights, in the order in which kernels read them, in arrays that any compiler takes."""

from collections.abc import Iterator

import numpy as np

from tinycnn.ops import Call
from tinycnn.ops.base import Int8Array
from tinycnn.ops.linear import folded_bias, linear_accumulation
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields
from tinycnn_codegen.rescaling import proof_of, rescale_fields

ARRAY_BYTES = 32767
"""No constant array is longer, since avr-gcc allows none longer; but one channel's weights are never split."""

LANES = 4
"""Output channels that kernels compute at once (tcn_lanes.h)."""

_ADDEND_BYTES = 8
"""What a channel takes in the longest array beside the weights."""


def linear_layers(call: Call, groups: int, *, unit: int, lanes: int, line: int) -> Iterator[tuple[int, Fields]]:
    """The fields that convolutions and dense layers share, cut where a group ends or an array would be too long.

    Each comes with the number of its group. A cut never separates `unit` channels, unless not even that many fit in
    an array; weights are in the order of `lanes` and begin a new line after `line` of them.
    """
    weights, bias = call.constant(1), folded_bias(call)
    proof, zero_point = proof_of(linear_accumulation(call)), call.output_quantization.zero_point
    outputs = weights.shape[0] // groups
    channel_bytes = max(int(np.prod(weights.shape[1:])), _ADDEND_BYTES)
    for group in range(groups):
        for block in blocks(outputs, channel_bytes, unit):
            channels = slice(group * outputs + block.start, group * outputs + block.stop)
            yield (
                group,
                {
                    "first_output": channels.start,
                    "outputs": len(block),
                    "weights": ConstantArray("int8_t", in_lanes(weights[channels], lanes), line),
                    "bias": ConstantArray("int32_t", bias[channels], len(block)),
                    "rescale": rescale_fields(proof, zero_point, channels),
                },
            )


def blocks(channels: int, channel_bytes: int, unit: int) -> Iterator[range]:
    """Cut `channels` into ranges of at most `ARRAY_BYTES`, of whole units where a unit is not longer than that."""
    fitting = max(ARRAY_BYTES // channel_bytes, 1)
    if fitting >= unit:
        fitting -= fitting % unit
    for first in range(0, channels, fitting):
        yield range(first, min(first + fitting, channels))


def in_lanes(weights: Int8Array, lanes: int) -> Int8Array:
    """[O, ...] in the order of tcn_lanes.h, int8 [O * ...]: [O // lanes][...][lanes], then [O % lanes][...]."""
    rows = weights.reshape(weights.shape[0], -1)
    full = rows.shape[0] // lanes * lanes
    together = rows[:full].reshape(-1, lanes, rows.shape[1]).transpose(0, 2, 1)
    return np.concatenate([together.reshape(-1), rows[full:].reshape(-1)])
