"""One ONNX node as the import rules see it, and the graph under construction that they add to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinycnn.ir import Array, DType, Node, Operator, Quantization, Shape, Tensor


class Refusal(Exception):
    """A rule cannot take this node; the text says why, for the list of everything that stands in the way."""


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """An ONNX node; an input that is left out is the empty string, trailing ones are gone."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    origins: tuple[str, ...]

    def has_input(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] != ""

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list attribute, or None where it is absent."""
        value = self.attributes.get(name)
        return None if value is None else tuple(int(v) for v in value)


@dataclass(slots=True)
class Builder:
    """The graph so far. `aliases` maps names of tensors that are the same as another (Identity, Dropout)."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> str:
        return self.aliases.get(name, name)

    def shape(self, name: str) -> Shape:
        return self.tensors[self.resolve(name)].shape

    def constant_value(self, node: OnnxNode, index: int, what: str) -> Array:
        """The value of input `index`; refused when it is computed rather than constant."""
        name = self.resolve(node.inputs[index])
        if name not in self.constants:
            raise Refusal(f"its {what} ({node.inputs[index]!r}) must be constant")
        return self.constants[name]

    def scalar(self, node: OnnxNode, index: int, what: str) -> float:
        value = self.constant_value(node, index, what)
        if value.size != 1:
            raise Refusal(f"its {what} must be one number, not {list(value.shape)}")
        return float(value.reshape(-1)[0])

    def add_constant(self, name: str, value: Array, quantization: Quantization | None = None) -> str:
        """Record a constant under a name that nothing else has yet; returns that name."""
        name = self.unused(name)
        self.constants[name] = value
        self.tensors[name] = Tensor(name, value.shape, _dtype(value), quantization)
        return name

    def unused(self, name: str) -> str:
        """`name`, with a number behind it when it is taken."""
        unique, count = name, 1
        while unique in self.tensors or unique in self.aliases:
            count += 1
            unique = f"{name}_{count}"
        return unique

    def emit(
        self,
        node: OnnxNode,
        op: Operator,
        inputs: tuple[str, ...],
        dtype: DType | None = None,
        output: str = "",
    ) -> None:
        """Add one operator that makes `output` (by default the ONNX node's first output)."""
        names = tuple(self.resolve(name) for name in inputs)
        (shape,) = op.output_shapes(*(self.tensors[name].shape for name in names))
        output = output or node.outputs[0]
        self.tensors[output] = Tensor(output, shape, dtype or self.tensors[names[0]].dtype)
        name = node.name
        taken = {existing.name for existing in self.nodes[-4:]}
        while name in taken:
            name += "_"
        self.nodes.append(Node(name, op, names, (output,), node.origins))


def _dtype(value: Array) -> DType:
    names: dict[str, DType] = {
        "float32": "float32",
        "int8": "int8",
        "uint8": "uint8",
        "int32": "int32",
        "int64": "int64",
        "bool": "bool",
    }
    if value.dtype.name not in names:
        raise Refusal(f"a constant is {np.dtype(value.dtype).name}; tinycnn takes {', '.join(names)}")
    return names[value.dtype.name]
