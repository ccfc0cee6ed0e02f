"""Reach, thresholds, integer forms, nudging: on all accumulators of small reaches, at all steps of large."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinycnn.fixedpoint import (
    IntegerRescale,
    Proof,
    Reach,
    accumulator_bounds,
    moved,
    nudge_scales,
    nudge_weight_scales,
    overflowing_channels,
    pool_reach,
    prove,
    quantize_bias,
    reachable,
    requantize,
    requantize_integer,
    rescale,
    steps_of,
)
from tinycnn.fixedpoint.integer import half, proved, widest_shift
from tinycnn.fixedpoint.nudge import HIGH_WORD

int8 = st.integers(-128, 127)
seeds = st.integers(0, 2**32 - 1)


def random_channels(seed: int, reach_bits: float, count: int = 60) -> tuple[NDArray[np.float32], Reach, int]:
    """Scales that spread a reach of about +-2**reach_bits over one to eight times the int8 range."""
    rng = np.random.default_rng(seed)
    scale = (128 / 2.0**reach_bits * 2.0 ** rng.uniform(-0.5, 3, count)).astype(np.float32)
    ends = np.rint(2.0**reach_bits * rng.uniform(0.5, 1, (2, count))).astype(np.int64)
    return scale, Reach(-ends[0], ends[1]), int(rng.integers(-128, 128))


def assert_equal_everywhere(proof: Proof, zero_point: int) -> None:
    """Compare form and contract on every reachable accumulator of the proved channels."""
    for channel in np.flatnonzero(proof.is_integer):
        accumulators = np.arange(proof.reach.low[channel], proof.reach.high[channel] + 1)[:, None]
        one = slice(channel, channel + 1)
        form = IntegerRescale(proof.form.multiplier[one], proof.form.addend[one], proof.form.shift[one])
        np.testing.assert_array_equal(
            requantize_integer(accumulators, form, zero_point),
            requantize(accumulators, proof.scale[one], zero_point),
            err_msg=f"channel {channel}",
        )


@given(seeds, st.integers(1, 4), int8)
def test_reach_is_what_the_extreme_inputs_give(seed, taps, x_zero_point):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (3, taps), dtype=np.int8)
    bias = rng.integers(-1000, 1000, 3, dtype=np.int32)
    inputs = np.array(list(itertools.product((-128, x_zero_point, 127), repeat=taps)))
    sums = (inputs - x_zero_point) @ weights.T.astype(np.int64) + bias
    reach = reachable(weights, x_zero_point, bias)
    np.testing.assert_array_equal(reach.low, sums.min(axis=0))
    np.testing.assert_array_equal(reach.high, sums.max(axis=0))
    bounds = accumulator_bounds(weights, x_zero_point, bias)
    assert (bounds >= np.abs(sums).max(axis=0)).all()
    # Partial sums over the raw inputs, the zero point folded into the bias.
    folded = bias - x_zero_point * weights.sum(axis=1, dtype=np.int64)
    partial = np.cumsum(np.abs(weights.astype(np.int64)), axis=1)[:, -1] * 128 + np.abs(folded)
    assert (bounds >= partial).all()


def test_pool_reach_is_that_of_unit_weights():
    counts = np.array([1, 4, 9])
    reach = pool_reach(counts, -3)
    for index, count in enumerate(counts):
        expected = reachable(np.ones((1, count), np.int8), -3, np.zeros(1, np.int32))
        assert (reach.low[index], reach.high[index]) == (expected.low[0], expected.high[0])


def test_overflow_is_found_at_its_very_edge():
    weights = np.full((2, 66_052), 127, np.int8)  # 66,052 * 127 * 256 = 2**31 - 1,024
    bias = np.array([1_023, 1_024], np.int32)
    assert accumulator_bounds(weights, -128, bias).tolist() == [2**31 - 1, 2**31]
    assert overflowing_channels(weights, -128, bias).tolist() == [1]


@given(seeds, int8, int8, int8)
@settings(max_examples=40)
def test_steps_are_where_the_contract_steps(seed, zero_point, low, high):
    low, high = sorted((low, high))
    rng = np.random.default_rng(seed)
    scale = (2.0 ** rng.uniform(-12, 4, 8)).astype(np.float32)
    scale[0], scale[1], scale[2] = 0, 1e-42, 2.0 ** rng.integers(-6, 3)
    reach = Reach(rng.integers(-3_000, 1, 8), rng.integers(0, 3_000, 8))
    steps = steps_of(scale, zero_point, reach, low, high)
    assert steps.first.shape == (high - low, 8)
    for channel in range(8):
        accumulators = np.arange(reach.low[channel], reach.high[channel] + 1)
        outputs = requantize(accumulators, scale[channel : channel + 1], zero_point, low, high)
        for index, first in enumerate(steps.first[:, channel]):
            assert steps.levels[index, 0] == low + 1 + index - zero_point
            reached = np.flatnonzero(outputs >= low + 1 + index)
            assert first == (accumulators[reached[0]] if len(reached) else reach.high[channel] + 1)


@pytest.mark.parametrize("bits", [20, 24, 28, 31])
@pytest.mark.parametrize("seed", range(3))
def test_steps_of_large_reaches_lie_between_two_outputs(seed, bits):
    scale, reach, zero_point = random_channels(seed, bits - 0.01)
    steps = steps_of(scale, zero_point, reach)
    outputs = steps.levels + zero_point
    inside, before = steps.first <= reach.high, steps.first > reach.low
    assert inside.any()
    assert before.any()
    assert (requantize(steps.first, scale, zero_point) >= outputs)[inside].all()
    assert (requantize(steps.first - 1, scale, zero_point) < outputs)[before].all()


@pytest.mark.parametrize("bits", [6, 10, 12, 14])
@pytest.mark.parametrize("seed", range(4))
def test_proved_forms_equal_the_contract_on_every_accumulator(seed, bits):
    scale, reach, zero_point = random_channels(seed, bits)
    proof = prove(scale, zero_point, reach)
    assert np.count_nonzero(proof.is_integer) >= 57
    assert_equal_everywhere(proof, zero_point)


@pytest.mark.parametrize("bits", [17, 19, 21])
@pytest.mark.parametrize("seed", range(3))
def test_proved_forms_of_large_reaches(seed, bits):
    """Around all thresholds of the contract and of the integer form itself, and at random."""
    scale, reach, zero_point = random_channels(seed, bits)
    proof = prove(scale, zero_point, reach)
    form, good = proof.form, proof.is_integer
    assert good.any()
    steps = steps_of(scale, zero_point, reach)
    multiplier = np.maximum(form.multiplier, 1)
    own_steps = -((form.addend - (steps.levels << form.shift)) // multiplier)
    sampled = np.random.default_rng(seed).integers(reach.low, reach.high + 1, (20_000, len(scale)))
    around = [steps.first, own_steps, np.array([reach.low, reach.high])]
    for accumulators in (sampled, *(centre + step for centre in around for step in (-1, 0, 1))):
        clipped = np.clip(accumulators, reach.low, reach.high)
        equal = requantize_integer(clipped, form, zero_point) == requantize(clipped, scale, zero_point)
        assert equal[:, good].all()


def test_each_way_occurs_and_the_unproved_are_really_different():
    """A channel is left to float only if no multiplier and addend near the scale do; try many on some."""
    scale, reach, _ = random_channels(1, 18)
    proof = prove(scale, -128, reach)
    assert set(proof.ways) == {"plain", "fitted", "float"}
    assert sum(proof.counts().values()) == 60
    assert proof.counts()["nudged"] == 0
    left = np.flatnonzero(~proof.is_integer)[:3]
    rng = np.random.default_rng(2)
    for channel in left:
        one = np.array([channel])
        steps = steps_of(scale[one], -128, reach.take(one))
        for _ in range(200):
            multiplier = proof.form.multiplier[one] + rng.integers(-300, 300)
            addend = half(proof.form.shift[one]) + rng.integers(-(2**31), 2**31)
            assert not proved(IntegerRescale(multiplier, addend, proof.form.shift[one]), steps)[0]


@pytest.mark.parametrize("seed", range(3))
def test_proof_accepts_exactly_the_right_multipliers_and_addends(seed):
    """Over every accumulator of a reach of some hundred: proved if and only if equal."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 2, 300).astype(np.float32)
    reach = Reach(-rng.integers(0, 300, 300), rng.integers(0, 300, 300))
    steps = steps_of(scale, 9, reach)
    multiplier = np.rint(scale * 2**20 * (1 + rng.normal(0, 3e-4, 300))).astype(np.int64)
    addend = np.rint(2**19 * (1 + rng.normal(0, 2e-2, 300))).astype(np.int64)
    form = IntegerRescale(multiplier, addend, np.full(300, 20))
    accumulators = np.clip(np.arange(-300, 301)[:, None], reach.low, reach.high)
    equal = (requantize_integer(accumulators, form, 9) == requantize(accumulators, scale, 9)).all(axis=0)
    assert 20 < np.count_nonzero(equal) < 280
    np.testing.assert_array_equal(proved(form, steps), equal)


