"""Output scales with which the float error of no implementation reaches a tie of rounding."""

import numpy as np

from tinycnn.ir import Quantization
from tinycnn.ops import Unary
from tinycnn.ops.functions import FUNCTIONS
from tinycnn.ops.unary import all_inputs
from tinycnn.quantize.means import scales_from

FUNCTION_ERROR = 2.0**-20
"""How far floats of a function may lie from its value, in units of the value, or of the input where that is larger but
within 1. onnxruntime's polynomials for tanh, erf and the like are good to 2**-22; products cancel a bit or two."""
DIVISION_ERROR = 2.0**-23
"""Relative: the roundings of the value itself and of its division by the output's scale."""


def clear_of_ties(op: Unary, source: Quantization, wanted: Quantization, bits: int) -> Quantization:
    """`wanted` with the first scale from its own on, of `bits` significant bits, that keeps all 256 entries off ties.

    Where there is none near, the one whose nearest entry is farthest from a tie. Functions that every machine computes
    alike keep their scale.
    """
    if FUNCTIONS[op.function].is_exact:
        return wanted
    values = op.real_table(source).astype(np.float64)
    inputs = np.abs(all_inputs(source).astype(np.float64))
    errors = FUNCTION_ERROR * np.maximum(np.abs(values), np.minimum(inputs, 1))
    finite = np.isfinite(values) & (values != 0)
    values, errors = values[finite], errors[finite]
    best, most = wanted, -np.inf
    for scale in scales_from(wanted.scale[0], bits):
        steps = values / float(scale)
        # Beyond the outermost ties everything saturates.
        inside = np.clip(steps, -128 - wanted.zero_point + 0.5, 127 - wanted.zero_point - 0.5)
        distances = np.abs(steps - (np.floor(inside) + 0.5))
        slack = float(np.min(distances - errors / float(scale) - DIVISION_ERROR * np.abs(steps), initial=1.0))
        if slack > most:
            best, most = Quantization((float(scale),), wanted.zero_point), slack
        if most >= 0:
            break
    return best
