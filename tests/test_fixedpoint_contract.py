"""The contract, the in-place form and the float-free form against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.errors import QuantizationError
from tinycnn.fixedpoint import (
    quantize_bias,
    requantize,
    requantize_by_integers,
    rescale,
    rescale_mean,
)

positive_float32 = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False, width=32)
int32 = st.integers(-(2**31), 2**31 - 1)
int8 = st.integers(-128, 127)


def exact_float32(value: Fraction) -> Fraction:
    """Round to 24 significant bits, half to even, from the definition, with an unbounded exponent."""
    if value == 0:
        return value
    unit = Fraction(1)
    while abs(value) / unit >= 2**24:
        unit *= 2
    while abs(value) / unit < 2**23:
        unit /= 2
    return round(value / unit) * unit  # Python rounds a Fraction half to even


def exact_requantize(accumulator: int, scale: float, zero_point: int, low: int = -128, high: int = 127) -> int:
    scaled = exact_float32(exact_float32(Fraction(accumulator)) * Fraction(scale))
    return min(max(round(scaled) + zero_point, low), high)


def cases(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Accumulators of every magnitude, with scales that bring many near the int8 range and near ties."""
    rng = np.random.default_rng(seed)
    accumulators = rng.integers(-(2**31), 2**31, count) >> rng.integers(0, 31, count)
    targets = rng.integers(-520, 521, count) / 2 + rng.choice([0, 0, 1e-7, -1e-7, 0.25], count)
    scale = np.abs(targets / np.where(accumulators == 0, 1, accumulators)).astype(np.float32)
    random_bits = rng.integers(1, 0x7F800000, count, dtype=np.int32).view(np.float32)
    return accumulators.astype(np.int32), np.where(rng.random(count) < 0.1, random_bits, scale)


@given(int32, positive_float32, int8, int8, int8)
def test_requantize_is_the_exactly_rounded_formula(accumulator, scale, zero_point, low, high):
    low, high = sorted((low, high))
    expected = exact_requantize(accumulator, scale, zero_point, low, high)
    arguments = np.array([accumulator]), np.array([scale], np.float32), zero_point, low, high
    assert requantize(*arguments)[0] == expected
    assert requantize_by_integers(*arguments)[0] == expected


@pytest.mark.parametrize("seed", range(3))
def test_requantize_on_ties_and_near_them(seed):
    accumulators, scale = cases(seed, 4_000)
    expected = [exact_requantize(int(a), float(s), 3) for a, s in zip(accumulators, scale, strict=True)]
    np.testing.assert_array_equal(requantize(accumulators, scale, 3), expected)
    np.testing.assert_array_equal(requantize_by_integers(accumulators, scale, 3), expected)


@pytest.mark.parametrize("seed", range(4))
def test_float_free_form_on_a_million_values(seed):
    accumulators, scale = cases(seed, 1_000_000)
    for zero_point in (-128, 0, 127):
        np.testing.assert_array_equal(
            requantize_by_integers(accumulators, scale, zero_point),
            requantize(accumulators, scale, zero_point),
        )


def test_half_to_even_before_the_zero_point_is_added():
    halves = np.array([-5, -3, -1, 1, 3, 5])
    half = np.array([0.5], np.float32)
    np.testing.assert_array_equal(requantize(halves, half, 0), [-2, -2, 0, 0, 2, 2])
    np.testing.assert_array_equal(requantize(halves, half, 1), [-1, -1, 1, 1, 3, 3])


def test_extreme_scales_saturate_or_vanish():
    accumulators = np.array([-(2**31), -1, 0, 1, 2**31 - 1])
    for scale, outputs in ((3.4e38, [-128, -128, 5, 127, 127]), (1e-45, [5] * 5), (0.0, [5] * 5)):
        scales = np.array([scale], np.float32)
        np.testing.assert_array_equal(requantize(accumulators, scales, 5), outputs)
        np.testing.assert_array_equal(requantize_by_integers(accumulators, scales, 5), outputs)


@given(positive_float32, positive_float32, positive_float32)
def test_rescale_rounds_the_product_then_the_quotient(x_scale, w_scale, y_scale):
    x, w, y = (np.float32(value) for value in (x_scale, w_scale, y_scale))
    with np.errstate(all="ignore"):
        expected = (x * w) / y
    if np.isfinite(expected):
        assert rescale(x_scale, w_scale, y_scale).tolist() == [expected]
    else:
        with pytest.raises(QuantizationError, match="rescale factor"):
            rescale(x_scale, w_scale, y_scale)


def test_order_of_roundings_matters():
    """Scales for which each other order of the operations gives another float32."""
    x, w, y = np.float32(0.0291), np.float32(0.00317), np.float32(0.0457)
    assert rescale(x, w, y)[0] == np.float32(np.float32(x * w) / y)
    rng = np.random.default_rng(5)
    x, w, y = (rng.random((3, 1_000)) + 0.01).astype(np.float32)
    in_double = (x.astype(float) * w / y).astype(np.float32)
    assert 0 < np.count_nonzero(rescale(x, w, y) != in_double) < 1_000
    counts = rng.integers(2, 50, 1_000)
    divided_twice = x / y / counts.astype(np.float32)
    assert 0 < np.count_nonzero(rescale_mean(x, y, counts) != divided_twice) < 1_000
    assert rescale_mean(x[0], y[0], counts.reshape(10, 100)).shape == (10, 100)


def test_rescale_names_the_channel_that_is_wrong():
    with pytest.raises(QuantizationError, match="channel 1 the rescale factor nan"):
        rescale(1.0, np.array([1.0, np.nan]), 1.0)
    with pytest.raises(QuantizationError, match="channel 0 the rescale factor -1"):
        rescale(1.0, -1.0, 1.0)


def test_bias_is_rounded_half_to_even_and_clipped():
    bias = np.array([0.5, 1.5, -2.5, 1e9, -1e30])
    assert quantize_bias(bias, 0.5, 2.0).tolist() == [0, 2, -2, 10**9, -(2**31)]
    assert quantize_bias(np.array([1.0]), 0.1, 0.1)[0] == round(1 / float(np.float32(0.1) * np.float32(0.1)))