def test_a_wrong_multiplier_is_not_proved():
    scale, reach, zero_point = random_channels(3, 12)
    proof = prove(scale, zero_point, reach)
    steps = steps_of(scale, zero_point, reach)
    assert proof.is_integer.all()
    for factor in (0.999, 1.001):
        wrong = (proof.form.multiplier * factor).astype(np.int64)
        assert not proved(IntegerRescale(wrong, proof.form.addend, proof.form.shift), steps).any()
    late = IntegerRescale(proof.form.multiplier, proof.form.addend * 2, proof.form.shift)
    assert not proved(late, steps).any()


def test_overflow_is_not_proved():
    """The right line, but its sums leave 31 bits after the shift: generated C would be wrong."""
    scale = np.array([64.0], np.float32)
    small, large = (Reach(np.array([-end]), np.array([end])) for end in (2**23, 2**26))
    assert prove(scale, 0, small).ways.tolist() == ["plain"]
    assert prove(scale, 0, large).ways.tolist() == ["float"]


def test_tiny_large_and_zero_scales():
    scale = np.array([0.0, 1e-42, 1e-12, 2.0**-25, 0.7371, 1.2345, 17.0, 300.0], np.float32)
    reach = Reach(np.full(8, -1_000), np.full(8, 1_000))
    proof = prove(scale, 4, reach)
    assert proof.is_integer.all()
    assert proof.form.shift.min() >= 1
    assert proof.form.shift.max() <= 50
    assert_equal_everywhere(proof, 4)


