"""Elementwise addition of two tensors."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Call, Int8Array, Int8Kernel, broadcast_rows

BLOCK_ELEMENTS = 32_768
"""Pairs that are looked up at once: their index, 8 bytes each inside NumPy, stays in the cache."""


@dataclass(frozen=True, slots=True)
class Add:
    """a + b with ONNX's broadcasting.

    On int8 one may be constant, int8 with one number or one for each channel: quantized files may write a bias so.
    """

    output_scale: ClassVar[Literal["free"]] = "free"
    broadcasts: ClassVar[bool] = True
    in_place: ClassVar[bool] = True
    constants_have_zero_points: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return "Add"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        try:
            return (np.broadcast_shapes(*inputs),)
        except ValueError:
            raise ModelError(f"Add: {list(inputs[0])} and {list(inputs[1])} cannot be added.") from None

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] + inputs[1],)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return broadcast_rows(output_row, inputs[index])

    def int8_kernel(self, call: Call) -> Int8Kernel:
        if any(constant is not None for constant in call.constants):
            tables, channels = constant_tables(call), np.arange(call.output.shape[-1])
            return lambda x: tables[channels, x.astype(np.int16) + 128]
        by_byte = np.roll(add_table(call), (128, 128), axis=(0, 1)).reshape(-1)

        def kernel(a: Int8Array, b: Int8Array) -> Int8Array:
            if a.shape != b.shape:
                a, b = map(np.ascontiguousarray, np.broadcast_arrays(a, b))
            out = np.empty(a.shape, np.int8)
            flat_a, flat_b, flat_out = a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8), out.reshape(-1)
            for start in range(0, out.size, BLOCK_ELEMENTS):
                block = slice(start, start + BLOCK_ELEMENTS)
                index = flat_a[block].astype(np.uint16)
                index <<= 8
                index |= flat_b[block]
                np.take(by_byte, index, out=flat_out[block], mode="wrap")  # "raise" would buffer
            return out

        return kernel


def constant_operand(call: Call) -> tuple[int, Int8Array]:
    """Which input of an Add is constant, and its value for each channel, int8 [C]."""
    index = next(index for index, constant in enumerate(call.constants) if constant is not None)
    return index, np.broadcast_to(call.constant(index).reshape(-1), call.output.shape[-1:])


def constant_tables(call: Call) -> Int8Array:
    """The output for each channel and input -128..127 of an Add of a constant, int8 [C, 256]."""
    index, values = constant_operand(call)
    pairs = add_table(call)
    return np.ascontiguousarray((pairs if index == 0 else pairs.T)[values.astype(np.int16) + 128])


def add_table(call: Call) -> Int8Array:
    """The output for each pair of inputs -128..127, int8 [256, 256]."""
    a, b, y = call.quantization(0), call.quantization(1), call.output_quantization
    return fixedpoint.add_table(a.scales[0], a.zero_point, b.scales[0], b.zero_point, y.scales[0], y.zero_point)
