"""Output scales with which the float error of no implementation reaches a tie of rounding."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tinycnn import fixedpoint
from tinycnn.fixedpoint import Reach
from tinycnn.ir import Quantization
from tinycnn.ops import Divide, Unary
from tinycnn.ops.binary import products, quotients
from tinycnn.ops.functions import FUNCTIONS
from tinycnn.ops.unary import all_inputs
from tinycnn.quantize.means import scales_from

FloatArray64 = npt.NDArray[np.float64]

FUNCTION_ERROR = 2.0**-20
"""How far floats of a function may lie from its value, in units of the value, or of the input where that is larger but
within 1. onnxruntime's polynomials for tanh, erf and the like are good to 2**-22; products cancel a bit or two."""
ROUNDINGS = 2.0**-22
"""Relative: the roundings of the value itself, by up to three float32 operations."""
ZERO_POINT_ERROR = 2.0**-15
"""In steps: QLinearMul adds the zero point, up to 255, before it rounds."""


def clear_of_ties(op: Unary, source: Quantization, wanted: Quantization, bits: int) -> Quantization:
    """`wanted` with the first scale from its own on, of `bits` significant bits, that keeps all 256 entries off ties.

    Where there is none near, the one whose nearest entry is farthest from a tie. Functions that every machine computes
    alike keep their scale.
    """
    if FUNCTIONS[op.function].is_exact:
        return wanted
    reals = op.real_table(source).astype(np.float64)
    inputs = np.abs(all_inputs(source).astype(np.float64))
    errors: FloatArray64 = FUNCTION_ERROR * np.maximum(np.abs(reals), np.minimum(inputs, 1))
    finite = np.isfinite(reals) & (reals != 0)
    return next(_off_ties(reals[finite].astype(np.float64), errors[finite], 0, wanted, bits))


def product_off_ties(a: Quantization, b: Quantization, wanted: Quantization, bits: int) -> Quantization:
    """`wanted` with the first scale that keeps all products of int8 a and b off ties, and that integers are proved for.

    Where there is no such scale, the first that does the former.
    """
    sums = products(a, b)
    reach = Reach(sums.min(keepdims=True), sums.max(keepdims=True))
    values: FloatArray64 = sums.astype(np.float64)
    values *= float(np.float32(a.scale[0])) * float(np.float32(b.scale[0]))
    first: Quantization | None = None
    for found in _off_ties(values, np.zeros(len(values)), ZERO_POINT_ERROR, wanted, bits):
        factor = fixedpoint.rescale(a.scale[0], b.scale[0], found.scale[0])
        if fixedpoint.prove(factor, found.zero_point, reach).is_integer.all():
            return found
        first = first or found
    assert first is not None
    return first


def quotient_off_ties(a: Quantization, b: Quantization, wanted: Quantization, bits: int) -> Quantization:
    """`wanted` with the first scale with which integers are proved to divide int8 a by b, and all pairs as in float32.

    Where there is no such scale, the first that does the latter, or else its own.
    """
    first: Quantization | None = None
    for scale in scales_from(wanted.scale[0], bits):
        found = Quantization((float(scale),), wanted.zero_point)
        if np.array_equal(Divide().quantized_pairs(a, b, found), Divide().rescaled_pairs(a, b, found)):
            sums = quotients(a, b, found)
            if fixedpoint.prove(sums.scale, sums.zero_point, sums.reach).is_integer.all():
                return found
            first = first or found
    return first or wanted


def _off_ties(
    values: FloatArray64, errors: FloatArray64, least: float, wanted: Quantization, bits: int
) -> Iterator[Quantization]:
    """`wanted` with every scale that keeps real values, known to `errors`, off ties by `least` steps more.

    Where there is none near, the one whose nearest value is farthest from a tie.
    """
    best, most = wanted, -np.inf
    for scale in scales_from(wanted.scale[0], bits):
        steps = values / float(scale)
        # Beyond the outermost ties everything saturates.
        inside = np.clip(steps, -128 - wanted.zero_point + 0.5, 127 - wanted.zero_point - 0.5)
        distances = np.abs(steps - (np.floor(inside) + 0.5))
        slack = float(np.min(distances - errors / float(scale) - ROUNDINGS * np.abs(steps), initial=1.0)) - least
        found = Quantization((float(scale),), wanted.zero_point)
        if slack >= 0:
            yield found
        if slack > most:
            best, most = found, slack
    if most < 0:
        yield best
