"""What is computed along axes: reductions and ArgMax. A mean or maximum over all positions is a global pool instead."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import ModelError
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Accumulation, Call, FloatArray, Int8Array, Int8Kernel, row_count


def _log_sum_exp(x: Array, **along: Any) -> Any:
    return np.log(np.sum(np.exp(x), **along))


def _max(x: Array, **along: Any) -> Any:
    """Of nothing the least number of the type, which ONNX wants."""
    lowest = -np.inf if x.dtype.kind == "f" else False if x.dtype == np.bool_ else np.iinfo(x.dtype).min
    return np.max(x, initial=lowest, **along)


def _min(x: Array, **along: Any) -> Any:
    """Of nothing the largest number of the type."""
    highest = np.inf if x.dtype.kind == "f" else True if x.dtype == np.bool_ else np.iinfo(x.dtype).max
    return np.min(x, initial=highest, **along)


REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "ReduceL1": lambda x, **along: np.sum(np.abs(x), **along),
    "ReduceL2": lambda x, **along: np.sqrt(np.sum(x * x, **along)),
    "ReduceLogSum": lambda x, **along: np.log(np.sum(x, **along)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _max,
    "ReduceMean": np.mean,
    "ReduceMin": _min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
    "ReduceSumSquare": lambda x, **along: np.sum(x * x, **along),
}


def _checked_axes(label: str, axes: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ModelError(f"{label}: {list(shape)} does not have the axes {list(axes)}.")
    found = tuple(sorted(axis % len(shape) for axis in axes))
    if len(set(found)) != len(found):
        raise ModelError(f"{label}: the axes {list(axes)} name one twice.")
    return found


EXTREMA: Mapping[str, np.ufunc] = {"ReduceMax": np.maximum, "ReduceMin": np.minimum}
SUMS = ("ReduceMean", "ReduceSum")


@dataclass(frozen=True, slots=True)
class Reduce:
    """One of `REDUCTIONS` along `axes`, which stay as axes of size 1 with `keepdims`.

    On int8 ReduceMax and ReduceMin choose bytes, ReduceMean and ReduceSum rescale integer sums; over at most four axes,
    of which the first is not reduced. In a file that came quantized onnxruntime adds floats, and near a tie a mean or
    sum may differ by 1.
    """

    function: str
    axes: tuple[int, ...]
    keepdims: bool = True

    @property
    def label(self) -> str:
        return f"{self.function} {','.join(map(str, self.axes))}"

    @property
    def output_scale(self) -> Literal["free", "input"]:
        return "input" if self.function in EXTREMA else "free"

    @property
    def accumulates(self) -> bool:
        return self.function in SUMS

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        axes, sizes = _checked_axes(self.function, self.axes, inputs[0]), enumerate(inputs[0])
        if self.keepdims:
            return (tuple(1 if axis in axes else size for axis, size in sizes),)
        return (tuple(size for axis, size in sizes if axis not in axes),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            y = REDUCTIONS[self.function](inputs[0], axis=self.axes, keepdims=self.keepdims)
        return (np.asarray(y, inputs[0].dtype),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        if len(inputs[0]) > 2 and 1 in self.axes:
            return range(row_count(inputs[0]))
        return range(output_row, output_row + 1)

    def accumulation(self, call: Call) -> Accumulation:
        """Of ReduceMean and ReduceSum."""
        count = math.prod(call.inputs[0].shape[axis] for axis in self.axes)
        factor = self.factor(call.quantization(0), call.output_quantization.scale[0], count)
        reach = fixedpoint.pool_reach(np.array([count]), call.quantization(0).zero_point)
        return Accumulation(reach, factor, call.output_quantization.zero_point)

    def factor(self, source: Quantization, y_scale: float, count: int) -> FloatArray:
        """From the sum of `count` elements to the output, float32 [1]."""
        return fixedpoint.rescale_mean(source.scale[0], y_scale, count if self.function == "ReduceMean" else 1)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        if self.function in EXTREMA:
            choose = EXTREMA[self.function]
            return lambda x: np.asarray(choose.reduce(x, axis=self.axes, keepdims=True))
        rescaling, zero_point = self.accumulation(call), call.quantization(0).zero_point
        count = math.prod(call.inputs[0].shape[axis] for axis in self.axes)

        def kernel(x: Int8Array) -> Int8Array:
            sums = x.sum(axis=self.axes, keepdims=True, dtype=np.int64) - count * zero_point
            return fixedpoint.requantize(sums, rescaling.scale, rescaling.zero_point)

        return kernel

    def moved(self, axes: tuple[int, ...]) -> "Reduce":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, axes=tuple(sorted(axes.index(axis) for axis in self.axes)))


@dataclass(frozen=True, slots=True)
class ArgMax:
    """The index along `axis` of the largest element, int64; of equal ones the first or, with `last`, the last.

    On int8 over at most 256 elements (`passes.axis_last`); the index is int8 with the scale 1 and the zero point -128.
    In an exported file it is a float32 number for that reason.
    """

    axis: int = 0
    keepdims: bool = True
    last: bool = False
    output_scale: ClassVar[Literal["fixed"]] = "fixed"
    fixed_quantization: ClassVar[Quantization] = Quantization((1.0,), -128)

    @property
    def label(self) -> str:
        return "ArgMax"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return Reduce(self.label, (self.axis,), self.keepdims).output_shapes(*inputs)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = np.flip(inputs[0], self.axis) if self.last else inputs[0]
        found = np.argmax(x, axis=self.axis, keepdims=self.keepdims)
        return (np.asarray(x.shape[self.axis] - 1 - found if self.last else found, np.int64),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: (self.run_float(x)[0] - 128).astype(np.int8)

    def moved(self, axes: tuple[int, ...]) -> "ArgMax":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, axis=axes.index(self.axis % len(axes)))
