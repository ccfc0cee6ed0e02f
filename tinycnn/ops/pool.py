"""Pooling: the largest, the mean over a window, the mean over everything."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import ModelError
from tinycnn.fixedpoint import Reach
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel, Int64Array
from tinycnn.ops.window import Window, to_first, to_last


def _pooled_shape(window: Window, channels_last: bool, x: Shape, name: str) -> Shape:
    if len(x) != window.rank + 2:
        raise ModelError(f"{name}: input {list(x)} does not fit a window {window}.")
    if channels_last:
        return (x[0], *window.output_sizes(x[1:-1]), x[-1])
    return (x[0], x[1], *window.output_sizes(x[2:]))


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest element under the window; padding never wins. x as in Conv; int8 bytes are compared, not scaled."""

    window: Window
    channels_last: bool = False
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        return f"MaxPool {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (_pooled_shape(self.window, self.channels_last, inputs[0], "MaxPool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        if self.channels_last:
            return (self._largest(inputs[0], -np.inf),)
        return (to_first(self._largest(to_last(inputs[0]), -np.inf)),)

    def input_rows(self, output_row: int, input_shape: Shape) -> range:
        return self.window.input_rows(output_row)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: self._largest(x, -128)

    def _largest(self, x: Array, lowest: float) -> Array:
        view = self.window.view(self.window.padded(x, lowest), x.shape[1:-1])
        positions = list(np.ndindex(self.window.kernel))
        result = view[(..., *positions[0])].copy()
        for position in positions[1:]:
            np.maximum(result, view[(..., *position)], out=result)
        return result


@dataclass(frozen=True, slots=True)
class AveragePool:
    """The mean of the elements under the window; padding counts as zeros only with `count_include_pad`."""

    window: Window
    count_include_pad: bool = False
    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"AveragePool {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (_pooled_shape(self.window, self.channels_last, inputs[0], "AveragePool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0] if self.channels_last else to_last(inputs[0])
        y = (self._sums(x) / self.counts(x.shape[1:-1])[..., None]).astype(x.dtype)
        return (y if self.channels_last else to_first(y),)

    def counts(self, sizes: Shape) -> Int64Array:
        """How many elements each output position averages, int64 [output sizes...], for an input of `sizes`."""
        inside = np.ones((1, *sizes, 1), np.int64)
        if self.count_include_pad:
            begins, ends = self.window.pads[: self.window.rank], self.window.pads[self.window.rank :]
            inside = np.pad(inside, [(0, 0), *zip(begins, ends, strict=True), (0, 0)], constant_values=1)
            unpadded = Window(
                self.window.kernel,
                self.window.strides,
                self.window.dilations,
                (0,) * len(self.window.pads),
                True,
            )
            starts = self.window.output_sizes(sizes)
            view = unpadded.view(unpadded.padded(inside, 0), inside.shape[1:-1])
            view = view[(slice(None), *(slice(0, n) for n in starts))]
        else:
            view = self.window.view(self.window.padded(inside, 0), sizes)
        axes = tuple(range(-self.window.rank, 0))
        counted: Int64Array = view.sum(axis=axes)[0, ..., 0]
        return counted

    def input_rows(self, output_row: int, input_shape: Shape) -> range:
        return self.window.input_rows(output_row)

    def accumulation(self, call: Call) -> Accumulation:
        """One entry per number of elements that some window averages, in rising order."""
        counts = np.unique(self.counts(call.inputs[0].shape[1:-1]))
        return _mean_accumulation(call, counts)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        zero_point = call.quantization(0).zero_point
        counts = self.counts(call.inputs[0].shape[1:-1])[..., None]
        scale = _mean_scale(call, counts)

        def kernel(x: Int8Array) -> Int8Array:
            sums = self._sums(x.astype(np.int32) - zero_point)
            return fixedpoint.requantize(sums, scale, call.output_quantization.zero_point)

        return kernel

    def _sums(self, x: Array) -> Array:
        view = self.window.view(self.window.padded(x, 0), x.shape[1:-1])
        positions = list(np.ndindex(self.window.kernel))
        total = view[(..., *positions[0])].copy()
        for position in positions[1:]:
            total += view[(..., *position)]
        return total


@dataclass(frozen=True, slots=True)
class GlobalAveragePool:
    """The mean over all spatial positions, kept as axes of size 1.

    In rows its one output row takes a turn per input row: each adds a row to int32 sums, the last one divides.
    """

    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"
    sums_rows: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return "GlobalAveragePool"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x = inputs[0]
        if len(x) < 3:
            raise ModelError(f"GlobalAveragePool: input {list(x)} has no spatial axes.")
        ones = (1,) * (len(x) - 2)
        return ((x[0], *ones, x[-1]) if self.channels_last else (x[0], x[1], *ones),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].mean(axis=self._axes(inputs[0]), keepdims=True, dtype=inputs[0].dtype),)

    def input_rows(self, output_row: int, input_shape: Shape) -> range:
        return range(output_row, output_row + 1)

    def accumulation(self, call: Call) -> Accumulation:
        return _mean_accumulation(call, np.array([self._count(call)]))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        zero_point, scale = call.quantization(0).zero_point, _mean_scale(call, np.array([self._count(call)]))
        axes = self._axes(call.inputs[0])

        def kernel(x: Int8Array) -> Int8Array:
            sums = x.sum(axis=axes, keepdims=True, dtype=np.int64) - zero_point * self._count(call)
            return fixedpoint.requantize(sums, scale, call.output_quantization.zero_point)

        return kernel

    def _count(self, call: Call) -> int:
        return int(np.prod(call.inputs[0].shape[1:-1]))

    def _axes(self, x: Array | object) -> tuple[int, ...]:
        rank = len(x.shape)  # type: ignore[attr-defined]
        return tuple(range(1, rank - 1)) if self.channels_last else tuple(range(2, rank))


def _mean_scale(call: Call, counts: Int64Array) -> Array:
    """The factor from a sum of `counts` elements to the output, float32, as onnxruntime computes it."""
    return fixedpoint.rescale_mean(call.quantization(0).scales[0], call.output_quantization.scales[0], counts)


def _mean_accumulation(call: Call, counts: Int64Array) -> Accumulation:
    zero_point = call.quantization(0).zero_point
    reach = Reach(counts * (-128 - zero_point), counts * (127 - zero_point))
    return Accumulation(reach, _mean_scale(call, counts), call.output_quantization.zero_point)
