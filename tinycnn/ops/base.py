"""What an operator must tell to be run on int8, planned in rows and generated as C."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from tinycnn.errors import ModelError
from tinycnn.fixedpoint import Reach
from tinycnn.ir import Array, Graph, Node, Operator, Quantization, Shape, Tensor

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Int8Kernel = Callable[..., Int8Array]


@dataclass(frozen=True, slots=True)
class Call:
    """One node of an int8 graph with its tensors; `constants[i]` is the value of input i where that is constant."""

    node: Node
    inputs: tuple[Tensor, ...]
    constants: tuple[Array | None, ...]
    output: Tensor

    @property
    def name(self) -> str:
        return self.node.name

    def constant(self, index: int) -> Array:
        array = self.constants[index]
        if array is None:
            raise ModelError(f"Input {index} of node {self.name!r} must be constant.")
        return array

    def quantization(self, index: int) -> Quantization:
        """The quantization of input `index`."""
        return _quantization(self.inputs[index])

    @property
    def output_quantization(self) -> Quantization:
        return _quantization(self.output)


def call_of(graph: Graph, node: Node) -> Call:
    return Call(
        node,
        tuple(graph.tensors[name] for name in node.inputs),
        tuple(graph.constants.get(name) for name in node.inputs),
        graph.tensors[node.outputs[0]],
    )


def _quantization(tensor: Tensor) -> Quantization:
    if tensor.quantization is None:
        raise ModelError(f"Tensor {tensor.name!r} has no quantization.")
    return tensor.quantization


@dataclass(frozen=True, slots=True, eq=False)
class Accumulation:
    """The integer sums of an accumulate-then-rescale operator, before they become int8.

    There is one entry per way of rescaling: per output channel for convolution and dense layers, per number of
    summed elements for average pools. A sum, bias and input zero point included, lies within `reach`; the output is
    `fixedpoint.requantize(sum, scale, zero_point)` with a float32 `scale` per entry.
    """

    reach: Reach
    scale: FloatArray
    zero_point: int


class Int8Operator(Operator, Protocol):
    """An operator that also runs on int8 activations with one row of the output at a time.

    `output_scale` tells where the output's quantization comes from: "free" to be calibrated, "input" the same as
    the first input's because bytes are only moved or compared, "fixed" by the operator (`fixed_quantization`).
    """

    output_scale: Literal["free", "input", "fixed"]

    def int8_kernel(self, call: Call) -> Int8Kernel:
        """A function of the computed inputs, int8 [N, ...], that gives the int8 output, exactly."""

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        """Which rows of its input `index` the row `output_row` of the output reads; rows outside are padding.

        `inputs` are the shapes of the computed inputs. The range may be empty: a row of a concatenation reads one input
        only. For an operator that sums rows (`turns`) it is the row that the turn `output_row` adds.
        """


class AccumulatingOperator(Int8Operator, Protocol):
    """An operator whose outputs are rescaled integer sums."""

    def accumulation(self, call: Call) -> Accumulation:
        """How the sums of this node are bounded and rescaled."""


class ElementwiseOperator(Int8Operator, Protocol):
    """An operator with one input that maps each int8 value to an int8 value: a table of 256 bytes."""

    def table(self, source: Quantization, destination: Quantization) -> Int8Array:
        """The output for each input -128..127, int8 [256]."""


def is_int8(op: Operator) -> TypeGuard[Int8Operator]:
    return hasattr(op, "int8_kernel")


def is_accumulating(op: Operator) -> TypeGuard[AccumulatingOperator]:
    return hasattr(op, "accumulation") and bool(getattr(op, "accumulates", True))


def is_elementwise(op: Operator) -> TypeGuard[ElementwiseOperator]:
    return hasattr(op, "table")


def sums_rows(op: Operator) -> bool:
    """Whether the operator makes its one output row in turns, one per input row, with an int32 sum per channel."""
    return bool(getattr(op, "sums_rows", False))


def may_overwrite(op: Operator, source: Shape, output: Shape) -> bool:
    """Whether a kernel may write a row of `output` over the very row of the input `source` that it reads.

    So may the kernels of an operator with `in_place`: they write no byte before the last time they read what is there.
    Byte i of the row must be made of byte i of the input, so rows that are broadcast are no such inputs.
    """
    return bool(getattr(op, "in_place", False)) and row_bytes(source) == row_bytes(output)


def padding_value(op: Operator, zero_point: int) -> int:
    """The byte of rows outside the input: the operator's `padding_value` where it has one, else the zero point, a 0."""
    return int(getattr(op, "padding_value", zero_point))


def turns(op: Operator, input_shape: Shape, output_shape: Shape) -> int:
    """How often an operator runs on one sample: once per row of its output, or of its input where it sums them."""
    return row_count(input_shape if sums_rows(op) else output_shape)


def broadcasts(op: Operator) -> bool:
    """Whether the operator combines its inputs element by element, with ONNX's broadcasting."""
    return bool(getattr(op, "broadcasts", False))


def broadcast_rows(output_row: int, shape: Shape) -> range:
    """The row of an input of `shape` for a row of the output: the one that there is, or the one of the same number."""
    row = output_row if row_count(shape) > 1 else 0
    return range(row, row + 1)


def row_count(shape: Shape) -> int:
    """Rows of one sample of an int8 tensor [1, ...]: the first axis after the batch, or one row for a vector."""
    return shape[1] if len(shape) > 2 else 1


def row_bytes(shape: Shape) -> int:
    """Bytes of one such row: W*C for an image, C for a step of a 1-D signal, the length for a vector."""
    return int(np.prod(shape[2:])) if len(shape) > 2 else int(np.prod(shape[1:]))


def quantize_array(values: Array, quantization: Quantization) -> Int8Array:
    """float32 to int8 as onnxruntime's QuantizeLinear: divide, round half to even, add the zero point, saturate."""
    steps = np.asarray(values, np.float32) / np.float32(quantization.scale[0])
    np.rint(steps, out=steps)
    steps += np.float32(quantization.zero_point)
    return np.clip(steps, -128, 127, out=steps).astype(np.int8)


def dequantize_array(values: Array, quantization: Quantization) -> FloatArray:
    """int8 to float32 as onnxruntime's DequantizeLinear."""
    steps = values.astype(np.int32) - quantization.zero_point
    return steps.astype(np.float32) * np.float32(quantization.scale[0])