def test_largest_reach_stays_inside_int64():
    """NumPy wraps silently, so a wrapped product would be a wrong proof: compare with Python's integers."""
    limit = Reach(np.full(40, -(2**31)), np.full(40, 2**31 - 1))
    scale = (2.0 ** np.random.default_rng(4).uniform(-30, 1, 40)).astype(np.float32)
    proof = prove(scale, -128, limit)
    for channel in np.flatnonzero(proof.is_integer):
        form = [int(values[channel]) for values in (proof.form.multiplier, proof.form.addend, proof.form.shift)]
        for accumulator in (-(2**31), 2**31 - 1, 0, 1, -1, 12_345, 2**30):
            value = (accumulator * form[0] + form[1] >> form[2]) - 128
            expected = requantize(np.array([accumulator]), scale[channel : channel + 1], -128)[0]
            assert min(max(value, -128), 127) == expected


def test_exact_ties_have_no_integer_form():
    """A quarter, rounded half to even, is no line: every other threshold is a tie that belongs below."""
    proof = prove(np.array([0.25], np.float32), 0, Reach(np.array([-1020]), np.array([1020])))
    assert proof.ways.tolist() == ["float"]


def test_fixed_shift_is_kept_and_proved():
    """As for an instruction that returns the upper word of acc * m + 2**31."""
    scale, reach, zero_point = random_channels(5, 12)
    proof = prove(scale, zero_point, reach, shift=32, any_addend=False)
    assert (proof.form.shift == 32).all()
    assert (proof.form.addend == 2**31).all()
    assert np.count_nonzero(proof.is_integer) >= 57
    assert_equal_everywhere(proof, zero_point)


def test_widest_shift_gives_31_bits():
    scale = (2.0 ** np.random.default_rng(0).uniform(-19, 29, 1_000)).astype(np.float32)
    multiplier = np.ldexp(scale.astype(float), widest_shift(scale).astype(np.intc))
    assert multiplier.min() >= 2**30
    assert multiplier.max() < 2**31
    np.testing.assert_array_equal(multiplier, np.rint(multiplier))


