"""Two tensors combined element by element with ONNX's broadcasting."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tinycnn import fixedpoint
from tinycnn.fixedpoint import Reach
from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import (
    Accumulation,
    Call,
    Int8Array,
    Int8Kernel,
    Int32Array,
    Int64Array,
    quantize_array,
)
from tinycnn.ops.broadcasting import Broadcasting
from tinycnn.ops.constant_operand import constant_kernel, has_constant
from tinycnn.ops.unary import all_inputs, table_kernel

ALL_BYTES = np.arange(-128, 128, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Multiply(Broadcasting):
    """a * b; on int8 the product of the distances from the zero points, rescaled like the sums of a convolution.

    onnxruntime's QLinearMul adds its output's zero point, of int8 or of uint8, before it rounds, which decides ties
    otherwise: in a file that came quantized `added_before` is that zero point where a product is such a tie. The
    quantizer takes an output scale with which none is. Before a Clip that saturation cannot do, a byte of a file that
    came quantized may differ by 1 next to a tie.
    """

    added_before: int = 0

    @property
    def label(self) -> str:
        return "Mul"

    def macs(self, *inputs: Shape) -> int:
        return int(np.prod(np.broadcast_shapes(*inputs)))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(inputs[0] * inputs[1]),)

    @property
    def accumulates(self) -> bool:
        return self.added_before == 0

    def like_onnxruntime(self, call: Call, zero_point: int) -> "Multiply":
        """The same with the bytes of onnxruntime, whose output has `zero_point`."""
        return self if self.agrees(call, zero_point) else replace(self, added_before=zero_point)

    def agrees(self, call: Call, zero_point: int) -> bool:
        """Whether onnxruntime, whose output has `zero_point`, gives the same bytes for every pair."""
        theirs, sums = replace(self, added_before=zero_point), products(call.quantization(0), call.quantization(1))
        return bool(np.array_equal(theirs.rescaled(sums, call), self.rescaled(sums, call)))

    def rescaled(self, sums: Int64Array | Int32Array, call: Call) -> Int8Array:
        """The outputs for products of the distances from the zero points."""
        rescaling = self.accumulation(call)
        if not self.added_before:
            return fixedpoint.requantize(sums, rescaling.scale, rescaling.zero_point)
        with np.errstate(over="ignore"):
            steps = np.rint(sums.astype(np.float32) * rescaling.scale + np.float32(self.added_before))
        steps -= np.float32(self.added_before - rescaling.zero_point)
        return np.asarray(np.clip(steps, -128, 127)).astype(np.int8)

    def pairs(self, call: Call) -> Int8Array:
        """The output for each pair of inputs -128..127, int8 [256, 256]."""
        a, b = (ALL_BYTES - call.quantization(index).zero_point for index in (0, 1))
        return self.rescaled(a[:, None] * b, call)

    def least_products(self, call: Call) -> Int32Array:
        """The least product of each output -127..127, int32 [255]; the largest int32 where there is none."""
        sums = products(call.quantization(0), call.quantization(1))
        first = np.searchsorted(self.rescaled(sums, call), np.arange(-127, 128))
        return np.append(sums, np.iinfo(np.int32).max)[first].astype(np.int32)

    def accumulation(self, call: Call) -> Accumulation:
        a, b = call.quantization(0), call.quantization(1)
        found = products(a, b)
        reach = Reach(found.min(keepdims=True), found.max(keepdims=True))
        scale = fixedpoint.rescale(a.scale[0], b.scale[0], call.output_quantization.scale[0])
        return Accumulation(reach, scale, call.output_quantization.zero_point)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        a, b = (np.int32(call.quantization(index).zero_point) for index in (0, 1))
        if has_constant(call):
            return constant_kernel(call, self.pairs(call))

        def kernel(x: Int8Array, y: Int8Array) -> Int8Array:
            return self.rescaled((x.astype(np.int32) - a) * (y.astype(np.int32) - b), call)

        return kernel


def products(a: Quantization, b: Quantization) -> Int64Array:
    """The products of all pairs of distances from the zero points, each once, in rising order."""
    return np.unique((ALL_BYTES - a.zero_point)[:, None] * (ALL_BYTES - b.zero_point))


@dataclass(frozen=True, slots=True)
class Extremum(Broadcasting):
    """The larger ("Max") or the smaller ("Min") of a and b; on int8 that of their bytes in the output's scale."""

    function: Literal["Max", "Min"]

    @property
    def label(self) -> str:
        return self.function

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(self._choose(*inputs)),)

    def requantized(self, call: Call, index: int) -> Int8Array:
        """The bytes -128..127 of input `index` in the output's scale, int8 [256]: rounding keeps their order."""
        return quantize_array(all_inputs(call.quantization(index)), call.output_quantization)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        if has_constant(call):
            return constant_kernel(call, self.pairs(call))
        first, second = (table_kernel(self.requantized(call, index)) for index in (0, 1))
        return lambda a, b: np.asarray(self._choose(first(a), second(b)))

    def pairs(self, call: Call) -> Int8Array:
        """The output for each pair of inputs -128..127, int8 [256, 256]."""
        return np.asarray(self._choose(self.requantized(call, 0)[:, None], self.requantized(call, 1)))

    def _choose(self, a: Array, b: Array) -> Array:
        return np.asarray(np.maximum(a, b) if self.function == "Max" else np.minimum(a, b))


