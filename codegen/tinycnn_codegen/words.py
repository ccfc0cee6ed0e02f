"""What kernels for processors with 32-bit registers share: words of constants, and the rescale done by kernels."""

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import prove
from tinycnn.fixedpoint.nudge import HIGH_WORD
from tinycnn.ops import Call
from tinycnn.ops.base import Int64Array
from tinycnn.ops.linear import linear_accumulation
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields
from tinycnn_codegen.rescaling import proof_of, rescale_fields

NO_RESCALE: Fields = {"multiplier": None, "addend": None, "shift": None}


def words(values: Int64Array, per_line: int) -> ConstantArray:
    """Values modulo 2^32 as int32."""
    array: npt.NDArray[np.int32] = (values.reshape(-1) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return ConstantArray("int32_t", array, per_line)


def word_outputs(call: Call, bias: Int64Array) -> Fields:
    """The fields of a tcn_word_outputs_t: multipliers of 2^33 times the scale, where ((sum * multiplier + 2^32) >> 33)
    is proved and can be computed by halves of words, else 0. Only a layer with such a 0 has a rescale's constants.
    """
    sums, zero_point = linear_accumulation(call), call.output_quantization.zero_point
    proof = prove(
        np.ascontiguousarray(sums.scale, np.float32), sums.zero_point, sums.reach, shift=HIGH_WORD, any_addend=False
    )
    multiplier = np.maximum(2 * proof.form.multiplier, 1)  # 1 rounds to the zero point alone, as 0 would
    usable = proof.is_integer & _fits_by_halves(multiplier, np.maximum(-sums.reach.low, sums.reach.high))
    multiplier = np.where(usable, multiplier, 0)
    rest = NO_RESCALE if usable.all() else rescale_fields(proof_of(sums), zero_point, slice(None))
    return {
        "rounding": 2 * zero_point + 1,
        "constants": words(np.stack([bias, multiplier], axis=1), 2),
        "rescale": {"zero_point": zero_point, **rest},
    }


def _fits_by_halves(multiplier: Int64Array, largest: Int64Array) -> npt.NDArray[np.bool_]:
    """Whether no part of tcn_high_word leaves int32 for sums up to `largest`, either sign, nor the multiplier does."""
    high, low = multiplier >> 16, multiplier & 0xFFFF
    fits: npt.NDArray[np.bool_] = (largest * high + ((largest >> 16) + 1) * low + 0x10000 < 2**31) & (
        multiplier < 2**31
    )
    return fits
