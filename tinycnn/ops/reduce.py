"""What is computed along axes, in float: reductions and ArgMax.

A mean or maximum over all positions of an image is a global pool, which has an int8 form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape


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


@dataclass(frozen=True, slots=True)
class Reduce:
    """One of `REDUCTIONS` along `axes`, which stay as axes of size 1 with `keepdims`."""

    function: str
    axes: tuple[int, ...]
    keepdims: bool = True

    @property
    def label(self) -> str:
        return f"{self.function} {','.join(map(str, self.axes))}"

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


@dataclass(frozen=True, slots=True)
class ArgMax:
    """The index along `axis` of the largest element, int64; of equal ones the first or, with `last`, the last."""

    axis: int = 0
    keepdims: bool = True
    last: bool = False

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
