"""The ONNX file under construction that the export rules add to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinycnn.ir import Array, Graph, Node, Tensor
from tinycnn.onnx_io.metadata import set_origins
from tinycnn.passes.fuse_qdq import SUFFIX

MICROSOFT = "com.microsoft"
"""onnxruntime's own operators."""


@dataclass(slots=True)
class Writer:
    """`graph` is the int8 graph with ONNX's axes; `unsigned` stores values plus 128 as uint8, weights too."""

    graph: Graph
    unsigned: bool
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

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

    def initializer(self, name: str, value: Array) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def quantized(self, name: str) -> str:
        """The int8 (or uint8) tensor of an activation or constant of the graph."""
        if name in self.graph.constants:
            value = self.graph.constants[name]
            if self.unsigned and value.dtype == np.int8:
                value = (value.astype(np.int16) + 128).astype(np.uint8)
            return self.initializer(name + SUFFIX, value)
        return name + SUFFIX

    def parameters(self, name: str) -> tuple[str, str]:
        """Initializers with the scale and zero point of a tensor, scalars or one per channel."""
        tensor = self.graph.tensors[name]
        quantization = tensor.quantization
        assert quantization is not None, name
        scale = quantization.scales if quantization.axis is not None else quantization.scales[0]
        zero_point = self._zero_point(tensor) + np.zeros(np.shape(scale), np.int64)
        dtype = np.int32 if tensor.dtype == "int32" else np.uint8 if self.unsigned else np.int8
        return (
            self.initializer(f"{name}_scale", np.asarray(scale, np.float32)),
            self.initializer(f"{name}_zero_point", np.asarray(zero_point).astype(dtype)),
        )

    def with_parameters(self, name: str) -> list[str]:
        """The quantized tensor, its scale and its zero point, as quantized operators take them."""
        return [self.quantized(name), *self.parameters(name)]

    def real(self, name: str) -> str:
        """The float form of a quantized tensor, by a DequantizeLinear that all readers share."""
        output = f"{name}_dequantized"
        if output not in self.made:
            self.made.add(output)
            quantization = self.graph.tensors[name].quantization
            attributes = {} if quantization is None or quantization.axis is None else {"axis": quantization.axis}
            self.nodes.append(
                helper.make_node(
                    "DequantizeLinear",
                    self.with_parameters(name),
                    [output],
                    name=f"{name}_dequantize",
                    **attributes,
                )
            )
        return output

    def quantize(self, real: str, name: str) -> None:
        """QuantizeLinear from the float tensor `real` to the int8 form of the activation `name`."""
        inputs = [real, *self.parameters(name)]
        self.nodes.append(helper.make_node("QuantizeLinear", inputs, [self.quantized(name)], name=f"{name}_quantize"))

    def between_quantizers(self, node: Node, op_type: str, *extra: str, **attributes: Any) -> None:
        """`node` as a float operator between DequantizeLinear and QuantizeLinear; `extra` follows its inputs."""
        inputs = [self.real(name) for name in node.inputs]
        result = f"{node.outputs[0]}_float"
        self.add(node, op_type, [*inputs, *extra], [result], **attributes)
        self.quantize(result, node.outputs[0])

    def on_bytes(self, node: Node, op_type: str, *extra: str, **attributes: Any) -> None:
        """`node` as an operator on the int8 tensors themselves."""
        inputs = [self.quantized(name) for name in node.inputs]
        self.add(node, op_type, [*inputs, *extra], [self.quantized(node.outputs[0])], **attributes)

    def _zero_point(self, tensor: Tensor) -> int:
        quantization = tensor.quantization
        assert quantization is not None
        return quantization.zero_point + (128 if self.unsigned and tensor.dtype == "int8" else 0)
