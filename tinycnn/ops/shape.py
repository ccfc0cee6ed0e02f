"""Operators that only move or rename bytes."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Call, Int8Kernel, row_count

TRANSPOSE_LOOPS = 3
"""Loops along a row that the C of a Transpose has."""


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in the same order under another shape; 0 keeps the input's axis, -1 is inferred."""

    shape: Shape
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        return "Reshape"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        size = int(np.prod(x))
        if any(wanted == 0 and axis >= len(x) for axis, wanted in enumerate(self.shape)):
            raise ModelError(f"Reshape: {list(self.shape)} keeps an axis that {list(x)} does not have.")
        shape = [x[axis] if wanted == 0 else wanted for axis, wanted in enumerate(self.shape)]
        if shape.count(-1) == 1:
            rest = int(np.prod([axis for axis in shape if axis != -1]))
            shape[shape.index(-1)] = size // rest if rest else 0
        if int(np.prod(shape)) != size or min(shape, default=0) < 0:
            raise ModelError(f"Reshape: {list(x)} cannot become {list(self.shape)}.")
        return (tuple(shape),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].reshape(*self.output_shapes(inputs[0].shape)),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(row_count(inputs[index]))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: self.run_float(x)[0]


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axis i of the output is axis permutation[i] of the input."""

    permutation: tuple[int, ...]
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        return "Transpose " + ",".join(map(str, self.permutation))

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        if sorted(self.permutation) != list(range(len(x))):
            raise ModelError(f"Transpose: {list(self.permutation)} is no permutation of the axes of {list(x)}.")
        return (tuple(x[axis] for axis in self.permutation),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].transpose(self.permutation),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(row_count(inputs[index]))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: np.ascontiguousarray(self.run_float(x)[0])


def transpose_loops(permutation: tuple[int, ...], x: Shape) -> tuple[tuple[int, int], ...]:
    """Along a row of the transposed x the size of each loop and its step in x; axes that stay neighbours are one."""
    strides = [int(np.prod(x[axis + 1 :])) for axis in permutation]
    first = 2 if len(x) > 2 else 1
    loops: list[tuple[int, int]] = []
    for axis, stride in zip(permutation[first:], strides[first:], strict=True):
        if x[axis] != 1 and loops and loops[-1][1] == x[axis] * stride:
            loops[-1] = (loops[-1][0] * x[axis], stride)
        elif x[axis] != 1:
            loops.append((x[axis], stride))
    return tuple(loops)
