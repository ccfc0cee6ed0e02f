"""The addition of two int8 tensors: orders of evaluation, the scale on which they agree, the integer form."""

import ctypes
import ctypes.util
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.errors import QuantizationError
from tinycnn.fixedpoint import (
    AddParameters,
    IntegerAdd,
    add_table,
    agreeing_add_scale,
    differing_pairs,
    integer_add,
    moved,
)
from tinycnn.fixedpoint.add import close_pairs, evaluation_orders
from tinycnn.fixedpoint.fma import fused_multiply_add

INPUTS = np.arange(-128, 128)
A, B = (grid.ravel() for grid in np.meshgrid(INPUTS, INPUTS, indexing="ij"))

modest_float32 = st.floats(-(2.0**20), 2.0**20, width=32).map(np.float32)


def random_add(seed: int) -> AddParameters:
    rng = np.random.default_rng(seed)
    a_scale, b_scale = (np.float32(2.0 ** rng.uniform(-8, -2)) for _ in range(2))
    y_scale = np.float32((a_scale + b_scale) * 2.0 ** rng.uniform(-1, 0.6))
    a_zero_point, b_zero_point, y_zero_point = (int(value) for value in rng.integers(-128, 128, 3))
    return AddParameters(a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point)


@given(modest_float32, modest_float32, modest_float32)
def test_fma_is_the_rounded_exact_value(x, y, z):
    fused = fused_multiply_add(x, y, z)
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    error = abs(Fraction(float(fused)) - exact)
    for neighbour in (np.nextafter(fused, np.float32(np.inf)), np.nextafter(fused, np.float32(-np.inf))):
        other = abs(Fraction(float(neighbour)) - exact)
        assert error < other or (error == other and fused.view(np.int32) % 2 == 0)


def test_fma_equals_the_c_library_where_rounding_twice_does_not():
    """Products that are ties of float32, plus an addend too small for float64 that decides the tie."""
    fmaf = ctypes.CDLL(ctypes.util.find_library("m")).fmaf
    fmaf.restype, fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    rng = np.random.default_rng(7)
    x = np.full(10_000, 3, np.float32)
    y = (rng.integers(2**22, 5_592_405, 10_000) * 2 + 1).astype(np.float32)  # 3 * y is odd and has 25 bits
    z = (rng.choice([-1, 1], 10_000) * 2.0 ** -rng.integers(31, 90, 10_000)).astype(np.float32)
    expected = np.array([fmaf(*values) for values in zip(x, y, z, strict=True)], np.float32)
    rounded_twice = (x.astype(np.float64) * y + z).astype(np.float32)
    assert np.count_nonzero(rounded_twice != expected) > 3_000
    np.testing.assert_array_equal(fused_multiply_add(x, y, z), expected)
    np.testing.assert_array_equal(fused_multiply_add(-x, y, -z), -expected)


@pytest.mark.parametrize("seed", range(3))
def test_table_is_the_formula_rounded_step_by_step(seed):
    p = random_add(seed)
    table = add_table(p)
    for a, b in np.random.default_rng(seed).integers(-128, 128, (500, 2)):
        real = np.float32(np.float32(a - p.a_zero_point) * p.a_scale) + np.float32(
            np.float32(b - p.b_zero_point) * p.b_scale
        )
        rounded = round(float(np.float32(real / p.y_scale)))
        assert table[a + 128, b + 128] == min(max(rounded + p.y_zero_point, -128), 127)


@pytest.mark.parametrize("seed", range(12))
def test_orders_differ_on_close_pairs_only(seed):
    """What `differing_pairs` skips by its bound is computed here for all pairs in all orders."""
    p = random_add(seed)
    if seed >= 8:  # much smaller and much larger ratios
        p = p._replace(y_scale=np.float32(p.y_scale * (30, 1 / 30, 200, 1 / 200)[seed - 8]))
    if seed == 7:
        p = p._replace(b_scale=p.a_scale, y_scale=np.float32(2 * p.a_scale))  # exact ties everywhere
    expected = add_table(p).ravel()
    differs = np.zeros(65_536, bool)
    count = 0
    for outputs in evaluation_orders(p, A, B):
        differs |= outputs != expected
        count += 1
    assert count >= 60
    a, b = close_pairs(p)
    close = np.zeros(65_536, bool)
    close[(a + 128) * 256 + b + 128] = True
    assert not (differs & ~close).any()
    assert differing_pairs(p) == np.count_nonzero(differs)


