"""Operators that choose, repeat, join or reorder elements; on int8 the bytes are moved and never rounded."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import (
    Call,
    Int8Array,
    Int8Kernel,
    quantize_array,
    row_count,
)
from tinycnn.ops.unary import all_inputs, table_kernel

Table = tuple[int, ...]

FILL = -1
"""The index in a table that stands for the fill value."""
MOST_INDICES = 32767 // 4
"""Of a table in C: avr-gcc allows no longer arrays."""


@dataclass(frozen=True, slots=True)
class Take:
    """y[i, j, ...] = x[tables[0][i], tables[1][j], ...], or `fill` where an index is -1; None takes a whole axis.

    What Slice, Split, Gather, Pad, nearest Resize, Upsample, Tile and Expand do. A `fill` is rounded to the scale of
    the input.
    """

    tables: tuple[Table | None, ...]
    fill: float = 0.0
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        tables = [np.array(table, np.int64) for table in self.tables if table is not None]
        if self.fills:
            return "Pad"
        if all(is_arithmetic(table) for table in tables):
            return "Slice"
        return "Resize nearest" if all((np.diff(table) >= 0).all() for table in tables) else "Gather"

    @property
    def fills(self) -> bool:
        """Whether some output elements are the fill value."""
        return any(table is not None and FILL in table for table in self.tables)

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) != len(self.tables):
            raise ModelError(f"{self.label}: it has {len(self.tables)} axes but its input is {list(x)}.")
        for size, table in zip(x, self.tables, strict=True):
            if table and (min(table) < FILL or max(table) >= size):
                raise ModelError(f"{self.label}: it takes elements that {list(x)} does not have.")
        sizes = zip(x, self.tables, strict=True)
        return (tuple(size if table is None else len(table) for size, table in sizes),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self._taken(inputs[0], self.fill),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        table = self.tables[1] if len(self.tables) > 2 else None
        row = output_row if table is None else table[output_row]
        return range(row, row + 1) if row != FILL else range(0)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        fill = self.int8_fill(call.output_quantization)
        return lambda x: self._taken(x, fill)

    def int8_fill(self, quantization: Quantization) -> int:
        return int(quantize_array(np.array([self.fill]), quantization)[0])

    def moved(self, axes: tuple[int, ...]) -> "Take":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, tables=tuple(self.tables[axis] for axis in axes))

    def _taken(self, x: Array, fill: float) -> Array:
        """One copy, whatever the number of tables; then the fill."""
        wanted = [(axis, np.array(table, np.int64)) for axis, table in enumerate(self.tables) if table is not None]
        for axis, table in wanted:
            x = x.take(np.maximum(table, 0), axis)
        for axis, table in wanted:
            if (table == FILL).any():
                x[(slice(None),) * axis + (table == FILL,)] = fill
        return x


def is_arithmetic(table: Array) -> bool:
    """Whether the indices go up or down by the same step, not 0, as those of a Slice do."""
    steps = np.diff(table)
    return bool((table >= 0).all() and (steps == (steps[0] if steps.size else 1)).all() and (steps != 0).all())


@dataclass(frozen=True, slots=True)
class Concat:
    """The inputs one behind the other along `axis`; an int8 input of another scale goes through a table of 256."""

    axis: int
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return "Concat"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        first, axis = inputs[0], self.axis
        if not 0 <= axis < len(first) or {(*x[:axis], *x[axis + 1 :], len(x)) for x in inputs} != {
            (*first[:axis], *first[axis + 1 :], len(first))
        }:
            raise ModelError(f"Concat: {[list(x) for x in inputs]} do not fit together along axis {axis}.")
        return ((*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :]),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.concatenate(inputs, self.axis),)

    def first_row(self, index: int, *inputs: Shape) -> int:
        """The output row where the rows of input `index` begin; 0 unless rows are concatenated."""
        rows = self.axis == 1 and len(inputs[0]) > 2
        return sum(x[1] for x in inputs[:index]) if rows else 0

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        row = output_row - self.first_row(index, *inputs)
        return range(row, row + 1) if 0 <= row < row_count(inputs[index]) else range(0)

    def tables(self, call: Call) -> tuple[Int8Array | None, ...]:
        """For each input what its values -128..127 become; None where they stay."""
        return tuple(_requantized(call.quantization(i), call.output_quantization) for i in range(len(call.inputs)))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        kernels = [None if table is None else table_kernel(table) for table in self.tables(call)]

        def kernel(*inputs: Int8Array) -> Int8Array:
            parts = [x if part is None else part(x) for x, part in zip(inputs, kernels, strict=True)]
            return np.concatenate(parts, self.axis)

        return kernel

    def moved(self, axes: tuple[int, ...]) -> "Concat":
        """The same for tensors whose axis i was axis axes[i]."""
        return Concat(axes.index(self.axis))


def _requantized(source: Quantization, destination: Quantization) -> Int8Array | None:
    table = quantize_array(all_inputs(source), destination)
    return None if np.array_equal(table, np.arange(-128, 128)) else table


@dataclass(frozen=True, slots=True)
class DepthToSpace:
    """Channels to blocks of `block` x `block` pixels; the block's place is the outer part of a channel's number (DCR)
    or, with `channels_outer`, the inner part (CRD)."""

    block: int
    channels_outer: bool = False
    channels_last: bool = False
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        return f"DepthToSpace {self.block}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        n, h, w, c = _image(x, self.channels_last, "DepthToSpace")
        if self.block < 1 or c % self.block**2:
            raise ModelError(f"DepthToSpace: {c} channels are no blocks of {self.block} x {self.block}.")
        return (_stored((n, h * self.block, w * self.block, c // self.block**2), self.channels_last),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0] if self.channels_last else inputs[0].transpose(0, 2, 3, 1)
        n, h, w, c = x.shape
        b = self.block
        if self.channels_outer:
            y = x.reshape(n, h, w, c // b**2, b, b).transpose(0, 1, 4, 2, 5, 3)
        else:
            y = x.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5)
        y = y.reshape(n, h * b, w * b, c // b**2)
        return (y if self.channels_last else y.transpose(0, 3, 1, 2),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row // self.block, output_row // self.block + 1)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: self.run_float(x)[0]


@dataclass(frozen=True, slots=True)
class SpaceToDepth:
    """Blocks of `block` x `block` pixels to channels; the place in the block is the outer part of a channel's number
    (DCR) or, with `channels_outer`, the inner part (CRD)."""

    block: int
    channels_outer: bool = False
    channels_last: bool = False
    output_scale: ClassVar[Literal["input"]] = "input"

    @property
    def label(self) -> str:
        return f"SpaceToDepth {self.block}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (x,) = inputs
        n, h, w, c = _image(x, self.channels_last, "SpaceToDepth")
        b = self.block
        if b < 1 or h % b or w % b:
            raise ModelError(f"SpaceToDepth: an image of {h} x {w} is no blocks of {b} x {b}.")
        return (_stored((n, h // b, w // b, c * b * b), self.channels_last),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0] if self.channels_last else inputs[0].transpose(0, 2, 3, 1)
        n, h, w, c = x.shape
        b = self.block
        order = (0, 1, 3, 5, 2, 4) if self.channels_outer else (0, 1, 3, 2, 4, 5)
        y = x.reshape(n, h // b, b, w // b, b, c).transpose(order).reshape(n, h // b, w // b, b * b * c)
        return (y if self.channels_last else y.transpose(0, 3, 1, 2),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row * self.block, (output_row + 1) * self.block)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return lambda x: self.run_float(x)[0]


def _image(x: Shape, channels_last: bool, what: str) -> tuple[int, int, int, int]:
    if len(x) != 4:
        raise ModelError(f"{what}: it needs an image of four axes, not {list(x)}.")
    return (x[0], x[1], x[2], x[3]) if channels_last else (x[0], x[2], x[3], x[1])


def _stored(x: tuple[int, int, int, int], channels_last: bool) -> Shape:
    return x if channels_last else (x[0], x[3], x[1], x[2])
