"""Pooling: the largest, the mean over a window, the mean over everything."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, FloatArray, Int8Array, Int8Kernel, Int64Array
from tinycnn.ops.float_means import float_mean_kernel, sums_agree
from tinycnn.ops.rescale import rescaler
from tinycnn.ops.window import Window, to_first, to_last


def pooled_shape(window: Window, channels_last: bool, x: Shape, name: str) -> Shape:
    """The output's shape; `name` is that of the operator, for the ModelError when x does not fit."""
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
    padding_value: ClassVar[int] = -128

    @property
    def label(self) -> str:
        return f"MaxPool {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (pooled_shape(self.window, self.channels_last, inputs[0], "MaxPool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        dtype = inputs[0].dtype
        lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
        if self.channels_last:
            return (self._largest(inputs[0], lowest),)
        return (to_first(self._largest(to_last(inputs[0]), lowest)),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return self.window.input_rows(output_row)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: self._largest(x, -128)

    def _largest(self, x: Array, lowest: float) -> Array:
        return slide(np.maximum, self.window.padding(x.shape[1:-1], lowest)(x), self.window, x.shape[1:-1])


@dataclass(frozen=True, slots=True)
class MaxPoolIndices:
    """Where in the whole tensor [N, C, spatial...] the element lies that MaxPool takes, int64; of equal ones the first.

    With `columns_first` the positions of an image are counted down its columns. In float graphs only.
    """

    window: Window
    columns_first: bool = False

    @property
    def label(self) -> str:
        return f"MaxPool {self.window} indices"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (pooled_shape(self.window, False, inputs[0], "MaxPool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, window, sizes = to_last(inputs[0]), self.window, inputs[0].shape[2:]
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        windows = window.views(sizes)(window.padding(sizes, lowest)(x))
        outputs = window.output_sizes(sizes)
        taps = np.unravel_index(windows.reshape(len(x), *outputs, window.taps, -1).argmax(axis=-2), window.kernel)
        places = []
        for axis, count in enumerate(outputs):
            first = np.arange(count) * window.strides[axis] - window.pads[axis]
            first = first.reshape(-1, *(1,) * (window.rank - axis))
            places.append(np.clip(first + taps[axis] * window.dilations[axis], 0, sizes[axis] - 1))
        inside = np.ravel_multi_index(places, sizes, order="F" if self.columns_first else "C")
        images = np.arange(inputs[0].shape[0] * inputs[0].shape[1]).reshape(*inputs[0].shape[:2], *(1,) * len(sizes))
        return (to_first(inside) + images * int(np.prod(sizes)),)


@dataclass(frozen=True, slots=True)
class AveragePool:
    """The mean of the elements under the window; padding counts as zeros only with `count_include_pad`.

    On int8 a rescaled integer sum. In a file that came quantized onnxruntime's float32 may decide a tie otherwise:
    then `float_zero_point`, the output's zero point in the file, says to compute as `ops.float_means` does.
    Before a Clip that saturation cannot do, a byte of a file that came quantized may differ by 1 next to a tie.
    """

    window: Window
    count_include_pad: bool = False
    channels_last: bool = False
    float_zero_point: int | None = None
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"AveragePool {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (pooled_shape(self.window, self.channels_last, inputs[0], "AveragePool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0] if self.channels_last else to_last(inputs[0])
        sums = slide(np.add, self.window.padding(x.shape[1:-1], 0)(x), self.window, x.shape[1:-1])
        y = (sums / self.counts(x.shape[1:-1])[..., None]).astype(x.dtype)
        return (y if self.channels_last else to_first(y),)

    def counts(self, sizes: Shape) -> Int64Array:
        """How many elements each output position averages, int64 [output sizes...], for an input of `sizes`."""
        window, counts = self.window, np.ones((), np.int64)
        for axis, (size, outputs) in enumerate(zip(sizes, window.output_sizes(sizes), strict=True)):
            begin, end = window.pads[axis], window.pads[window.rank + axis]
            low, high = (-begin, size + end) if self.count_include_pad else (0, size)
            first = np.arange(outputs) * window.strides[axis] - begin
            taps = first[:, None] + np.arange(window.kernel[axis]) * window.dilations[axis]
            counts = counts[..., None] * ((taps >= low) & (taps < high)).sum(axis=1)
        return np.asarray(counts)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return self.window.input_rows(output_row)

    @property
    def accumulates(self) -> bool:
        return self.float_zero_point is None

    def like_onnxruntime(self, call: Call, zero_point: int) -> "AveragePool":
        """The same with the bytes of onnxruntime, whose output has `zero_point`.

        Where padding counts it also counts what hangs over the end, so that all windows average as many elements.
        """
        if self.window.ceil_mode and self.count_include_pad:
            sizes = call.inputs[0].shape[1:-1] if self.channels_last else call.inputs[0].shape[2:]
            return replace(self, window=self.window.without_ceil_mode(sizes)).like_onnxruntime(call, zero_point)
        return self if self.agrees(call, zero_point) else replace(self, float_zero_point=zero_point)

    def agrees(self, call: Call, zero_point: int) -> bool:
        """Whether onnxruntime, whose output has `zero_point`, surely gives the same bytes.

        One window over everything, which is a GlobalAveragePool, it computes by the integer sum; dilations it has not.
        """
        if self.float_zero_point is not None:
            return self.float_zero_point == zero_point
        shape = call.inputs[0].shape
        sizes = shape[1:-1] if self.channels_last else shape[2:]
        if self._is_whole(sizes) or set(self.window.dilations) != {1}:
            return True
        counts = np.unique(self.counts(sizes)).tolist()
        return sums_agree(call.quantization(0), call.output_quantization, zero_point, counts)

    def _is_whole(self, sizes: Shape) -> bool:
        return self.window.kernel == sizes and not any(self.window.pads)

    def accumulation(self, call: Call) -> Accumulation:
        """One entry per number of elements that some window averages, in rising order."""
        counts = np.unique(self.counts(call.inputs[0].shape[1:-1]))
        return _mean_accumulation(call, counts)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        sizes, channels = call.inputs[0].shape[1:-1], call.inputs[0].shape[-1]
        if self.float_zero_point is not None:
            ends = call.quantization(0), call.output_quantization
            return float_mean_kernel(self.window, sizes, self.counts(sizes), *ends, self.float_zero_point)
        if self._is_whole(sizes):
            return _whole_mean(call)
        window, zero_point = self.window, call.quantization(0).zero_point
        dtype = _exact_dtype(window.taps)
        scale = np.repeat(_mean_scale(call, self.counts(sizes).reshape(-1)), channels)
        bias = np.full(scale.size, -zero_point * window.taps)  # the padding counts as zero points
        rescale = rescaler(bias, scale, call.output_quantization.zero_point)
        pad = window.padding(sizes, zero_point)

        def kernel(x: Int8Array) -> Int8Array:
            sums = slide(np.add, pad(x).astype(dtype), window, sizes)
            out = np.empty(sums.shape, np.int8)
            rescale(sums, out)
            return out

        return kernel


@dataclass(frozen=True, slots=True)
class GlobalAveragePool:
    """The mean over all spatial positions, kept as axes of size 1.

    In rows its one output row takes a turn per input row: each adds a row to int32 sums, the last one divides. A
    ReduceMean over these positions in a file that came quantized may differ by 1 next to a tie, where floats decide.
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

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def accumulation(self, call: Call) -> Accumulation:
        return _mean_accumulation(call, np.array([int(np.prod(call.inputs[0].shape[1:-1]))]))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return _whole_mean(call)

    def _axes(self, x: Array) -> tuple[int, ...]:
        return tuple(range(1, x.ndim - 1)) if self.channels_last else tuple(range(2, x.ndim))


def slide(combine: np.ufunc, padded: Array, window: Window, sizes: Shape) -> Array:
    """The sum or maximum under each window of what `Window.padding` gave: one axis after the other.

    Along the last axis it is computed at every position and the strides are taken then: NumPy pays for each row of
    channels that it cannot join to its neighbour (LeNet's first pool, 6 channels: 18 us for 24).
    """
    last = window.rank - 1
    for axis, count in enumerate(window.output_sizes(sizes)):
        stride, dilation = window.strides[axis], window.dilations[axis]
        rows = padded.reshape(int(np.prod(padded.shape[: axis + 1])), padded.shape[axis + 1], -1)
        span, step = (count - 1) * stride + 1, 1 if axis == last else stride
        first, *others = (rows[:, t * dilation : t * dilation + span : step] for t in range(window.kernel[axis]))
        total = combine(first, others[0]) if others else first
        for other in others[1:]:
            combine(total, other, out=total)
        if axis == last:
            total = total[:, ::stride]
        padded = np.ascontiguousarray(total).reshape(*padded.shape[: axis + 1], count, *padded.shape[axis + 2 :])
    return padded


def _whole_mean(call: Call) -> Int8Kernel:
    """The mean over all spatial positions, their sum by a product with a row of ones: 18 us where `sum` takes 46."""
    *sizes, channels = call.inputs[0].shape[1:]
    count, zero_point = int(np.prod(sizes)), call.quantization(0).zero_point
    dtype = _exact_dtype(count)
    ones = np.ones((1, count), dtype)
    scale = np.broadcast_to(_mean_scale(call, np.array([count])), (channels,))
    bias = np.full(channels, -zero_point * count)
    rescale = rescaler(bias, scale, call.output_quantization.zero_point)

    def kernel(x: Int8Array) -> Int8Array:
        sums = ones @ x.reshape(len(x), count, channels).astype(dtype)
        out = np.empty((len(x), *call.output.shape[1:]), np.int8)
        rescale(sums, out)
        return out

    return kernel


def _exact_dtype(count: int) -> type[np.float32] | type[np.float64]:
    """A type that holds every sum of `count` int8 values exactly."""
    return np.float32 if 128 * count <= 2**24 - 128 else np.float64


def _mean_scale(call: Call, counts: Int64Array) -> FloatArray:
    """The factor from a sum of `counts` elements to the output, float32, as onnxruntime computes it."""
    return fixedpoint.rescale_mean(call.quantization(0).scales[0], call.output_quantization.scales[0], counts)


def _mean_accumulation(call: Call, counts: Int64Array) -> Accumulation:
    reach = fixedpoint.pool_reach(counts, call.quantization(0).zero_point)
    return Accumulation(reach, _mean_scale(call, counts), call.output_quantization.zero_point)
