"""Softmax; on int8 by a table of exponentials and integer division, so that every machine gives the same bytes."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, Int32Array

EXP_ONE = 65536
"""What exp(0) is in the table of exponentials."""
MAX_CLASSES = 16384
"""Longest axis whose exponentials still add up inside an int32: 16384 * 65536 = 2**30."""


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x - max x) / sum(exp(x - max x)) along `axis`.

    On int8, along the last axis: e = `exponentials`[max x - x], y = (256 e + sum(e) / 2) / sum(e) - 128 in integer
    division, at most 127. The output's scale is 1/256, its zero point -128. The result is within 1 of the rounded
    true softmax of the int8 input where the axis is at most 256 long (each exponential is off by at most 2**-17).
    """

    axis: int = -1
    output_scale: ClassVar[Literal["fixed"]] = "fixed"
    fixed_quantization: ClassVar[Quantization] = Quantization((1 / 256,), -128)

    @property
    def label(self) -> str:
        return "Softmax"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        if not -len(inputs[0]) <= self.axis < len(inputs[0]):
            raise ModelError(f"Softmax: {list(inputs[0])} has no axis {self.axis}.")
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        powers = np.exp(inputs[0] - inputs[0].max(axis=self.axis, keepdims=True))
        return (powers / powers.sum(axis=self.axis, keepdims=True),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        powers = exponentials(call.quantization(0))

        def kernel(x: Int8Array) -> Int8Array:
            values = x.astype(np.int32)
            terms = powers[values.max(axis=-1, keepdims=True) - values]
            total = terms.sum(axis=-1, keepdims=True, dtype=np.int32)
            steps = (terms * 256 + total // 2) // total - 128
            limited: Int8Array = np.minimum(steps, 127).astype(np.int8)
            return limited

        return kernel


def exponentials(source: Quantization) -> Int32Array:
    """round(65536 * exp(-scale * d)) for the distances d = 0..255 from the largest input, int32 [256]."""
    distances = np.arange(256, dtype=np.float64) * float(np.float32(source.scale[0]))
    powers: Int32Array = np.rint(EXP_ONE * np.exp(-distances)).astype(np.int32)
    return powers