@pytest.mark.parametrize("seed", range(20))
def test_agreeing_scale_is_the_nearest_one(seed):
    p = random_add(seed)
    found = agreeing_add_scale(p)
    assert found is not None
    assert found.y_scale.view(np.int32) - p.y_scale.view(np.int32) == found.ulps
    moved_parameters = p._replace(y_scale=found.y_scale)
    expected = add_table(moved_parameters)
    for outputs in evaluation_orders(moved_parameters, A, B):
        np.testing.assert_array_equal(outputs, expected.ravel())
    np.testing.assert_array_equal(found.form.table(), expected)
    for ulps in range(1 - abs(found.ulps), abs(found.ulps)):
        nearer = p._replace(y_scale=moved(np.array([p.y_scale]), ulps)[0])
        assert differing_pairs(nearer) or integer_add(nearer) is None


@pytest.mark.parametrize("seed", range(20))
def test_integer_form_equals_the_table_and_fits_int32(seed):
    """Recomputed with Python's integers, every partial sum checked."""
    p = random_add(1_000 + seed)
    form = integer_add(p)
    assert form is not None
    table = add_table(p)
    ends = list(itertools.product((-128, 0, 127), (-128, 0, 127)))
    sums = [form.addend + a * form.a_multiplier + b * form.b_multiplier for a, b in ends]
    assert max(abs(value) for value in sums) < 2**31
    assert form.fits_int32
    for a in range(-128, 128, 5):
        for b in range(-128, 128):
            value = a * form.a_multiplier + b * form.b_multiplier + form.addend >> form.shift
            assert min(max(value, -128), 127) == table[a + 128, b + 128]


def test_most_imported_additions_have_an_integer_form():
    assert sum(integer_add(random_add(seed)) is None for seed in range(5_000, 5_100)) <= 3


@pytest.mark.parametrize("scales", [(1, 3, 2), (1, 2, 2), (0.0235, 0.0235, 0.047)])
@pytest.mark.parametrize("zero_points", [(0, 3, -5), (-128, -10, 4), (100, -100, 7)])
def test_simple_ratios_get_an_agreeing_scale(scales, zero_points):
    pairs = zip((np.float32(scale) for scale in scales), zero_points, strict=True)
    found = agreeing_add_scale(AddParameters(*(value for pair in pairs for value in pair)))
    assert found is not None
    assert found.ulps != 0


def test_exact_ties_have_no_integer_form_but_a_scale_nearby():
    p = AddParameters(np.float32(1), 0, np.float32(1), 3, np.float32(2), -5)
    assert integer_add(p) is None
    assert differing_pairs(p) > 30_000
    found = agreeing_add_scale(p)
    assert found is not None
    assert found.ulps != 0
    assert agreeing_add_scale(p, maximum_ulps=1) is None


def test_equal_scales_agree_at_once():
    p = AddParameters(np.float32(0.1), 3, np.float32(0.1), -3, np.float32(0.1), 7)
    assert differing_pairs(p) == 0
    expected = np.clip((INPUTS - 3)[:, None] + (INPUTS + 3) + 7, -128, 127)
    np.testing.assert_array_equal(add_table(p), expected)
    found = agreeing_add_scale(p)
    assert found is not None
    assert found.ulps == 0


def test_a_wrong_form_does_not_equal_the_table():
    p = random_add(3)
    form = integer_add(p)
    assert form is not None
    wrong = IntegerAdd(form.a_multiplier + form.a_multiplier // 500, form.b_multiplier, form.addend, form.shift)
    assert not np.array_equal(wrong.table(), add_table(p))


@pytest.mark.parametrize("scales", [(0, 1, 1), (1, -1, 1), (1, 1, np.inf), (1, np.nan, 1), (2.0**21, 1, 1)])
def test_unusable_scales_are_named(scales):
    with pytest.raises(QuantizationError, match="cannot be added"):
        add_table(AddParameters(np.float32(scales[0]), 0, np.float32(scales[1]), 0, np.float32(scales[2]), 0))
