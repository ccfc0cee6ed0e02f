"""The fully connected layer: Gemm and MatMul with constant weights."""

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
