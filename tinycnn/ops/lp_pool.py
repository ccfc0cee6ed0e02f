"""Pooling by a norm: the sum of magnitudes, or the root of the sum of squares, under each window."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, Int64Array
from tinycnn.ops.pool import pooled_shape, slide
from tinycnn.ops.window import Window, to_first, to_last


@dataclass(frozen=True, slots=True)
class LpPool:
    """(sum of |x| ** power under the window) ** (1 / power); padding counts as zeros.

    On int8 the power is 1 or 2: the integer sum s of the powers of x - zero_point becomes
    rint(s ** (1 / power) * x_scale / y_scale) + zero_point in float64. s is below 2**24, so that float32 holds it.
    """

    window: Window
    power: int = 2
    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"L{self.power}Pool {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (pooled_shape(self.window, self.channels_last, inputs[0], "LpPool"),)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0] if self.channels_last else to_last(inputs[0])
        powers = np.abs(x) ** np.float32(self.power)
        sums = slide(np.add, self.window.padding(x.shape[1:-1], 0)(powers), self.window, x.shape[1:-1])
        y = (sums ** np.float32(1 / self.power)).astype(x.dtype)
        return (y if self.channels_last else to_first(y),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return self.window.input_rows(output_row)

    @property
    def is_exact(self) -> bool:
        """Whether int8 sums have an exact form: powers 1 and 2, and windows whose sums float32 holds."""
        return self.power in (1, 2) and self.window.taps * 255**self.power < 2**24

    def int8_kernel(self, call: Call) -> Int8Kernel:
        sizes, source = call.inputs[0].shape[1:-1], call.quantization(0)
        pad = self.window.padding(sizes, 0)

        def kernel(x: Int8Array) -> Int8Array:
            magnitudes = np.abs(x.astype(np.int32) - source.zero_point)
            sums = slide(np.add, pad(magnitudes**self.power), self.window, sizes)
            return self.requantize(sums, source, call.output_quantization)

        return kernel

    def requantize(self, sums: Array, source: Quantization, destination: Quantization) -> Int8Array:
        """The int8 outputs of integer sums."""
        roots = sums.astype(np.float64) if self.power == 1 else np.sqrt(sums.astype(np.float64))
        factor = np.float64(source.scale[0]) / np.float64(destination.scale[0])
        outputs = np.rint(roots * factor) + destination.zero_point
        result: Int8Array = np.clip(outputs, -128, 127).astype(np.int8)
        return result

    def thresholds(self, call: Call) -> Int64Array:
        """The least sum of each output above the zero point, int64; those that no window reaches are left out."""
        source, destination = call.quantization(0), call.output_quantization
        largest = max(127 - source.zero_point, 128 + source.zero_point) ** self.power * self.window.taps
        outputs = np.arange(destination.zero_point + 1, 128)
        low, high = np.zeros(len(outputs), np.int64), np.full(len(outputs), largest + 1)
        while np.any(low < high):
            middle = (low + high) // 2
            reached = self.requantize(middle, source, destination) >= outputs
            low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
        reached_sums: Int64Array = low[low <= largest]
        return reached_sums
