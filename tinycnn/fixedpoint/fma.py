"""float32 fused multiply-add in NumPy, which has none: one rounding of x * y + z."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def fused_multiply_add(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> NDArray[np.float32]:
    """Return float32(x * y + z) with one rounding, for finite float32 arguments and results.

    float64 holds the product of two float32 exactly, but not always the sum, and rounding that once more to
    float32 could go wrong at a tie. So the sum is rounded to odd first: its error is computed exactly, and an
    inexact sum with an even last bit is replaced by its odd neighbour on the side of the error. With 53 bits
    against 24 the second rounding is then that of the exact sum (Boldo and Melquiond, "Emulation of FMA and
    correctly rounded sums", 2008).
    """
    product = np.asarray(np.multiply(x, y, dtype=np.float64))
    addend = np.asarray(z, np.float64)
    total = np.atleast_1d(product + addend)
    addend_part = total - product
    error = (product - (total - addend_part)) + (addend - addend_part)
    bits = total.view(np.int64)
    towards_error = np.where((error > 0) == (total > 0), 1, -1)
    odd = np.where((error != 0) & (bits & 1 == 0), bits + towards_error, bits)
    return odd.view(np.float64).astype(np.float32).reshape(np.shape(product + addend))
