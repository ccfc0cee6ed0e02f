"""Softmax on int8: by integer division where we quantize, in onnxruntime's float32 order where a file came quantized.

Both look exponentials up by the distance from the largest input, and give the same bytes on every machine.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Call, FloatArray, Int8Array, Int8Kernel, Int32Array

EXP_ONE = 65536
"""What exp(0) is in the table of exponentials."""
MAX_CLASSES = 16384
"""Longest axis whose exponentials still add up inside an int32: 16384 * 65536 = 2**30."""


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x - max x) / sum(exp(x - max x)) along `axis`.

    On int8 it runs along the last axis. A model that we quantize has an output of scale 1/256 and zero point -128:
    e = `exponentials`[max x - x], y = (256 e + sum(e) / 2) / sum(e) - 128 in integer division, at most 127. The result
    is within 1 of the rounded true softmax of the int8 input where the axis is at most 256 long (each exponential is
    off by at most 2**-17).

    `as_onnxruntime`, for files that came quantized: what com.microsoft.QLinearSoftmax computes, which onnxruntime makes
    of a Softmax between quantizers too. e = `float_exponentials`[max x - x]; their sum in float32, first to last;
    y = rint(e * floor(1 / y_scale) / sum) + y_zero_point, each step in float32, at most 127. There is no bound to
    state: the bytes are equal.
    """

    axis: int = -1
    as_onnxruntime: bool = False
    output_scale: ClassVar[Literal["fixed"]] = "fixed"
    in_place: ClassVar[bool] = True
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
        if self.as_onnxruntime:
            return _float_kernel(call)
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


def float_exponentials(source: Quantization, length: int) -> FloatArray:
    """exp(top - scale * d) for the distances d = 0..255 from the largest input, float32 [256].

    `top` makes the sum of `length` of them fill float32's range, five short of the logarithm of its largest number,
    as in onnxruntime/contrib_ops/cpu/quantization/qlinear_softmax.cc; the powers are float64 until they are stored.
    """
    scale = float(np.float32(source.scale[0]))
    top = float(np.float32(math.log(np.finfo(np.float32).max / np.float32(length)))) - 5
    shift = top / scale
    return np.array([math.exp((shift - distance) * scale) for distance in range(256)], np.float64).astype(np.float32)


def float_shares(powers: FloatArray, destination: Quantization) -> FloatArray:
    """`powers` times the number of output steps in 1: what is divided by the sum, float32 [256], perhaps infinite."""
    with np.errstate(over="ignore"):
        shares: FloatArray = powers * np.floor(np.float32(1) / destination.scales[0])
    return shares


def _float_kernel(call: Call) -> Int8Kernel:
    powers = float_exponentials(call.quantization(0), call.inputs[0].shape[-1])
    shares, zero_point = float_shares(powers, call.output_quantization), call.output_quantization.zero_point

    def kernel(x: Int8Array) -> Int8Array:
        values = x.astype(np.int32)
        distances = values.max(axis=-1, keepdims=True) - values
        total = np.add.accumulate(powers[distances], axis=-1)[..., -1:]  # in order; `sum` would add in pairs
        steps = np.rint(shares[distances] / total) + zero_point
        limited: Int8Array = np.minimum(steps, 127).astype(np.int8)
        return limited

    return kernel
