"""Addition of two int8 tensors with scales of their own: the contract, and how others compute it.

    y = rint(((a - a_zero_point) * a_scale + (b - b_zero_point) * b_scale) / y_scale) + y_zero_point

saturated, every operation rounded to float32 and none fused: DequantizeLinear, Add, QuantizeLinear. But
onnxruntime turns these three into QLinearAdd, and computes that differently on each kind of processor. All
ways agree on a pair (a, b) unless it lies within their rounding errors of a tie, and there are only 65,536
pairs: a model that we quantize takes an output scale, a few ulps away, with which all ways agree on all pairs
(`add_integer.agreeing_add_scale`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import QuantizationError
from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW
from tinycnn.fixedpoint.fma import fused_multiply_add

Float32 = NDArray[np.float32]
Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]

_INPUTS = np.arange(INT8_LOW, INT8_HIGH + 1, dtype=np.int64)
_LARGEST_RATIO = 2.0**20  # beyond, onnxruntime's conversions to int32 could overflow


class AddParameters(NamedTuple):
    """Scales (positive float32) and zero points (int8) of an addition."""

    a_scale: np.float32
    a_zero_point: int
    b_scale: np.float32
    b_zero_point: int
    y_scale: np.float32
    y_zero_point: int


def add_table(parameters: AddParameters) -> Int8:
    """Return the output for every pair of inputs a, b as entry [a + 128, b + 128], int8 [256, 256]."""
    parameters = _checked(parameters)
    return _contract(parameters, _INPUTS[:, None], _INPUTS[None, :])


def differing_pairs(parameters: AddParameters) -> int:
    """Return on how many of the 65,536 pairs some order of evaluation differs from the contract."""
    return int(np.count_nonzero(order_dependent(parameters)))


def order_dependent(parameters: AddParameters) -> NDArray[np.bool_]:
    """Return for which pairs of inputs -128..127 some order differs from the contract, bool [256, 256]."""
    parameters = _checked(parameters)
    a, b = close_pairs(parameters)
    expected = _contract(parameters, a, b)
    differs = np.zeros((256, 256), np.bool_)
    for outputs in evaluation_orders(parameters, a, b):
        differs[a + 128, b + 128] |= outputs != expected
    return differs


def orders_agree(parameters: AddParameters) -> bool:
    """Return whether `differing_pairs` is 0, without counting."""
    parameters = _checked(parameters)
    a, b = close_pairs(parameters)
    expected = _contract(parameters, a, b)
    return all(np.array_equal(outputs, expected) for outputs in evaluation_orders(parameters, a, b))


def close_pairs(parameters: AddParameters) -> tuple[Int64, Int64]:
    """Return the pairs (a, b) so close to a tie that orders of evaluation can differ; on all others they
    agree.

    No order rounds more than twelve times, each time by at most 2**-24 of a value within `largest` (inputs
    and zero points are within 256, also as uint8), and Arm's multipliers are off by 2**-22 of the larger
    ratio at most: together less than 2**-20 of `largest`.
    """
    p = parameters
    a_ratio, b_ratio = float(p.a_scale) / float(p.y_scale), float(p.b_scale) / float(p.y_scale)
    largest = 512 * (a_ratio + b_ratio + 1)
    a_exact, b_exact = (_INPUTS - p.a_zero_point) * a_ratio, (_INPUTS - p.b_zero_point) * b_ratio
    exact = a_exact[:, None] + b_exact + p.y_zero_point
    # Beyond the outermost ties all orders saturate.
    nearest_tie = np.floor(np.clip(exact, INT8_LOW + 0.5, INT8_HIGH - 0.5)) + 0.5
    a, b = np.nonzero(np.abs(exact - nearest_tie) <= largest * 2.0**-20)
    return _INPUTS[a], _INPUTS[b]


def evaluation_orders(parameters: AddParameters, a: Int64, b: Int64) -> Iterator[Int8]:
    """Yield the outputs for pairs of int8 inputs in each order of evaluation that somebody uses.

    For int8 tensors and for the same values carried as uint8, 128 more, since some orders multiply before the
    zero point is subtracted:
    - (a * scale + b * scale) / y_scale, or with a_scale / y_scale and b_scale / y_scale instead, zero points
      subtracted first; nothing or one product fused into the sum; rounded before the output's zero point is
      added (as ONNX has it) or after (the portable C++ of onnxruntime);
    - constant + a * ratio + b * ratio with the zero points in the constant: onnxruntime on x86-64, SSE2 with
      nothing fused and a first, AVX2 with both fused and b first, and on POWER. An input that is broadcast
      goes into the constant, unfused. A compiler may fuse a product inside the constant: for AVX2, that of
      1.31.1 does;
    - 22-bit integer multipliers, rounded half away from zero: onnxruntime on Arm.
    """
    for offset in (0, 128):
        yield from _float_orders(parameters, a, b, offset)
    arm = _arm_order(parameters, a, b)
    if arm is not None:
        yield arm


def _contract(parameters: AddParameters, a: Int64, b: Int64) -> Int8:
    a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point = parameters
    a_real = (a - a_zero_point).astype(np.float32) * a_scale
    b_real = (b - b_zero_point).astype(np.float32) * b_scale
    rounded = np.rint((a_real + b_real) / y_scale) + np.float32(y_zero_point)
    outputs: Int8 = np.clip(rounded, INT8_LOW, INT8_HIGH).astype(np.int8)
    return outputs


def _float_orders(parameters: AddParameters, a: Int64, b: Int64, offset: int) -> Iterator[Int8]:
    a_scale, b_scale, y_scale = parameters[::2]
    a_zero, b_zero, y_zero = (np.float32(value + offset) for value in parameters[1::2])
    a_stored, b_stored = (a + offset).astype(np.float32), (b + offset).astype(np.float32)
    a_part, b_part = a_stored - a_zero, b_stored - b_zero
    a_ratio, b_ratio = a_scale / y_scale, b_scale / y_scale

    def saturated(rounded: Float32) -> Int8:
        outputs: Int8 = (np.clip(rounded - np.float32(offset), INT8_LOW, INT8_HIGH)).astype(np.int8)
        return outputs

    for a_factor, b_factor, divisor in ((a_scale, b_scale, y_scale), (a_ratio, b_ratio, np.float32(1))):
        for total in (
            a_part * a_factor + b_part * b_factor,
            fused_multiply_add(a_part, a_factor, b_part * b_factor),
            fused_multiply_add(b_part, b_factor, a_part * a_factor),
        ):
            yield saturated(np.rint(total / divisor) + y_zero)
            yield saturated(np.rint(total / divisor + y_zero))

    for zero_points in (
        a_ratio * a_zero + b_ratio * b_zero,
        fused_multiply_add(a_ratio, a_zero, b_ratio * b_zero),
        fused_multiply_add(b_ratio, b_zero, a_ratio * a_zero),
    ):
        constant = y_zero - zero_points
        a_first, b_first = constant + a_stored * a_ratio, constant + b_stored * b_ratio
        yield saturated(np.rint(a_first + b_stored * b_ratio))
        yield saturated(np.rint(b_first + a_stored * a_ratio))
        yield saturated(np.rint(fused_multiply_add(b_stored, b_ratio, a_first)))
        yield saturated(np.rint(fused_multiply_add(a_stored, a_ratio, b_first)))
        a_fused = fused_multiply_add(a_stored, a_ratio, constant)
        b_fused = fused_multiply_add(b_stored, b_ratio, constant)
        yield saturated(np.rint(fused_multiply_add(b_stored, b_ratio, a_fused)))
        yield saturated(np.rint(fused_multiply_add(a_stored, a_ratio, b_fused)))


def _arm_order(parameters: AddParameters, a: Int64, b: Int64) -> Int8 | None:
    """Return the outputs with 22-bit multipliers, or None where onnxruntime falls back on float."""
    p = parameters
    a_ratio, b_ratio = p.a_scale / p.y_scale, p.b_scale / p.y_scale
    if min(a_ratio, b_ratio) < 2.0**-14 or max(a_ratio, b_ratio) >= 2.0**8:
        return None
    shift = 22 - int(np.frexp(max(a_ratio, b_ratio))[1])
    a_multiplier, b_multiplier = (int(np.rint(np.ldexp(ratio, shift))) for ratio in (a_ratio, b_ratio))
    total = (a - p.a_zero_point) * a_multiplier + (b - p.b_zero_point) * b_multiplier
    half_away_from_zero = (total - (total < 0) + (1 << (shift - 1))) >> shift
    outputs: Int8 = np.clip(half_away_from_zero + p.y_zero_point, INT8_LOW, INT8_HIGH).astype(np.int8)
    return outputs


def _checked(parameters: AddParameters) -> AddParameters:
    """Return the parameters as float32 and int, so that no operation on them is wider than float32."""
    a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point = parameters
    scales = np.array([a_scale, b_scale, y_scale], np.float32)
    usable = np.isfinite(scales).all() and (scales > 0).all()
    if not usable or scales[:2].max() > _LARGEST_RATIO * float(scales[2]):
        raise QuantizationError(
            f"Tensors with the scales {scales[0]} and {scales[1]} cannot be added to one with the scale "
            f"{scales[2]}; give positive scales, that of the sum at least 2**-20 of the others."
        )
    a_zero_point, b_zero_point, y_zero_point = int(a_zero_point), int(b_zero_point), int(y_zero_point)
    return AddParameters(scales[0], a_zero_point, scales[1], b_zero_point, scales[2], y_zero_point)
