"""How sums become int8 in C: the proved integer forms as constants, or float32's bits where there is no proof."""

import numpy as np
import numpy.typing as npt

from tinycnn.fixedpoint import Proof, prove
from tinycnn.ops import Accumulation
from tinycnn_codegen.ctext import ConstantArray, ElementType
from tinycnn_codegen.lowered import FLOAT_SHIFT, Fields


def proof_of(accumulation: Accumulation) -> Proof:
    """An integer form for each entry of the accumulation, and for which of them it is proved."""
    scale = np.ascontiguousarray(accumulation.scale, np.float32)
    return prove(scale, accumulation.zero_point, accumulation.reach)


def rescale_fields(proof: Proof, zero_point: int, chosen: slice) -> Fields:
    """The fields of a tcn_rescale_t for some entries; without addends where all of them round half up."""
    form, is_integer = proof.form, proof.is_integer[chosen]
    multiplier = np.where(is_integer, form.multiplier[chosen], proof.scale[chosen].view(np.int32))
    needs_addend = is_integer & ~form.rounds_half_up[chosen]
    addend = np.where(is_integer, form.addend[chosen], 0)
    return {
        "zero_point": zero_point,
        "multiplier": _array("int32_t", multiplier),
        "addend": _array("int64_t", addend) if needs_addend.any() else None,
        "shift": _array("uint8_t", np.where(is_integer, form.shift[chosen], FLOAT_SHIFT)),
    }


def _array(element: ElementType, values: npt.NDArray[np.integer]) -> ConstantArray:
    return ConstantArray(element, values, per_line=values.size)
