"""Move scales by a few float32 ulps until an integer form is proved.

A model that we quantize ourselves may have any scale: 256 ulps are 3e-5 of the value at most, 0.004 steps of
the largest weight, and the exported model carries the moved scale, so onnxruntime computes the same bytes.
Only half-up forms are sought (no stored addend, the fastest code), since nearly every channel has one nearby.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW, quantize_bias, rescale
from tinycnn.fixedpoint.proof import Proof, prove
from tinycnn.fixedpoint.reach import Reach, reachable

MAXIMUM_ULPS = 256
COLUMNS = 256
"""Scales that are looked at together: the fewer channels are left, the more steps at once."""
FEW = 8
"""One threshold of so many is looked at first."""
HIGH_WORD = 32
"""The shift of processors that give the rounded upper word of a product plus an addend in one instruction."""


@dataclass(frozen=True, slots=True, eq=False)
class Nudged:
    """Scales float32 [C] as moved by `ulps`, int64 [C], and the proof that goes with them."""

    scales: NDArray[np.float32]
    ulps: NDArray[np.int64]
    proof: Proof


@dataclass(frozen=True, slots=True, eq=False)
class NudgedWeights:
    """Weight scales float32 [C] as moved by `ulps`, int64 [C], the bias int32 [C] that follows, the proof."""

    w_scale: NDArray[np.float32]
    bias: NDArray[np.int32]
    ulps: NDArray[np.int64]
    proof: Proof


def nudge_weight_scales(
    weights: NDArray[np.integer],
    bias: NDArray[np.floating],
    x_scale: ArrayLike,
    x_zero_point: int,
    w_scale: NDArray[np.float32],
    y_scale: ArrayLike,
    y_zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
    *,
    maximum_ulps: int = MAXIMUM_ULPS,
    shift: int | None = None,
) -> NudgedWeights:
    """Nudge the weight scales [C] of a convolution or dense layer; `bias`, real numbers [C], follows them.

    weights [C, K], quantized already, stay as they are. Everything else is as in `rescale`, `reachable` and
    `prove`.
    """
    real_bias = np.asarray(bias, np.float64)
    taps = reachable(weights, x_zero_point, np.zeros(len(weights), np.int64))

    def rescale_by(scales: NDArray[np.float32], channels: NDArray[np.intp]) -> tuple[NDArray[np.float32], Reach]:
        moved_bias = quantize_bias(real_bias[channels], x_scale, scales)
        return rescale(x_scale, scales, y_scale), taps.take(channels).shifted(moved_bias)

    nudged = nudge_scales(w_scale, rescale_by, y_zero_point, low, high, maximum_ulps=maximum_ulps, shift=shift)
    return NudgedWeights(nudged.scales, quantize_bias(real_bias, x_scale, nudged.scales), nudged.ulps, nudged.proof)


def nudge_scales(
    scales: NDArray[np.float32],
    rescale_by: Callable[[NDArray[np.float32], NDArray[np.intp]], tuple[NDArray[np.float32], Reach]],
    zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
    *,
    maximum_ulps: int = MAXIMUM_ULPS,
    shift: int | None = None,
) -> Nudged:
    """Move each positive scale [C] by 0, -1, 1, -2, 2 ... ulps until its channel has a proved integer form.

    `rescale_by(scales, channels)` returns the rescale factors and the reach of these channels under these
    scales. Without `shift` a form with `HIGH_WORD` is sought first, the fastest where there is one, then any. A channel
    for which nothing is found keeps its scale; a form with a stored addend may still do.
    """
    scales = np.asarray(scales, np.float32)
    ulps = np.zeros(len(scales), np.int64)
    open_ = np.arange(len(scales))
    nearest_first = np.array(sorted(range(-maximum_ulps, maximum_ulps + 1), key=abs))
    for wanted in (HIGH_WORD, None) if shift is None else (shift,):
        tried = 0
        while len(open_) and tried < len(nearest_first):
            steps = nearest_first[tried : tried + max(1, COLUMNS // len(open_))]
            tried += len(steps)
            channels = np.repeat(open_, len(steps))
            factors, reach = rescale_by(moved(scales[channels], np.tile(steps, len(open_))), channels)
            works = _have_form(factors, zero_point, reach, low, high, wanted).reshape(len(open_), len(steps))
            found = works.any(axis=1)
            ulps[open_[found]] = steps[works.argmax(axis=1)[found]]
            open_ = open_[~found]
    nudged = moved(scales, ulps)
    factors, reach = rescale_by(nudged, np.arange(len(scales)))
    proof = prove(factors, zero_point, reach, low, high, shift=shift)
    ways = np.where(ulps != 0, "nudged", proof.ways)
    return Nudged(nudged, ulps, replace(proof, ways=ways))


def _have_form(
    factors: NDArray[np.float32], zero_point: int, reach: Reach, low: int, high: int, shift: int | None
) -> NDArray[np.bool_]:
    """Which channels [C] have a proved half-up form.

    A few thresholds tell most of the others, at a fraction of the time: a wide layer can need thousands of looks.
    """
    found = prove(factors, zero_point, reach, low, high, shift=shift, any_addend=False, every=FEW).is_integer
    (likely,) = np.nonzero(found)
    if len(likely):
        factors, reach = np.broadcast_to(factors, found.shape)[likely], reach.take(likely)
        found[likely] = prove(factors, zero_point, reach, low, high, shift=shift, any_addend=False).is_integer
    return found


def moved(scales: NDArray[np.float32], ulps: int | NDArray[np.int64]) -> NDArray[np.float32]:
    """Return positive float32 numbers moved by so many units in the last place, never below the smallest."""
    bits: NDArray[np.int32] = np.maximum(scales.view(np.int32) + ulps, 1).astype(np.int32)
    return bits.view(np.float32)
