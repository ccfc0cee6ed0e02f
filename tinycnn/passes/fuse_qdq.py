"""Turn a graph with QuantizeLinear and DequantizeLinear into an int8 graph.

    x -> DequantizeLinear -> Conv -> Relu -> QuantizeLinear -> y      becomes      x -> Conv -> y

uint8 tensors become int8: values and zero point less 128. QuantizeLinear at the inputs and DequantizeLinear at the
outputs of the graph go; the inputs and outputs of the int8 graph are the int8 tensors, under the float names.
"""

from dataclasses import replace

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ir import Array, Graph, Node, Quantization, Tensor, rebuild
from tinycnn.ops import Clip, DequantizeLinear, Int8Operator, QuantizeLinear, Transpose, is_int8

SUFFIX = "_quantized"
"""What `export` puts behind the name of a tensor for its int8 form."""


def is_qdq(graph: Graph) -> bool:
    return any(isinstance(node.op, QuantizeLinear | DequantizeLinear) for node in graph.nodes)


def fuse_qdq(graph: Graph) -> Graph:
    """The int8 graph of a quantized model; UnsupportedError lists every node that is left in float."""
    return _Fusion(graph).run()


class _Fusion:
    """One run over a graph.

    `real` maps a float tensor to the int8 tensor that it is dequantized from, `int8` a quantized tensor of the file
    to its name in the int8 graph, `absorbed` the QuantizeLinear and Clip nodes that are part of another node.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.constants: dict[str, Array] = dict(graph.constants)
        self.nodes: list[Node] = []
        self.problems: list[str] = []
        self.real: dict[str, str] = {}
        self.int8: dict[str, str] = {}
        self.absorbed: set[str] = set()

    def run(self) -> Graph:
        for node in self.graph.nodes:
            if node.outputs[0] not in self.absorbed:
                self._fuse(node)
        outputs = [self.real.get(name) or self.int8.get(name) for name in self.graph.outputs]
        for name, found in zip(self.graph.outputs, outputs, strict=True):
            if found is None and not self.problems:
                self.problems.append(f"output {name!r} is not made by a quantized operator")
        if self.problems:
            raise UnsupportedError(self.graph.name, self.problems)
        names = tuple(name for name in outputs if name is not None)
        return rebuild(self.graph, self.nodes, self.tensors, self.constants, outputs=names)

    def _fuse(self, node: Node) -> None:
        match node.op:
            case QuantizeLinear():
                self._input(node)
            case DequantizeLinear():
                self._dequantized(node)
            case Transpose() if node.inputs[0] in self.real and self.real[node.inputs[0]] in self.constants:
                self._transposed_constant(node)
            case op if not is_int8(op):
                self.problems.append(f"node {node.name!r} ({op.label}) has no int8 form")
            case op if node.inputs[0] in self.int8:
                self._int8_operator(node, op)
            case op:
                self._float_operator(node, op)

    def _input(self, node: Node) -> None:
        """QuantizeLinear that no operator absorbed: the graph's input, under its float name."""
        source = node.inputs[0]
        if source not in self.graph.inputs or source in self.real.values():
            self.problems.append(f"node {node.name!r} (QuantizeLinear) requantizes {source!r}, which is not supported")
            return
        self.int8[node.outputs[0]] = source
        self.tensors[source] = replace(
            self.tensors[source],
            dtype="int8",
            quantization=_signed(node.op.quantization, node.op.dtype),  # type: ignore[attr-defined]
        )

    def _dequantized(self, node: Node) -> None:
        source = node.inputs[0]
        quantization = node.op.quantization  # type: ignore[attr-defined]
        if source in self.constants:
            self.real[node.outputs[0]] = self._constant(source, quantization)
            return
        if source in self.graph.inputs and source not in self.int8:
            tensor = self.tensors[source]
            signed = _signed(quantization, tensor.dtype)
            self.int8[source] = source
            self.tensors[source] = replace(tensor, dtype="int8", quantization=signed)
        name = self.int8.get(source)
        if name is None:
            return
        if self.tensors[name].quantization != _signed(quantization, self.graph.tensors[source].dtype):
            self.problems.append(f"node {node.name!r} reads {source!r} with another scale than it was made with")
        self.real[node.outputs[0]] = name

    def _constant(self, name: str, quantization: Quantization) -> str:
        """Record a quantized constant as int8 or int32 with its quantization; the name it has in the int8 graph."""
        value = self.graph.constants[name]
        quantization = _signed(quantization, self.graph.tensors[name].dtype)
        if value.dtype == np.uint8:
            value = (value.astype(np.int16) - 128).astype(np.int8)
        base = self._base(name)
        self.constants[base] = value
        self.tensors[base] = Tensor(base, value.shape, value.dtype.name, quantization)  # type: ignore[arg-type]
        if value.dtype == np.int8 and quantization.zero_point != 0:
            self.problems.append(f"weights {name!r} have the zero point {quantization.zero_point}; only 0 is supported")
        return base

    def _transposed_constant(self, node: Node) -> None:
        name = self.real[node.inputs[0]]
        permutation = node.op.permutation  # type: ignore[attr-defined]
        value, tensor = self.constants[name], self.tensors[name]
        quantization = tensor.quantization
        if quantization is not None and quantization.axis is not None:
            quantization = replace(quantization, axis=permutation.index(quantization.axis))
        output = f"{name}_rows"
        self.constants[output] = np.ascontiguousarray(value.transpose(permutation))
        self.tensors[output] = replace(
            tensor, name=output, shape=self.constants[output].shape, quantization=quantization
        )
        self.real[node.outputs[0]] = output

    def _int8_operator(self, node: Node, op: Int8Operator) -> None:
        """An operator that stands on quantized tensors themselves, such as MaxPool."""
        source = self.int8[node.inputs[0]]
        quantization = op.fixed_quantization if op.output_scale == "fixed" else self.tensors[source].quantization  # type: ignore[attr-defined]
        self._emit(node, (source,), node.outputs[0], quantization, node.origins)

    def _float_operator(self, node: Node, op: Int8Operator) -> None:
        missing = [name for name in node.inputs if name not in self.real]
        if missing:
            self.problems.append(f"node {node.name!r} ({op.label}) is in float: {missing[0]!r} is not dequantized int8")
            return
        inputs = tuple(self.real[name] for name in node.inputs)
        origins, last = node.origins, self.graph.sole_consumer(node.outputs[0])
        limits = None
        if last is not None and isinstance(last.op, Clip) and not isinstance(op, Clip):
            limits, origins = last.op, origins + last.origins
            self.absorbed.add(last.outputs[0])
            last = self.graph.sole_consumer(last.outputs[0])
        if last is None or not isinstance(last.op, QuantizeLinear):
            self.problems.append(f"node {node.name!r} ({op.label}) is in float: no QuantizeLinear follows it alone")
            return
        quantization = _signed(last.op.quantization, last.op.dtype)
        if limits is not None and not _saturates(quantization, limits):
            self.problems.append(
                f"node {node.name!r}: {limits.label} behind it clips inside the range of the output's scale"
            )
        if op.output_scale == "input" and self.tensors[inputs[0]].quantization != quantization:
            self.problems.append(f"node {node.name!r} ({op.label}) has another scale at its output than at its input")
        if op.output_scale == "fixed":
            self.problems.append(f"node {node.name!r} ({op.label}) is in float between quantizers")
        self.absorbed.add(last.outputs[0])
        self._emit(node, inputs, last.outputs[0], quantization, origins)

    def _emit(
        self,
        node: Node,
        inputs: tuple[str, ...],
        output: str,
        quantization: Quantization | None,
        origins: tuple[str, ...],
    ) -> None:
        name = self._base(output)
        self.int8[output] = name
        self.tensors[name] = Tensor(name, self.graph.tensors[output].shape, "int8", quantization)
        self.nodes.append(replace(node, inputs=inputs, outputs=(name,), origins=origins))

    def _base(self, name: str) -> str:
        """`name` without the suffix of quantized tensors, where nothing else in the int8 graph has that name."""
        base = name.removesuffix(SUFFIX)
        return name if base in self.int8.values() or base in self.real.values() else base


def _signed(quantization: Quantization, dtype: str) -> Quantization:
    """The quantization of a uint8 tensor once 128 is taken off its values."""
    if dtype == "uint8":
        return replace(quantization, zero_point=quantization.zero_point - 128)
    return quantization


def _saturates(quantization: Quantization, limits: Clip) -> bool:
    """Whether saturation to int8 clips at least as hard as `limits`, to half a step."""
    scale, zero_point = quantization.scale[0], quantization.zero_point
    lowest, highest = (-128 - zero_point) * scale, (127 - zero_point) * scale
    return lowest >= limits.low - scale / 2 and highest <= limits.high + scale / 2
