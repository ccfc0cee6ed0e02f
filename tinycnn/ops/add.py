"""Elementwise addition of two tensors."""

from dataclasses import dataclass

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Array
from tinycnn.ops.base import Call, Int8Array, Int8Kernel
from tinycnn.ops.broadcasting import Broadcasting
from tinycnn.ops.constant_operand import constant_kernel, has_constant

BLOCK_ELEMENTS = 32_768
"""Pairs that are looked up at once: their index, 8 bytes each inside NumPy, stays in the cache."""


@dataclass(frozen=True, slots=True)
class Add(Broadcasting):
    """a + b with ONNX's broadcasting.

    On int8 one may be a constant of the file (`ops.constant_operand`): quantized files may write a bias so.
    """

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] + inputs[1],)

    def parameters(self, call: Call) -> fixedpoint.AddParameters:
        a, b, y = call.quantization(0), call.quantization(1), call.output_quantization
        return fixedpoint.AddParameters(a.scales[0], a.zero_point, b.scales[0], b.zero_point, y.scales[0], y.zero_point)

    def pairs(self, call: Call) -> Int8Array:
        """The output for each pair of inputs -128..127, int8 [256, 256]."""
        return fixedpoint.add_table(self.parameters(call))

    def int8_kernel(self, call: Call) -> Int8Kernel:
        if has_constant(call):
            return constant_kernel(call, self.pairs(call))
        by_byte = np.roll(self.pairs(call), (128, 128), axis=(0, 1)).reshape(-1)

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
