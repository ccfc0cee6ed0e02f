"""The functions of one element, by the name of the ONNX operator that they are: one literal table."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinycnn.ir import Array

_error_function = np.frompyfunc(math.erf, 1, 1)


@dataclass(frozen=True, slots=True)
class Function:
    """`compute(x, *parameters)` in the precision of x, float32 or float64.

    `parameters` are ONNX's names of the parameters with their defaults. `is_exact` says that it is one rounded
    operation of float32 at most, so that every machine gives the same float.
    """

    compute: Callable[..., Any]
    parameters: Mapping[str, float] = field(default_factory=dict)
    is_exact: bool = False


def erf(x: Array) -> Array:
    return np.asarray(_error_function(x)).astype(x.dtype)


def _sigmoid(x: Array) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _softplus(x: Array) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _hard_sigmoid(x: Array, alpha: float, beta: float) -> Any:
    return np.clip(alpha * x + beta, 0, 1)


def _selu(x: Array, alpha: float, gamma: float) -> Any:
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _tanh_gelu(x: Array) -> Any:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


FUNCTIONS: Mapping[str, Function] = {
    "Abs": Function(np.abs, is_exact=True),
    "Ceil": Function(np.ceil, is_exact=True),
    "Celu": Function(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)), {"alpha": 1.0}),
    "Cos": Function(np.cos),
    "Elu": Function(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), {"alpha": 1.0}),
    "Erf": Function(erf),
    "Exp": Function(np.exp),
    "Floor": Function(np.floor, is_exact=True),
    "Gelu": Function(lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2)))),
    "Gelu tanh": Function(_tanh_gelu),
    "HardSigmoid": Function(_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": Function(lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5)),
    "LeakyRelu": Function(lambda x, alpha: np.where(x >= 0, x, alpha * x), {"alpha": 0.01}, is_exact=True),
    "Log": Function(np.log),
    "Mish": Function(lambda x: x * np.tanh(_softplus(x))),
    "Neg": Function(np.negative, is_exact=True),
    "Reciprocal": Function(np.reciprocal, is_exact=True),
    "Round": Function(np.rint, is_exact=True),
    "Selu": Function(_selu, {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Sigmoid": Function(_sigmoid),
    "Sign": Function(np.sign, is_exact=True),
    "Sin": Function(np.sin),
    "Softplus": Function(_softplus),
    "Softsign": Function(lambda x: x / (1 + np.abs(x))),
    "Sqrt": Function(np.sqrt, is_exact=True),
    "Swish": Function(lambda x, alpha: x * _sigmoid(alpha * x), {"alpha": 1.0}),
    "Tanh": Function(np.tanh),
    "ThresholdedRelu": Function(lambda x, alpha: np.where(x > alpha, x, 0), {"alpha": 1.0}, is_exact=True),
    "x + c": Function(lambda x, c: x + c, {"c": 0.0}, is_exact=True),
    "x - c": Function(lambda x, c: x - c, {"c": 0.0}, is_exact=True),
    "c - x": Function(lambda x, c: c - x, {"c": 0.0}, is_exact=True),
    "x * c": Function(lambda x, c: x * c, {"c": 1.0}, is_exact=True),
    "x / c": Function(lambda x, c: x / c, {"c": 1.0}, is_exact=True),
    "c / x": Function(lambda x, c: c / x, {"c": 1.0}, is_exact=True),
    "x ** c": Function(lambda x, c: x**c, {"c": 1.0}),
}
"""Those with c are ONNX's Add, Sub, Mul, Div and Pow with one constant number."""
