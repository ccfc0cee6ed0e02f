"""A step function of one float32 number by its thresholds, for what onnxruntime computes in float32.

Generated C has no floats. It compares a sum with the least number of each output, by their places in the rising order
of all float32 numbers: 0 has place 0, the next larger one place 1.
"""

from collections.abc import Callable

import numpy as np

from tinycnn.ops.base import FloatArray, Int8Array, Int32Array, Int64Array

LEVELS = np.arange(-127, 128)
"""Outputs that have a least number."""
LARGEST = 0x7F7FFFFF
"""The place of the largest float32."""


def numbered(places: Int64Array) -> FloatArray:
    """The float32 numbers at places; beyond the largest it is the largest."""
    magnitudes = np.minimum(np.abs(places), LARGEST).astype(np.uint32).view(np.float32)
    return np.copysign(magnitudes, places.astype(np.float32))


def least_places(output_of: Callable[[FloatArray], Int8Array], rows: int = 1) -> Int32Array:
    """The places of the least numbers that give `LEVELS` or more, by bisection, int32 [rows, 255].

    `output_of` takes float32 [rows, 255] and never falls along a row. Where no number gives a level it is LARGEST + 1.
    """
    first, last = (np.full((rows, len(LEVELS)), end, np.int64) for end in (-LARGEST, LARGEST + 1))
    while np.any(first < last):
        middle = (first + last) >> 1
        reached = output_of(numbered(middle)) >= LEVELS
        last = np.where(reached, middle, last)
        first = np.where(reached, first, np.minimum(middle + 1, last))
    return first.astype(np.int32)
