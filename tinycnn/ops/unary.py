"""Operators with one input that look at each element alone; on int8 each is a table of 256 bytes."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from tinycnn.ir import Array, Quantization, Shape
from tinycnn.ops.base import Call, FloatArray, Int8Array, Int8Kernel, dequantize_array, quantize_array
from tinycnn.ops.functions import FUNCTIONS


def all_inputs(source: Quantization) -> FloatArray:
    """What the int8 values -128..127 stand for, float32 [256]."""
    return dequantize_array(np.arange(-128, 128, dtype=np.int8), source)


def _limit(limit: float, dtype: np.dtype[Any]) -> Any:
    """`limit` as a number of the type that is clipped; beyond the integers of the type it is the last of them."""
    if dtype.kind == "f":
        return dtype.type(limit)
    known = np.iinfo(dtype)
    return dtype.type(known.min if limit <= known.min else known.max if limit >= known.max else int(limit))


@dataclass(frozen=True, slots=True)
class Clip:
    """min(max(x, low), high); without limits it only changes the scale of an int8 tensor."""

    low: float = -np.inf
    high: float = np.inf
    output_scale: ClassVar[Literal["free"]] = "free"
    in_place: ClassVar[bool] = True

    @property
    def label(self) -> str:
        names = {(0.0, np.inf): "Relu", (-np.inf, np.inf): "Requantize"}
        return names.get((self.low, self.high), f"Clip {self.low:g}..{self.high:g}")

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        # maximum before minimum, as ONNX defines it where low > high
        x = inputs[0]
        low, high = (_limit(limit, x.dtype) for limit in (self.low, self.high))
        return (np.minimum(np.maximum(x, low), high),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def table(self, source: Quantization, destination: Quantization) -> Int8Array:
        (values,) = self.run_float(all_inputs(source))
        return quantize_array(values, destination)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return table_kernel(self.table(call.quantization(0), call.output_quantization))


@dataclass(frozen=True, slots=True)
class Unary:
    """A function of each element from `tinycnn.ops.functions`; on int8 a table of 256 bytes.

    The table is the function in float64, rounded to float32 and quantized. The quantizer takes an output scale with
    which no entry is so near a tie that the float error of another implementation shows. In a model that comes
    quantized an entry that near may differ from onnxruntime's by 1. What is no number, such as a root of -1, becomes
    -128.
    """

    function: str
    parameters: tuple[float, ...] = ()
    output_scale: ClassVar[Literal["free"]] = "free"
    in_place: ClassVar[bool] = True

    @property
    def label(self) -> str:
        name, numbers = self.function, [f"{number:g}" for number in self.parameters]
        if " c" in f" {name}" and len(numbers) == 1:
            return name.replace("c", numbers[0])
        defaults = tuple(FUNCTIONS[name].parameters.values())
        return name if self.parameters == defaults else f"{name} {', '.join(numbers)}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (np.asarray(self._compute(inputs[0])).astype(np.float32),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return range(output_row, output_row + 1)

    def real_table(self, source: Quantization) -> FloatArray:
        """The function of what each input -128..127 stands for, float32 [256]."""
        values: Array = all_inputs(source)
        if not FUNCTIONS[self.function].is_exact:
            values = values.astype(np.float64)
        return self.run_float(values)[0]

    def table(self, source: Quantization, destination: Quantization) -> Int8Array:
        values = self.real_table(source)
        return quantize_array(np.where(np.isnan(values), -np.inf, values), destination)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        return table_kernel(self.table(call.quantization(0), call.output_quantization))

    def _compute(self, x: Array) -> Array:
        return np.asarray(FUNCTIONS[self.function].compute(x, *(x.dtype.type(np.float32(p)) for p in self.parameters)))


def table_kernel(table: Int8Array) -> Int8Kernel:
    """Look every element up in a table indexed by the value plus 128.

    By Python's `translate`: 0.27 ns an element, where `numpy.take` takes 0.8.
    """
    by_byte = np.roll(table, 128).tobytes()

    def kernel(x: Int8Array) -> Int8Array:
        return np.frombuffer(bytearray(x).translate(by_byte), np.int8).reshape(x.shape)

    return kernel
