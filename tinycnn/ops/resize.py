"""Linear interpolation between neighbouring elements."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, Int64Array
from tinycnn.ops.float_resize import Taps, float_blend, float_resize_kernel, is_image

Neighbours = tuple[Int64Array, Int64Array]
"""For every output element the lower of two neighbouring input elements, and the weight of the upper in 1/2048."""

WEIGHT_BITS = 11
"""On int8 weights are multiples of 2**-11: a sum of two axes then fits int32."""
ONE = 2**WEIGHT_BITS


@dataclass(frozen=True, slots=True)
class ResizeLinear:
    """Linear or cubic Resize: y[i] = the sum of w[i] x[index[i]] over the taps of an axis; None keeps an axis.

    On int8 only the linear one, along the rows and columns of an image or a signal, with weights that are multiples of
    1/2048 (`rounded`), in the scale of the input: floor(sum + 1/2). That is within 1 of the rounded interpolation with
    unrounded weights. In a file that came quantized images are interpolated in float32 as onnxruntime does
    (`as_onnxruntime`, see `ops.float_resize`), signals as in a model of ours, so that their bytes may differ by 1.
    """

    axes: tuple[Taps | None, ...]
    as_onnxruntime: Literal["", "reals", "int8", "uint8"] = ""

    @property
    def output_scale(self) -> Literal["free", "input"]:
        return "free" if self.as_onnxruntime == "reals" else "input"

    @property
    def label(self) -> str:
        return "Resize linear" if max((len(taps) for taps in self.axes if taps), default=2) == 2 else "Resize cubic"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) != len(self.axes):
            raise ModelError(f"Resize: it has {len(self.axes)} axes but its input is {list(x)}.")
        return (tuple(size if taps is None else len(taps[0][0]) for size, taps in zip(x, self.axes, strict=True)),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        for axis, taps in enumerate(self.axes):
            if taps is not None:
                across = (-1, *(1,) * (x.ndim - 1 - axis))
                parts = [x.take(index, axis) * np.array(weights, x.dtype).reshape(across) for index, weights in taps]
                x = np.asarray(sum(parts[1:], parts[0]))
        return (x,)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        taps = self.axes[1]
        if self.as_onnxruntime:
            blend = float_blend(taps, inputs[0][1])
            last = blend.high if blend.high_weight[output_row] else blend.low
            return range(int(blend.low[output_row]), int(last[output_row]) + 1)
        if taps is None:
            return range(output_row, output_row + 1)
        low, upper = neighbours(taps) or (np.zeros(1), np.zeros(1))
        return range(int(low[output_row]), int(low[output_row]) + (2 if upper[output_row] else 1))

    def like_onnxruntime(self, call: Call, zero_point: int) -> "ResizeLinear":
        """The same with the bytes of onnxruntime where `ops.float_resize` knows them: between neighbours of images."""
        return replace(self, as_onnxruntime="reals") if is_image(self.axes) else self

    def int8_kernel(self, call: Call) -> Int8Kernel:
        if self.as_onnxruntime:
            return float_resize_kernel(self.axes[1:3], self.as_onnxruntime, call)
        found = [None if taps is None else neighbours(taps) for taps in self.axes]

        def kernel(x: Int8Array) -> Int8Array:
            sums, bits = x.astype(np.int32), 0
            for axis, pair in enumerate(found):
                if pair is not None:
                    low, upper = pair
                    w = upper.astype(np.int32).reshape(-1, *(1,) * (x.ndim - 1 - axis))
                    sums = sums.take(low, axis) * (ONE - w) + sums.take(low + (upper > 0), axis) * w
                    bits += WEIGHT_BITS
            return np.asarray((sums + (1 << bits >> 1)) >> bits).astype(np.int8)

        return kernel

    def moved(self, axes: tuple[int, ...]) -> "ResizeLinear":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, axes=tuple(self.axes[axis] for axis in axes))

    def rounded(self) -> "ResizeLinear":
        """The same with the weights of int8 along each axis that has `neighbours`."""
        pairs = [None if taps is None else neighbours(taps) for taps in self.axes]
        return ResizeLinear(
            tuple(taps if pair is None else taps_of(*pair) for taps, pair in zip(self.axes, pairs, strict=True))
        )


def neighbours(taps: Taps) -> Neighbours | None:
    """What taps read with weights in 1/2048; None unless they are between two neighbours and add up to 1."""
    index, weights = np.array([tap[0] for tap in taps]), np.array([tap[1] for tap in taps], np.float64)
    counts = np.abs(weights) * ONE >= 0.5
    low = np.where(counts, index, np.iinfo(np.int64).max).min(axis=0)
    beside = index - low
    upper = np.rint(np.where(beside == 1, weights, 0).sum(axis=0) * ONE).astype(np.int64)
    total = weights.sum(axis=0)
    if (counts & (beside > 1)).any() or (weights < -1 / ONE).any() or (np.abs(total - 1) > 1 / ONE).any():
        return None
    return np.where(upper >= ONE, low + 1, low), np.where(upper >= ONE, 0, upper)


def along(taps: Taps | None, size: int) -> Neighbours:
    """The `neighbours` of an axis of `size` that int8 can resize, or keeps."""
    found = (np.arange(size), np.zeros(size, np.int64)) if taps is None else neighbours(taps)
    assert found is not None
    return found


def taps_of(low: Int64Array, upper: Int64Array) -> Taps:
    """The inverse of `neighbours`."""
    high, weights = low + (upper > 0), upper / ONE
    return (tuple(low.tolist()), tuple((1 - weights).tolist())), (tuple(high.tolist()), tuple(weights.tolist()))
