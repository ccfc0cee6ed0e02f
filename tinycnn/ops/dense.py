"""The fully connected layer, which is Gemm or MatMul with constant weights, and the product of any two tensors."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel
from tinycnn.ops.linear import exact_dtype, linear_accumulation, linear_rescaler


@dataclass(frozen=True, slots=True)
class Dense:
    """y[..., o] = bias[o] + sum over i of x[..., i] * w[o, i], for inputs x, w [O, I] and an optional bias [O]."""

    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return "Dense"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1]
        if not x or len(w) != 2 or x[-1] != w[1]:
            raise ModelError(f"Dense: input {list(x)} does not fit the weights {list(w)}.")
        if len(inputs) > 2 and inputs[2] != (w[0],):
            raise ModelError(f"Dense: the bias is {list(inputs[2])}, expected [{w[0]}].")
        return ((*x[:-1], w[0]),)

    def macs(self, *inputs: Shape) -> int:
        return int(np.prod(inputs[0])) * inputs[1][0]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        y = inputs[0] @ inputs[1].T
        return (y + inputs[2] if len(inputs) > 2 else y,)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def accumulation(self, call: Call) -> Accumulation:
        return linear_accumulation(call)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        transposed = np.ascontiguousarray(call.constant(1).astype(exact_dtype(call)).T)
        rescale = linear_rescaler(call)

        def kernel(x: Int8Array) -> Int8Array:
            sums = x.astype(transposed.dtype) @ transposed
            out = np.empty(sums.shape, np.int8)
            rescale(sums, out)
            return out

        return kernel


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """The matrix product of two tensors as `numpy.matmul` has it, whichever of them is constant; in float only."""

    @property
    def label(self) -> str:
        return "MatMul"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        a, b = inputs
        rows, columns = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
        try:
            batch = np.broadcast_shapes(rows[:-2], columns[:-2])
        except ValueError:
            batch = None
        if not a or not b or batch is None or rows[-1] != columns[-2]:
            raise ModelError(f"MatMul: {list(a)} and {list(b)} cannot be multiplied.")
        return ((*batch, *rows[-2:-1][: len(a) - 1], *columns[-1:][: len(b) - 1]),)

    def macs(self, *inputs: Shape) -> int:
        (output,) = self.output_shapes(*inputs)
        return math.prod(output) * inputs[0][-1]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(np.matmul(inputs[0], inputs[1])),)
