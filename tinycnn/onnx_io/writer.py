"""The ONNX file under construction that the export rules add to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Graph, Node, Quantization, Shape, Tensor, unused_name
from tinycnn.onnx_io.metadata import set_origins
from tinycnn.ops import Window
from tinycnn.passes.int8_draft import SUFFIX

MICROSOFT = "com.microsoft"
"""onnxruntime's own operators."""


@dataclass(slots=True)
class Writer:
    """`graph` is the int8 graph with ONNX's axes; `unsigned` stores values plus 128 as uint8, weights too.

    The file's inputs and outputs have the names of the graph's, other tensors `name` + SUFFIX. `names` remembers what
    each further tensor that belongs to a tensor of the graph is called.
    """

    graph: Graph
    unsigned: bool
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    node_names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.node_names.update(node.name for node in self.graph.nodes)
        self.taken.update(self.graph.inputs, self.graph.outputs)
        for name in self.graph.tensors:
            if name + SUFFIX in self.taken:
                raise ModelError(f"Tensors {name!r} and {name + SUFFIX!r} would be mixed up in the file; rename one.")
        self.taken.update(name + SUFFIX for name in self.graph.tensors)

    def add(
        self,
        node: Node,
        op_type: str,
        inputs: list[str],
        outputs: list[str],
        domain: str = "",
        **attributes: Any,
    ) -> None:
        """The one ONNX node that carries the name and origins of `node`."""
        proto = helper.make_node(op_type, inputs, outputs, name=node.name, domain=domain, **attributes)
        set_origins(proto, node.origins)
        self.nodes.append(proto)

    def initializer(self, tensor: str, what: str, value: Array) -> str:
        """The initializer that holds `what` of a tensor of the graph; returns its name."""
        is_new = (tensor, what) not in self.names
        name = self._name(tensor, what)
        if is_new:
            self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def quantized(self, name: str, shape: Shape | None = None) -> str:
        """The int8 (or uint8) tensor of an activation or constant of the graph, a constant in `shape` if given."""
        if name in self.graph.constants and name + SUFFIX not in self.initializers:
            value = self.graph.constants[name]
            if self.unsigned and value.dtype == np.int8:
                value = (value.astype(np.int16) + 128).astype(np.uint8)
            if shape is not None:
                value = value.reshape(shape)
            self.initializers[name + SUFFIX] = numpy_helper.from_array(np.asarray(value, order="C"), name + SUFFIX)
        return name + SUFFIX

    def parameters(self, name: str) -> tuple[str, str]:
        """Initializers with the scale and zero point of a tensor, scalars or one per channel."""
        tensor = self.graph.tensors[name]
        quantization = _quantization(tensor)
        scale = quantization.scales if quantization.axis is not None else quantization.scales[0]
        offset = 128 if self.unsigned and tensor.dtype == "int8" else 0
        dtype = np.int32 if tensor.dtype == "int32" else np.uint8 if self.unsigned else np.int8
        zero_point = np.full(np.shape(scale), quantization.zero_point + offset, dtype)
        return self.initializer(name, "scale", np.asarray(scale)), self.initializer(name, "zero_point", zero_point)

    def quantization(self, name: str) -> Quantization:
        return _quantization(self.graph.tensors[name])

    def zero_point(self, name: str) -> int:
        """The zero point of an activation in the file."""
        return self.quantization(name).zero_point + (128 if self.unsigned else 0)

    def with_parameters(self, name: str) -> list[str]:
        """The quantized tensor, its scale and its zero point, as quantized operators take them."""
        return [self.quantized(name), *self.parameters(name)]

    def real(self, name: str) -> str:
        """The float form of a quantized tensor, by a DequantizeLinear that all readers share."""
        is_new = (name, "dequantized") not in self.names
        output = self._name(name, "dequantized")
        if is_new:
            self.dequantize(name, output)
        return output

    def dequantize(self, name: str, real: str) -> None:
        """DequantizeLinear from the int8 form of `name` to the float tensor `real`."""
        axis = _quantization(self.graph.tensors[name]).axis
        node_name = self._node_name(f"{name}_dequantize")
        node = helper.make_node("DequantizeLinear", self.with_parameters(name), [real], name=node_name)
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        self.nodes.append(node)

    def quantize(self, real: str, name: str) -> None:
        """QuantizeLinear from the float tensor `real` to the int8 form of the activation `name`."""
        inputs = [real, *self.parameters(name)]
        node_name = self._node_name(f"{name}_quantize")
        self.nodes.append(helper.make_node("QuantizeLinear", inputs, [self.quantized(name)], name=node_name))

    def between_quantizers(
        self,
        node: Node,
        op_type: str,
        *extra: str,
        before: Sequence[str] = (),
        first: str | None = None,
        **attributes: Any,
    ) -> None:
        """`node` as a float operator between DequantizeLinear and QuantizeLinear; `extra` follows its inputs.

        `first` stands in for the first input.
        """
        inputs = [first or self.real(node.inputs[0]), *map(self.real, node.inputs[1:])]
        result = self._name(node.outputs[0], "float")
        self.add(node, op_type, [*before, *inputs, *extra], [result], **attributes)
        self.quantize(result, node.outputs[0])

    def intermediate(self, node: Node, op_type: str, inputs: Sequence[str], what: str, **attributes: Any) -> str:
        """A further node that computes the tensor `what` for `node`; returns the tensor's name."""
        output = self._name(node.outputs[0], what)
        name = self._node_name(f"{node.name}_{what}")
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=name, **attributes))
        return output

    def rescaled(self, node: Node, op_type: str, **attributes: Any) -> None:
        """`node` as an operator that has a form of its own on int8 in onnxruntime: QLinear + its name."""
        if self.unsigned:
            self.between_quantizers(node, op_type, **attributes)
            return
        inputs = [part for name in node.inputs for part in self.with_parameters(name)]
        inputs += self.parameters(node.outputs[0])
        self.add(node, f"QLinear{op_type}", inputs, [self.quantized(node.outputs[0])], MICROSOFT, **attributes)

    def linear(self, node: Node, op_type: str, domain: str, *, first: str | None = None, **attributes: Any) -> None:
        """QLinearConv and QGemm: the bias stands before or behind the output's scale. `first` stands in for x."""
        inputs = self._linear_inputs(node, op_type, first)
        self.add(node, op_type, inputs, [self.quantized(node.outputs[0])], domain, **attributes)

    def linear_part(
        self,
        node: Node,
        number: int,
        source: str,
        op_type: str,
        quantized_type: str,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """A layer with weights on the quantized tensor `source` as parts `number` and the next two of `node`."""
        if not self.unsigned:
            inputs = self._linear_inputs(node, quantized_type, source)
            return self.part(node, number, quantized_type, inputs, domain=domain, **attributes)
        real = self.part(node, number, "DequantizeLinear", [source, *self.parameters(node.inputs[0])])
        result = self.part(node, number + 1, op_type, [real, *map(self.real, node.inputs[1:])], **attributes)
        return self.part(node, number + 2, "QuantizeLinear", [result, *self.parameters(node.outputs[0])])

    def _linear_inputs(self, node: Node, op_type: str, first: str | None) -> list[str]:
        x, w, *bias = node.inputs
        inputs = [first or self.quantized(x), *self.parameters(x), *self.with_parameters(w)]
        output = list(self.parameters(node.outputs[0]))
        biases = [self.quantized(name) for name in bias]
        return inputs + ([*(biases or [""]), *output] if op_type == "QGemm" else [*output, *biases])

    def on_bytes(self, node: Node, op_type: str, *extra: str, **attributes: Any) -> None:
        """`node` as an operator on the int8 tensors themselves."""
        inputs = [self.quantized(name) for name in node.inputs]
        self.add(node, op_type, [*inputs, *extra], [self.quantized(node.outputs[0])], **attributes)

    def part(self, node: Node, number: int, op_type: str, inputs: list[str], **attributes: Any) -> str:
        """One of several ONNX nodes that `node` becomes, before the last; returns the tensor that it makes."""
        output, name = self._name(node.outputs[0], f"part{number}"), self._node_name(f"{node.name}_part{number}")
        proto = helper.make_node(op_type, inputs, [output], name=name, **attributes)
        set_origins(proto, node.origins)
        self.nodes.append(proto)
        return output

    def padded(self, node: Node, source: str, extra: list[str]) -> None:
        """`node` as a Pad of the quantized tensor `source`, between quantizers, since its constant is a float."""
        real, result = self._name(node.outputs[0], "unpadded"), self._name(node.outputs[0], "float")
        parameters = [*self.parameters(node.inputs[0])]
        name = self._node_name(f"{node.outputs[0]}_dequantize")
        self.nodes.append(helper.make_node("DequantizeLinear", [source, *parameters], [real], name=name))
        self.add(node, "Pad", [real, *extra], [result])
        self.quantize(result, node.outputs[0])

    def _name(self, tensor: str, what: str) -> str:
        """The name in the file for `what` of a tensor, the same every time."""
        if (tensor, what) not in self.names:
            self.names[tensor, what] = unused_name(f"{tensor}_{what}", self.taken)
            self.taken.add(self.names[tensor, what])
        return self.names[tensor, what]

    def _node_name(self, name: str) -> str:
        unused = unused_name(name, self.node_names)
        self.node_names.add(unused)
        return unused


def _quantization(tensor: Tensor) -> Quantization:
    if tensor.quantization is None:
        raise ModelError(f"Tensor {tensor.name!r} has no scale and cannot be exported.")
    return tensor.quantization


def window_attributes(window: Window) -> dict[str, Any]:
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.strides),
        "pads": list(window.pads),
        **({"dilations": list(window.dilations)} if set(window.dilations) != {1} else {}),
        **({"ceil_mode": 1} if window.ceil_mode else {}),
    }
