"""What the kernels for the DSP extension have in common: proved multipliers of SMMLAR, and words of two int16."""

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import Reach, prove, requantize
from tinycnn.fixedpoint.nudge import HIGH_WORD
from tinycnn.ops import Call
from tinycnn.ops.base import Accumulation, Int64Array
from tinycnn.ops.linear import folded_bias, linear_accumulation
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields
from tinycnn_codegen.rescaling import proof_of, rescale_fields


def channel_sums(call: Call) -> tuple[Int64Array, Accumulation]:
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


def high_multiplier(call: Call) -> tuple[Int64Array, Fields]:
    """2^32 times the scale of each channel, where ((sum * multiplier + 2^31) >> 32) is proved, else 0.

    Only a layer with such a 0 has the constants of any rescale besides. A proved 0 is written 1, which gives 0 as well.
    """
    _, sums = channel_sums(call)
    scale = np.ascontiguousarray(sums.scale, np.float32)
    proof = prove(scale, sums.zero_point, sums.reach, shift=HIGH_WORD, any_addend=False)
    multiplier: Int64Array = np.where(proof.is_integer, np.maximum(proof.form.multiplier, 1), 0)
    return multiplier, rescale_where_needed(sums, needed=not multiplier.all())


def rescale_where_needed(sums: Accumulation, *, needed: bool) -> Fields:
    if not needed:
        return {"zero_point": sums.zero_point, "multiplier": None, "addend": None, "shift": None}
    return rescale_fields(proof_of(sums), sums.zero_point, slice(None))


def pairs_of_inputs(values: Int64Array) -> Int64Array:
    """[O, K] as words of two int16, [O, K / 2]: the inputs 0 and 2, 1 and 3 of every four."""
    fours = values.reshape(len(values), -1, 4)
    return halves(fours[..., :2], fours[..., 2:]).reshape(len(values), -1)


def halves(low: Int64Array, high: Int64Array) -> Int64Array:
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def words_of(values: Int64Array, per_line: int) -> ConstantArray:
    """Values modulo 2^32 as int32."""
    words: npt.NDArray[np.int32] = (values.reshape(-1) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return ConstantArray("int32_t", words, per_line)