def test_fused_bounds_need_fewer_thresholds():
    """With y in [3, 7] only four thresholds count, so more is proved; and it is right."""
    scale, reach, _ = random_channels(6, 19)
    bounded, free = prove(scale, 3, reach, 3, 7), prove(scale, 3, reach)
    assert np.count_nonzero(bounded.is_integer) > np.count_nonzero(free.is_integer)
    sampled = np.random.default_rng(6).integers(reach.low, reach.high + 1, (50_000, len(scale)))
    equal = requantize_integer(sampled, bounded.form, 3, 3, 7) == requantize(sampled, scale, 3, 3, 7)
    assert equal[:, bounded.is_integer].all()


def dense_layer(seed: int, outputs: int = 120, inputs: int = 400):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (outputs, inputs), dtype=np.int8)
    w_scale = rng.uniform(1e-3, 3e-3, outputs).astype(np.float32)
    bias = rng.normal(0, 0.5, outputs)
    y_scale = np.float32(4 * np.sqrt(inputs) * 70 * 70 * 0.002 * 0.02 / 128)
    return weights, bias, np.float32(0.02), -128, w_scale, y_scale, -128


@pytest.mark.parametrize("seed", range(2))
def test_nudging_proves_a_whole_layer_quickly(seed):
    layer = dense_layer(seed)
    weights, bias, x_scale, x_zero_point, w_scale, y_scale, y_zero_point = layer
    started = time.process_time()
    nudged = nudge_weight_scales(*layer)
    assert time.process_time() - started < 1
    proof = nudged.proof
    assert proof.is_integer.all()
    assert proof.form.rounds_half_up.all()
    assert proof.counts()["nudged"] == np.count_nonzero(nudged.ulps) > 60
    assert np.abs(nudged.ulps).max() <= 256
    np.testing.assert_array_equal(nudged.w_scale.view(np.int32) - w_scale.view(np.int32), nudged.ulps)
    # The proof is that of the returned scales and bias, not of the ones it started from.
    np.testing.assert_array_equal(nudged.bias, quantize_bias(bias, x_scale, nudged.w_scale))
    np.testing.assert_array_equal(proof.scale, rescale(x_scale, nudged.w_scale, y_scale))
    reach = reachable(weights, x_zero_point, nudged.bias)
    np.testing.assert_array_equal(proof.reach, reach)
    again = prove(proof.scale, y_zero_point, reach)
    np.testing.assert_array_equal(again.form.multiplier, proof.form.multiplier)
    sampled = np.random.default_rng(seed).integers(reach.low >> 4, reach.high >> 4, (20_000, len(weights)))
    np.testing.assert_array_equal(
        requantize_integer(sampled, proof.form, y_zero_point), requantize(sampled, proof.scale, y_zero_point)
    )


def test_nudging_takes_the_nearest_scale_and_leaves_what_is_proved():
    scale, reach, zero_point = random_channels(8, 18)

    def rescale_by(scales, channels):
        return scales, reach.take(channels)

    nudged = nudge_scales(scale, rescale_by, zero_point, shift=HIGH_WORD)
    before = prove(scale, zero_point, reach, shift=HIGH_WORD, any_addend=False)
    np.testing.assert_array_equal(nudged.ulps == 0, before.is_integer)
    for channel in np.flatnonzero(nudged.ulps)[:10]:
        one = np.array([channel])
        for ulps in range(1 - abs(nudged.ulps[channel]), abs(nudged.ulps[channel])):
            attempt = prove(moved(scale[one], ulps), zero_point, reach.take(one), shift=HIGH_WORD, any_addend=False)
            assert not attempt.is_integer[0]
    either = nudge_scales(scale, rescale_by, zero_point)
    proved = nudged.proof.is_integer & nudged.proof.form.rounds_half_up
    np.testing.assert_array_equal(either.ulps[proved], nudged.ulps[proved], "the high word was to be tried first")
    none = nudge_scales(scale, rescale_by, zero_point, maximum_ulps=0)
    assert not none.ulps.any()
    np.testing.assert_array_equal(none.proof.ways, prove(scale, zero_point, reach).ways)


def test_moved_goes_to_the_neighbouring_floats():
    scales = np.array([1.0, 0.5, 3e-45], np.float32)
    np.testing.assert_array_equal(moved(scales, 1), np.nextafter(scales, np.float32(2)))
    np.testing.assert_array_equal(moved(scales[:2], -1), np.nextafter(scales[:2], np.float32(0)))
    assert moved(scales, -9)[2] == np.float32(1e-45)
