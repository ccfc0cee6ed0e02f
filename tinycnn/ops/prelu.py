"""ReLU with a slope for negative values that is learned."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, quantize_array
from tinycnn.ops.broadcasting import broadcast_shape
from tinycnn.ops.unary import all_inputs


@dataclass(frozen=True, slots=True)
class PRelu:
    """x where it is at least 0, elsewhere slope * x; inputs x and slope, which broadcasts to x.

    With `slopes`, one for each element of `axis`, x is the only input (passes.constant_operands). So it runs on int8,
    along the channels: a table of 256 bytes for each.
    """

    slopes: tuple[float, ...] = ()
    axis: int = 1
    output_scale: ClassVar[Literal["free"]] = "free"
    in_place: ClassVar[bool] = True

    @property
    def broadcasts(self) -> bool:
        return not self.slopes

    @property
    def label(self) -> str:
        return "PRelu"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        if self.slopes:
            shape = inputs[0]
            fits = self.axis < len(shape) and shape[self.axis] == len(self.slopes)
        else:
            (shape,) = broadcast_shape(self.label, *inputs)
            fits = shape == inputs[0]
        if not fits:
            slopes = [len(self.slopes)] if self.slopes else list(inputs[1])
            raise ModelError(f"PRelu: slopes {slopes} do not fit {list(inputs[0])}.")
        return (shape,)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        slope = inputs[1] if not self.slopes else self._slopes(x.ndim).astype(x.dtype)
        return (np.where(x >= 0, x, slope * x),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def tables(self, call: Call) -> Int8Array:
        """The output for each channel and input -128..127, int8 [C, 256]."""
        values = all_inputs(call.quantization(0))
        slopes = np.array(self.slopes, np.float32)[:, None]
        return quantize_array(np.where(values >= 0, values, slopes * values), call.output_quantization)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        tables, channels = self.tables(call), np.arange(len(self.slopes))
        return lambda x: tables[channels, x.astype(np.int16) + 128]

    def moved(self, axes: tuple[int, ...]) -> "PRelu":
        """The same for tensors whose axis i was axis axes[i]."""
        return replace(self, axis=axes.index(self.axis))

    def _slopes(self, rank: int) -> Array:
        return np.array(self.slopes).reshape(-1, *(1,) * (rank - 1 - self.axis))
