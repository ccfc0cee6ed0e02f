"""One ONNX node as the import rules see it, and the graph under construction that they add to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from tinycnn import ir
from tinycnn.ir import Array, DType, Node, Operator, Quantization, Shape, Tensor
from tinycnn.ops import Add, Clip, Concat, DequantizeLinear, Reshape, Take, Transpose, Unary

MAX_TENSOR_BYTES = 2**31 - 1
"""Larger tensors are refused: more than any file holds (protobuf's limit), and far more than any target."""
DTYPES: Mapping[int, DType] = {
    TensorProto.FLOAT: "float32",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.FLOAT16: "float16",
    TensorProto.DOUBLE: "float64",
    TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
}
"""The element types that tinycnn reads, by ONNX's number."""
T = TypeVar("T")


class RefusalError(Exception):
    """A rule cannot take this node; the text says why, for the list of everything that stands in the way."""


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """An ONNX node; an input that is left out is the empty string, trailing ones are gone.

    `op_type` has the domain before a dot where it is not ONNX's own. Attributes are those of `attribute_value`.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    origins: tuple[str, ...]

    def has_input(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] != ""

    def integer(self, name: str, default: int) -> int:
        return self._attribute(name, int, default)

    def number(self, name: str, default: float) -> float:
        return self._attribute(name, float, default)

    def text(self, name: str, default: str) -> str:
        return self._attribute(name, bytes, default.encode()).decode(errors="replace")

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list attribute, or None where it is absent."""
        value = self._attribute(name, list, [])
        if not all(isinstance(item, int) for item in value):
            raise RefusalError(f"its attribute {name} is not a list of whole numbers")
        return tuple(value) if name in self.attributes else None

    def _attribute(self, name: str, kind: type[T], default: T) -> T:
        value = self.attributes.get(name, default)
        if not isinstance(value, kind):
            raise RefusalError(f"its attribute {name} has the wrong type")
        return value


def attribute_value(attribute: onnx.AttributeProto) -> Any:
    """int, float, bytes, a list of these, an array for a tensor; None for what no rule reads, such as graphs."""
    kinds = onnx.AttributeProto
    match attribute.type:
        case kinds.INT | kinds.FLOAT | kinds.STRING:
            return onnx.helper.get_attribute_value(attribute)
        case kinds.INTS | kinds.FLOATS | kinds.STRINGS:
            return list(onnx.helper.get_attribute_value(attribute))
        case kinds.TENSOR:
            return tensor_value(attribute.t)
    return None


def tensor_value(tensor: TensorProto) -> Array:
    """The array in an ONNX tensor of one of DTYPES whose data is in the model file itself."""
    if tensor.data_location == TensorProto.EXTERNAL:
        raise RefusalError("it keeps its value in another file, which only initializers may")
    if tensor.data_type not in DTYPES:
        raise RefusalError(f"it is {type_name(tensor.data_type)}; tinycnn takes {', '.join(DTYPES.values())}")
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except ValueError:
        raise RefusalError("the file is damaged: its data does not fill its shape") from None


def type_name(data_type: int) -> str:
    """ONNX's name of an element type, such as float16."""
    known = data_type in TensorProto.DataType.values()
    return TensorProto.DataType.Name(data_type).lower() if known else f"of the unknown type {data_type}"


@dataclass(slots=True)
class Builder:
    """The graph so far. `aliases` maps names of tensors that are the same as another (Identity, Dropout).

    `opset` is the version of ONNX's own operator set. `reserved` are all names of tensors in the file: what a rule adds
    gets other ones. `read` are those that something reads or that leave the graph.
    `folded_bytes` counts the constants that were computed here.
    """

    opset: int
    reserved: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    producers: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    folded_bytes: int = 0

    def resolve(self, name: str) -> str:
        return self.aliases.get(name, name)

    def tensor(self, node: OnnxNode, index: int) -> Tensor:
        """The tensor that is input `index` of a node."""
        if not node.has_input(index):
            raise RefusalError(f"it lacks its input {index}")
        return self.tensors[self.resolve(node.inputs[index])]

    def shape(self, node: OnnxNode, index: int = 0) -> Shape:
        return self.tensor(node, index).shape

    def spatial_shape(self, node: OnnxNode, index: int = 0) -> Shape:
        """The shape of an input without its first two axes; refused when there are no others."""
        shape = self.shape(node, index)
        if len(shape) < 3:
            raise RefusalError(f"its input {node.inputs[index]!r} has no spatial axes: {list(shape)}")
        return shape[2:]

    def is_constant(self, node: OnnxNode, index: int) -> bool:
        return self.tensor(node, index).name in self.constants

    def is_dequantized_constant(self, node: OnnxNode, index: int) -> bool:
        """Whether an input is made by DequantizeLinear from a constant."""
        producer = self.producers.get(self.tensor(node, index).name)
        return (
            producer is not None and isinstance(producer.op, DequantizeLinear) and producer.inputs[0] in self.constants
        )

    def constant_value(self, node: OnnxNode, index: int, what: str) -> Array:
        """The value of input `index`; refused when it is computed rather than constant."""
        if not self.is_constant(node, index):
            hint = "; export the model with its weights in the file" if what == "weights" else ""
            raise RefusalError(f"its {what} ({node.inputs[index]!r}) must be constant{hint}")
        return self.constants[self.tensor(node, index).name]

    def scalar(self, node: OnnxNode, index: int, what: str) -> float:
        value = self.constant_value(node, index, what)
        if value.size != 1 or np.isnan(value).any():
            raise RefusalError(f"its {what} must be one number, not {value.tolist()}")
        return float(value.reshape(-1)[0])

    def declare_constant(self, name: str, value: Array, quantization: Quantization | None = None) -> str:
        """Record a constant of the file under its own name; returns the name."""
        self.constants[name] = value
        self.tensors[name] = Tensor(name, value.shape, value.dtype.name, quantization)  # type: ignore[arg-type]
        return name

    def add_constant(self, name: str, value: Array) -> str:
        """Record a constant that the file does not have, under `name` or a similar one; returns the name."""
        return self.declare_constant(self.unused(name), value)

    def unused(self, name: str) -> str:
        """`name`, with a number behind it when a tensor has it already."""
        return ir.unused_name(name, self.reserved | self.tensors.keys())

    def emit(
        self,
        node: OnnxNode,
        op: Operator,
        inputs: Sequence[str],
        dtype: DType | None = None,
        output: str = "",
    ) -> None:
        """Add one operator that makes `output` (by default the ONNX node's first output).

        `dtype` is that of the first input unless given. What only rearranges or adds constants is computed here and
        now; DequantizeLinear stays, since it tells how a constant is quantized.
        """
        names = tuple(self.resolve(name) for name in inputs)
        output = output or node.outputs[0]
        (shape,) = op.output_shapes(*(self.tensors[name].shape for name in names))
        if 4 * math.prod(shape) > MAX_TENSOR_BYTES:
            raise RefusalError(f"its output {list(shape)} is too large")
        if all(name in self.constants for name in names) and not isinstance(op, DequantizeLinear):
            if not isinstance(op, Add | Clip | Concat | Reshape | Take | Transpose | Unary):
                raise RefusalError("all its inputs are constant")
            (value,) = op.run_float(*(self.constants[name] for name in names))
            self.declare_constant(output, value)
            return
        self.tensors[output] = Tensor(output, shape, dtype or self.tensors[names[0]].dtype)
        name = ir.unused_name(node.name, self.nodes)
        self.nodes[name] = self.producers[output] = Node(name, op, names, (output,), node.origins)