@dataclass(frozen=True, slots=True)
class Arithmetic(Broadcasting):
    """a - b or a ** b, in float; with one constant number `passes.constant_operands` makes it a Unary."""

    function: Literal["Sub", "Pow"]

    @property
    def label(self) -> str:
        return self.function

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        compute = {"Sub": np.subtract, "Pow": np.power}[self.function]
        with np.errstate(all="ignore"):
            return (np.asarray(compute(inputs[0], inputs[1])).astype(inputs[0].dtype),)


@dataclass(frozen=True, slots=True)
class Divide(Broadcasting):
    """a / b, of integers towards zero.

    On int8 float32: dequantized, divided, quantized. By 0 it is 127 or -128, as is infinity; 0 / 0 is -128.
    """

    @property
    def label(self) -> str:
        return "Div"

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (divide(inputs[0], inputs[1]).astype(inputs[0].dtype),)

    def accumulation(self, call: Call) -> Accumulation:
        """What gives nearly all pairs: an entry for each distance 1..255 of b; the sums are the distances of a."""
        return quotients(call.quantization(0), call.quantization(1), call.output_quantization)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        table = self.pairs(call)
        if has_constant(call):
            return constant_kernel(call, table)

        def kernel(x: Int8Array, y: Int8Array) -> Int8Array:
            return np.asarray(table[x.astype(np.int16) + 128, y.astype(np.int16) + 128])

        return kernel

    def pairs(self, call: Call) -> Int8Array:
        """The output for each pair of inputs -128..127, int8 [256, 256]."""
        return self.quantized_pairs(call.quantization(0), call.quantization(1), call.output_quantization)

    def quantized_pairs(self, a: Quantization, b: Quantization, y: Quantization) -> Int8Array:
        """The same for three quantizations."""
        (values,) = self.run_float(all_inputs(a)[:, None], all_inputs(b)[None, :])
        return quantize_array(np.where(np.isnan(values), -np.inf, values), y)

    def rescaled_pairs(self, a: Quantization, b: Quantization, y: Quantization) -> Int8Array:
        """The same by rescaling the distance of a by one of 255 factors: other bytes for a few pairs near ties."""
        sums = quotients(a, b, y)
        dividend, divisor = (ALL_BYTES - a.zero_point)[:, None], (ALL_BYTES - b.zero_point)[None, :]
        scale = sums.scale[np.maximum(np.abs(divisor) - 1, 0)]
        found = fixedpoint.requantize(dividend * np.sign(divisor), scale, sums.zero_point)
        return np.where(divisor == 0, np.where(dividend > 0, 127, -128), found).astype(np.int8)


def quotients(a: Quantization, b: Quantization, y: Quantization) -> Accumulation:
    """How the distances of a from its zero point become the output, for the distances 1..255 of b."""
    scale = np.float32(a.scale[0]) / (np.float32(b.scale[0]) * np.arange(1, 256, dtype=np.float32))
    farthest = np.full(255, max(127 - a.zero_point, 128 + a.zero_point), np.int64)
    with np.errstate(all="ignore"):
        factors = np.asarray(scale / np.float32(y.scale[0]), np.float32)
    return Accumulation(Reach(-farthest, farthest), factors, y.zero_point)


def divide(a: Array, b: Array) -> Array:
    """a / b; integers are divided as C does, towards zero, and by 0 give 0."""
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    with np.errstate(divide="ignore"):
        quotient = np.floor_divide(a, b)
    is_short = (quotient * b != a) & ((a < 0) != (b < 0)) & (b != 0)
    return np.asarray((quotient + is_short).astype(a.dtype))
