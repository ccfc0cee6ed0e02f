"""The matrix product of two computed tensors; with constant weights it is a Dense."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import ModelError
from tinycnn.fixedpoint import Reach
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel, row_count
from tinycnn.ops.rescale import rescaler


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """y[..., m, p] = sum over k of a[..., m, k] * b[..., k, p], leading axes broadcast as NumPy's matmul does.

    On int8 both have three axes, or both have four, of which the second of b may be 1.
    """

    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return "MatMul"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        a, b = inputs
        rows, columns = ((1, *a) if len(a) == 1 else a), ((*b, 1) if len(b) == 1 else b)
        try:
            leading = np.broadcast_shapes(rows[:-2], columns[:-2])
            fits = bool(a and b) and rows[-1] == columns[-2]
        except ValueError:
            fits, leading = False, ()
        if not fits:
            raise ModelError(f"MatMul: {list(a)} and {list(b)} cannot be multiplied.")
        return ((*leading, *rows[-2:-1][: len(a) - 1], *columns[-1:][: len(b) - 1]),)

    def macs(self, *inputs: Shape) -> int:
        return int(np.prod(self.output_shapes(*inputs)[0])) * inputs[0][-1]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(np.matmul(inputs[0], inputs[1])),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        if index == 0 or (len(inputs[1]) == 4 and inputs[1][1] > 1):
            return range(output_row, output_row + 1)
        return range(row_count(inputs[1]))

    def accumulation(self, call: Call) -> Accumulation:
        a, b = call.quantization(0), call.quantization(1)
        ends = np.array([-128, 127])
        products = (ends - a.zero_point)[:, None] * (ends - b.zero_point)
        depth = call.inputs[0].shape[-1]
        reach = Reach(depth * products.min(keepdims=True).reshape(1), depth * products.max(keepdims=True).reshape(1))
        scale = fixedpoint.rescale(a.scale[0], b.scale[0], call.output_quantization.scale[0])
        return Accumulation(reach, scale, call.output_quantization.zero_point)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        a_zero, b_zero = (call.quantization(index).zero_point for index in (0, 1))
        rescaling = self.accumulation(call)
        is_small = 255 * 255 * call.inputs[0].shape[-1] <= 2**24 - 128
        dtype = np.dtype(np.float32 if is_small else np.float64)
        rescale = rescaler(np.zeros(1, np.int64), rescaling.scale, rescaling.zero_point)

        def distances(x: Int8Array, zero_point: int) -> Array:
            return (x.astype(np.int16) - np.int16(zero_point)).astype(dtype)

        def kernel(a: Int8Array, b: Int8Array) -> Int8Array:
            sums = np.ascontiguousarray(np.matmul(distances(a, a_zero), distances(b, b_zero)))
            out = np.empty(sums.shape, np.int8)
            rescale(sums, out)
            return out

        return kernel
