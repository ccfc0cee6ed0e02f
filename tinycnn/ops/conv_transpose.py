"""Transposed convolution: a convolution over the input with zeros inserted between its elements."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel
from tinycnn.ops.conv import Conv
from tinycnn.ops.linear import linear_accumulation
from tinycnn.ops.window import Window, to_first, to_last


def spread_sizes(sizes: Shape, strides: Shape) -> Shape:
    """Spatial sizes once `stride - 1` zeros stand between neighbours of each axis."""
    return tuple((size - 1) * stride + 1 for size, stride in zip(sizes, strides, strict=True))


def spread(x: Array, strides: Shape, value: float) -> Array:
    """x [N, sizes..., C] with `stride - 1` elements of `value` between neighbours of each axis."""
    result = np.full((len(x), *spread_sizes(x.shape[1:-1], strides), x.shape[-1]), value, x.dtype)
    result[(slice(None), *(slice(None, None, stride) for stride in strides))] = x
    return result


@dataclass(frozen=True, slots=True)
class ConvTranspose:
    """Conv with the window `taps`, of strides 1, over x with `strides` - 1 zeros between the neighbours of each axis.

    Inputs are those of Conv, weights too: [O, C/groups, kernel...], ONNX's with the taps of each axis reversed.
    In a file that came quantized onnxruntime adds floats, and next to a tie a byte may differ by 1.
    """

    taps: Window
    strides: tuple[int, ...]
    groups: int = 1
    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"ConvTranspose {self.taps}"

    @property
    def conv(self) -> Conv:
        """The convolution over the spread input."""
        return Conv(self.taps, self.groups, self.channels_last)

    def spread_shape(self, x: Shape) -> Shape:
        """The shape of the spread input."""
        if len(x) != len(self.strides) + 2:
            raise ModelError(f"ConvTranspose: input {list(x)} does not fit a window {self.taps}.")
        if self.channels_last:
            return (x[0], *spread_sizes(x[1:-1], self.strides), x[-1])
        return (*x[:2], *spread_sizes(x[2:], self.strides))

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return self.conv.output_shapes(self.spread_shape(inputs[0]), *inputs[1:])

    def macs(self, *inputs: Shape) -> int:
        """Each input element meets every weight of its group once; the inserted zeros cost nothing."""
        outputs = inputs[1][0] // self.groups
        return int(np.prod(inputs[0])) * outputs * self.taps.taps

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, *constants = inputs
        if self.channels_last:
            return self.conv.run_float(spread(x, self.strides, 0), *constants)
        return self.conv.run_float(to_first(spread(to_last(x), self.strides, 0)), *constants)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        stride = self.strides[0]
        places = [place for place in self.taps.input_rows(output_row) if place % stride == 0]
        rows = [place // stride for place in places if 0 <= place // stride < inputs[0][1]]
        step = self.taps.dilations[0] // math.gcd(self.taps.dilations[0], stride)
        return range(rows[0], rows[-1] + 1, step) if rows else range(0)

    def accumulation(self, call: Call) -> Accumulation:
        return linear_accumulation(call)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        x, *constants = call.inputs
        over_spread = replace(x, shape=self.spread_shape(x.shape))
        kernel = self.conv.int8_kernel(replace(call, inputs=(over_spread, *constants)))
        strides, zero_point = self.strides, call.quantization(0).zero_point

        def run(x: Int8Array) -> Int8Array:
            return kernel(spread(x, strides, zero_point))

        return run


@dataclass(frozen=True, slots=True)
class InsertZeros:
    """x [N, C, sizes...] with `strides` - 1 times `value` between neighbours, as `export` writes before a Conv.

    `value` is the zero point of x. It is never computed on its own: the importer joins it with the Conv behind it.
    """

    strides: tuple[int, ...]
    value: int = 0

    @property
    def label(self) -> str:
        return "InsertZeros"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x = inputs[0]
        return ((*x[:2], *spread_sizes(x[2:], self.strides)),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (to_first(spread(to_last(inputs[0]), self.strides, self.value)),)
