"""Weights, biases and factors as Helium's kernels read them: one stream of words for each block of channels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import prove
from tinycnn.fixedpoint.nudge import HIGH_WORD
from tinycnn.ops import Accumulation, Call
from tinycnn.ops.base import Int8Array, Int64Array
from tinycnn.ops.linear import linear_accumulation
from tinycnn_codegen.ctext import ConstantArray

VECTOR = 16
"""Bytes of a vector."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What rescales the sums of each entry, a channel or a number of elements.

    2^32 times the scale where that is proved for all, else float32's bits.
    """

    values: Int64Array
    is_float: int


def factors_of(call: Call) -> Factors:
    """Of a layer with weights."""
    return factors_for(linear_accumulation(call))


def factors_for(sums: Accumulation) -> Factors:
    """Proved is ((sum * multiplier + 2^31) >> 32)."""
    scale = np.ascontiguousarray(sums.scale, np.float32)
    proof = prove(scale, sums.zero_point, sums.reach, shift=HIGH_WORD, any_addend=False)
    if proof.is_integer.all():
        return Factors(proof.form.multiplier.astype(np.int64), 0)
    return Factors(scale.view(np.int32).astype(np.int64), 1)


def stream_of(weights: Int8Array, bias: npt.NDArray[np.integer], factors: Int64Array) -> ConstantArray:
    """int8 [blocks, ...] between the words of bias and factors [blocks, ...], a word's first byte the lowest."""
    blocks = len(weights)
    words = np.ascontiguousarray(weights).reshape(blocks, -1).view("<i4").astype(np.int64)
    parts = (bias.reshape(blocks, -1), words, factors.reshape(blocks, -1))
    stream: npt.NDArray[np.int32] = np.concatenate(parts, axis=1).astype(np.int32)
    return ConstantArray("int32_t", stream.reshape(-1), stream.shape[1])
