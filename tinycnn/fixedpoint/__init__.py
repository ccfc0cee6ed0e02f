"""The numeric contract: how integer sums become int8 outputs, the same bytes everywhere, and the proofs of
it.

`contract` is what onnxruntime computes; everything else is shown to be equal to it: `reach` and `steps` say
what a channel can compute at all, `integer`, `proof` and `nudge` find integer arithmetic for it, `softfloat`
does without a proof, `add` and `add_integer` are the same for the sum of two tensors.
"""

from tinycnn.fixedpoint.add import AddParameters, add_table, differing_pairs
from tinycnn.fixedpoint.add_integer import AgreeingAdd, IntegerAdd, agreeing_add_scale, integer_add
from tinycnn.fixedpoint.contract import (
    INT8_HIGH,
    INT8_LOW,
    quantize_bias,
    requantize,
    rescale,
    rescale_mean,
)
from tinycnn.fixedpoint.integer import IntegerRescale, requantize_integer
from tinycnn.fixedpoint.nudge import (
    Nudged,
    NudgedWeights,
    moved,
    nudge_scales,
    nudge_weight_scales,
)
from tinycnn.fixedpoint.proof import WAYS, Proof, Way, prove
from tinycnn.fixedpoint.reach import Reach, accumulator_bounds, overflowing_channels, pool_reach, reachable
from tinycnn.fixedpoint.softfloat import requantize_by_integers
from tinycnn.fixedpoint.steps import Steps, steps_of

__all__ = [
    "INT8_HIGH",
    "INT8_LOW",
    "WAYS",
    "AddParameters",
    "AgreeingAdd",
    "IntegerAdd",
    "IntegerRescale",
    "Nudged",
    "NudgedWeights",
    "Proof",
    "Reach",
    "Steps",
    "Way",
    "accumulator_bounds",
    "add_table",
    "agreeing_add_scale",
    "differing_pairs",
    "integer_add",
    "moved",
    "nudge_scales",
    "nudge_weight_scales",
    "overflowing_channels",
    "pool_reach",
    "prove",
    "quantize_bias",
    "reachable",
    "requantize",
    "requantize_by_integers",
    "requantize_integer",
    "rescale",
    "rescale_mean",
    "steps_of",
]
