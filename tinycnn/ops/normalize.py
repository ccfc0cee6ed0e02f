"""Normalization by what stands around an element: LRN over neighbouring channels, LogSoftmax over a whole axis."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, Int32Array
from tinycnn.ops.softmax import EXP_ONE, exponentials

MAX_ENTRIES = 4096
"""Entries of the table of an LRN, at most."""
MULTIPLIER_BITS = 22
"""Of its entries: their product with the distance from a zero point then fits int32."""
MAX_WINDOW = 258
"""Channels whose squares, at most 255 * 255 each, add up to less than 2**24."""


@dataclass(frozen=True, slots=True)
class LRN:
    """y = x / (bias + alpha / size * sum of x^2 over `size` channels around) ^ beta, channels on `axis`.

    Local response normalization as in AlexNet (Krizhevsky, Sutskever, Hinton, 2012); of an even `size` the larger half
    lies behind. On int8 the integer sum of squares chooses one of at most 4096 multipliers (`multipliers`): within 1 of
    the rounded formula as long as it changes by less than half a step from one multiplier to the next. In a file that
    came quantized onnxruntime computes in float, and bytes may differ by 1.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0
    axis: int = 1
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"LRN {self.size}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        if len(inputs[0]) < 2:
            raise ModelError(f"LRN: its input {list(inputs[0])} has no channels.")
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        factor = np.float32(self.alpha / self.size)
        sums = np.float32(self.bias) + factor * self.window_sums(np.square(x))
        return (x / np.power(sums, np.float32(self.beta)),)

    def window_sums(self, values: Array) -> Array:
        """The sums over `size` channels around each."""
        rows = np.moveaxis(values, self.axis, 0)
        sums = np.zeros_like(rows)
        for channel in range(len(rows)):
            first, last = channel - (self.size - 1) // 2, channel + self.size // 2
            sums[channel] = rows[max(first, 0) : last + 1].sum(axis=0)
        return np.moveaxis(sums, 0, self.axis)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def multipliers(self, source: Quantization, destination: Quantization) -> "MultiplierTable":
        """The multipliers for sums of squares [i << bits, (i + 1) << bits), as few as keep y within a quarter step."""
        largest = max(127 - source.zero_point, 128 + source.zero_point) ** 2 * self.size
        x_scale, y_scale = (float(np.float32(one.scale[0])) for one in (source, destination))

        def factors(sums: Array) -> Array:
            grown = self.bias + self.alpha / self.size * x_scale**2 * sums
            return np.asarray(x_scale / y_scale * grown**-self.beta)

        bits = max((largest // 64).bit_length(), 0)
        while bits and (largest >> bits) + 1 <= MAX_ENTRIES:
            starts = np.arange((largest >> bits) + 2, dtype=np.float64) * 2.0**bits
            change = np.abs(np.diff(factors(starts))) / 2 * np.minimum(np.sqrt(starts[1:]), 255)
            if change.max() <= 0.25 or (largest >> (bits - 1)) + 1 > MAX_ENTRIES:
                break
            bits -= 1
        middles = (np.arange((largest >> bits) + 1) + 0.5) * 2.0**bits - 0.5
        found = factors(middles)
        shift = min(max(MULTIPLIER_BITS - math.ceil(math.log2(found.max())), 1), 30)
        multipliers = np.rint(found * 2.0**shift).astype(np.int32)
        return MultiplierTable(multipliers, bits, shift)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        source, destination = call.quantization(0), call.output_quantization
        table = self.multipliers(source, destination)

        def kernel(x: Int8Array) -> Int8Array:
            distances = x.astype(np.int32) - source.zero_point
            chosen = table.multipliers[self.window_sums(distances * distances) >> table.bits]
            steps = (distances.astype(np.int64) * chosen + (1 << table.shift >> 1)) >> table.shift
            return np.asarray(np.clip(steps + destination.zero_point, -128, 127)).astype(np.int8)

        return kernel

    def moved(self, axes: tuple[int, ...]) -> "LRN":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, axis=axes.index(self.axis))


@dataclass(frozen=True, slots=True, eq=False)
class MultiplierTable:
    """y = (x * multipliers[sum >> bits] + half) >> shift; multipliers int32 of at most 2**22."""

    multipliers: Int32Array
    bits: int
    shift: int


LOG_STEPS = 4
"""LogSoftmax adds up in quarters of an output step."""


@dataclass(frozen=True, slots=True)
class LogSoftmax:
    """y = x - log(sum of exp(x)) over one axis.

    On int8 (`passes.axis_last`) in integers: the sum of `ops.softmax.exponentials`, its logarithm by counting
    thresholds, the distance from the largest element by a table, both in quarters of a step. Within 1 of the rounded
    formula for up to 256 classes. In a file that came quantized onnxruntime computes in float, and bytes may differ by
    1.
    """

    axis: int
    output_scale: ClassVar[Literal["free"]] = "free"
    in_place: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return "LogSoftmax"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        below = inputs[0] - inputs[0].max(axis=self.axis, keepdims=True)
        return (below - np.log(np.exp(below).sum(axis=self.axis, keepdims=True)),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def distances(self, source: Quantization, destination: Quantization) -> Int32Array:
        """How far below the largest element each distance 0..255 is, in quarters of an output step, int32 [256]."""
        ratio = float(np.float32(source.scale[0])) / float(np.float32(destination.scale[0]))
        found = np.rint(np.minimum(np.arange(256) * ratio * LOG_STEPS, 2.0**20))
        return np.asarray(found.astype(np.int32))

    def thresholds(self, destination: Quantization, length: int) -> Int32Array:
        """The least sums of `length` exponentials whose logarithm is 1, 2, .. quarters of an output step, int32."""
        unit = float(np.float32(destination.scale[0])) / LOG_STEPS
        count = min(int(math.log(length) / unit + 0.5), 2**13) + 1
        sums = np.ceil(EXP_ONE * np.exp((np.arange(1, count + 1) - 0.5) * unit))
        return np.asarray(np.minimum(sums, np.iinfo(np.int32).max).astype(np.int32))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        source, destination = call.quantization(0), call.output_quantization
        powers, distances = exponentials(source), self.distances(source, destination)
        thresholds = self.thresholds(destination, call.inputs[0].shape[self.axis])

        def kernel(x: Int8Array) -> Int8Array:
            values = x.astype(np.int32)
            below = values.max(axis=self.axis, keepdims=True) - values
            total = powers[below].sum(axis=self.axis, keepdims=True, dtype=np.int32)
            quarters = distances[below] + np.searchsorted(thresholds, total, side="right")
            outputs = destination.zero_point - ((quarters + LOG_STEPS // 2) >> 2)
            return np.asarray(np.maximum(outputs, -128)).astype(np.int8)

        return kernel

    def moved(self, axes: tuple[int, ...]) -> "LogSoftmax":
        """The same for tensors whose axis i was axis axes[i]."""
        return LogSoftmax(axes.index(self.axis % len(axes)))
