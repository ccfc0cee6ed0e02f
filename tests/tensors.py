"""Constants of small models, by short names for long tables of cases."""

import numpy as np
from models import floats

from tinycnn.ir import Array

RNG = np.random.default_rng(0)


def f(*shape: int) -> Array:
    """Random float32 of a shape."""
    return floats(RNG, *shape)


def i(*values: int) -> Array:
    """A list of int64."""
    return np.array(values, np.int64)


def n(value: float) -> Array:
    """One float32 number."""
    return np.array(value, np.float32)
