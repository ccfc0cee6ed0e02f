"""Turn a graph with QuantizeLinear and DequantizeLinear into an int8 graph.

    x -> DequantizeLinear -> Conv -> Relu -> QuantizeLinear -> y      becomes      x -> Conv -> y

uint8 tensors become int8: values and zero point less 128. QuantizeLinear at the inputs and DequantizeLinear at the
outputs of the graph go; the inputs and outputs of the int8 graph are the int8 tensors, under the float names.
"""

from dataclasses import replace

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph, Node, Quantization, Tensor, rebuild, rename, unused_name
from tinycnn.ops import (
    Add,
    Arithmetic,
    Call,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    DequantizeLinear,
    Divide,
    Extremum,
    Int8Operator,
    Multiply,
    QuantizeLinear,
    Reshape,
    ResizeLinear,
    Softmax,
    Take,
    Transpose,
    Unary,
    is_int8,
    quantize_array,
)
from tinycnn.ops.softmax import float_exponentials, float_shares
from tinycnn.passes.int8_draft import Int8Draft
from tinycnn.passes.quantized_constants import (
    bias_behind,
    check_constants,
    in_parts,
    quantized_constant,
    transposed_constant,
)

TakesConstant = Add | Arithmetic | Divide | Extremum | Multiply
"""Operators on two tensors, one of which may be a constant as quantized as an activation."""


def is_qdq(graph: Graph) -> bool:
    return any(isinstance(node.op, QuantizeLinear | DequantizeLinear) for node in graph.nodes)


def fuse_qdq(graph: Graph) -> Graph:
    """The int8 graph of a quantized model; UnsupportedError lists every node that is left in float."""
    return _Fusion(graph).run()


class _Fusion(Int8Draft):
    """One run over a graph; `absorbed` are the outputs of QuantizeLinear and Clip nodes that are part of another."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.absorbed: set[str] = set()

    def run(self) -> Graph:
        for node in self.graph.nodes:
            if self.unknown.intersection(node.inputs):
                self.unknown.update(node.outputs)
            elif node.outputs[0] not in self.absorbed:
                self._fuse(node)
        for name in self.graph.inputs:
            if name not in self.tensors and not self.problems:
                self.problems.append(f"input {name!r} is read by nothing that tells its scale")
        outputs: list[str] = []
        for name in self.graph.outputs:
            found = self.real.get(name) or self.int8.get(name) or ""
            if (not found or found in self.constants) and not self.problems:
                self.problems.append(f"output {name!r} is not made by a quantized operator")
            is_copy = not self.problems and (found in self.graph.inputs or found in outputs)
            outputs.append(self.copied(found, name) if is_copy else found)
        if self.problems:
            raise UnsupportedError(self.graph.name, self.problems)
        fused = rebuild(self.graph, self.nodes, self.tensors, self.constants, outputs=tuple(outputs))
        pairs = zip(outputs, self.graph.outputs, strict=True)
        return rename(fused, {found: name for found, name in pairs if name not in self.tensors})

    def _fuse(self, node: Node) -> None:
        if node.op == Arithmetic("Sub") and self.real.keys() >= set(node.inputs):
            node = self._difference(node)
        op, source = node.op, node.inputs[0]
        if isinstance(op, QuantizeLinear) and self.real.get(source, "") in self.tensors.keys() - self.constants.keys():
            self._requantized(node, self.real[source], _signed(op.quantization, op.dtype))
        elif isinstance(op, QuantizeLinear):
            self._input(node, source, _signed(op.quantization, op.dtype))
        elif isinstance(op, DequantizeLinear):
            self._dequantized(node, source, op.quantization)
        elif isinstance(op, Transpose) and self.real.get(source) in self.constants:
            transposed_constant(self, node, self.real[source], op.permutation)
        elif not (is_int8(op) or isinstance(op, Transpose)):
            self.left_in_float(node, "it has no int8 form")
        elif source in self.int8:
            self._on_int8(node, op)
        elif not self._moved_input(node, source):
            self._between_quantizers(node, op)

    def _input(self, node: Node, source: str, quantization: Quantization) -> None:
        """QuantizeLinear that no operator absorbed: the graph's input, under its float name."""
        seen = self.tensors.get(source)
        if source not in self.graph.inputs or (seen is not None and seen.quantization != quantization):
            self.left_in_float(node, f"it requantizes {source!r}")
            return
        self.int8[node.outputs[0]] = source
        self.tensors[source] = replace(self.graph.tensors[source], dtype="int8", quantization=quantization)

    def _requantized(self, node: Node, source: str, quantization: Quantization) -> None:
        """QuantizeLinear right behind DequantizeLinear: a table of 256, or nothing where the scale stays."""
        if self.tensors[source].quantization == quantization:
            self.int8[node.outputs[0]] = source
        else:
            self.emit(replace(node, op=Clip()), (source,), node.outputs[0], quantization, node.origins)

    def _moved_input(self, node: Node, source: str) -> bool:
        """Reshape, Pad and Transpose between an input of the graph and the node that tells its scale, moved to int8.

        Moving values and quantizing each of them commute, and so does filling in another value. Returns whether `node`
        begins such a chain.
        """
        if source not in self.graph.inputs or source in self.tensors:
            return False
        chain: list[Node] = []
        last: Node | None = node
        while last is not None and isinstance(last.op, Reshape | Take | Transpose):
            chain.append(last)
            last = self.graph.sole_consumer(last.outputs[0])
        if not chain or last is None or not isinstance(last.op, QuantizeLinear | DequantizeLinear):
            return False
        if isinstance(last.op, DequantizeLinear) and any(getattr(link.op, "fills", False) for link in chain):
            return False  # with bytes, not with real numbers
        outputs = [link.outputs[0] for link in chain]
        self.absorbed.update(outputs)
        dtype = self.graph.tensors[source].dtype
        if isinstance(last.op, QuantizeLinear):
            dtype, outputs[-1] = last.op.dtype, last.outputs[0]
            self.absorbed.add(last.outputs[0])
        else:
            self.int8[source] = source
        quantization = _signed(last.op.quantization, dtype)
        self.tensors[source] = replace(self.graph.tensors[source], dtype="int8", quantization=quantization)
        for link, output in zip(chain, outputs, strict=True):
            self.emit(link, (source,), output, quantization, link.origins)
            source = self.int8[output]
        return True

    def _dequantized(self, node: Node, source: str, quantization: Quantization) -> None:
        dtype = self.graph.tensors[source].dtype
        quantization = _signed(quantization, dtype)
        if source in self.graph.constants:
            readers = self.graph.consumers.get(node.outputs[0], ())
            is_operand = dtype != "int32" and all(isinstance(reader.op, TakesConstant) for reader in readers)
            self.real[node.outputs[0]] = quantized_constant(self, source, quantization, is_operand)
            return
        if source in self.graph.inputs and source not in self.int8:
            self.int8[source] = source
            self.tensors[source] = replace(self.graph.tensors[source], dtype="int8", quantization=quantization)
        if source not in self.int8:
            self.left_in_float(node, f"nothing quantizes {source!r}")
            return
        if self.tensors[self.int8[source]].quantization != quantization:
            self.problems.append(f"node {node.name!r} reads {source!r} with another scale than it was made with")
        self.real[node.outputs[0]] = self.int8[source]

    def _on_int8(self, node: Node, op: Int8Operator | Transpose) -> None:
        """An operator that stands on quantized tensors themselves, such as MaxPool."""
        missing = [name for name in node.inputs if name not in self.int8]
        if missing:
            self.left_in_float(node, f"{missing[0]!r} is not computed int8")
            return
        inputs = tuple(self.int8[name] for name in node.inputs)
        source = inputs[0]
        fixed: Quantization | None = getattr(op, "fixed_quantization", None)
        if fixed is None and not isinstance(op, Concat | Transpose) and op.output_scale != "input":
            self.left_in_float(node, "it computes with the bytes themselves, which have no scale then")
            return
        if isinstance(op, Concat) and len({self.tensors[name].quantization for name in inputs}) > 1:
            self.problems.append(f"node {node.name!r} joins bytes of different scales")
        if isinstance(op, Take) and op.fills:  # with a byte as it is stored, here as a real number
            unit = self.quantization(source)
            offset = 128 if self.graph.tensors[node.inputs[0]].dtype == "uint8" else 0
            fill = float((op.fill - offset - unit.zero_point) * unit.scale[0])
            node = replace(node, op=replace(op, fill=fill))
        self.emit(node, inputs, node.outputs[0], fixed or self.tensors[source].quantization, node.origins)

    def _between_quantizers(self, node: Node, op: Int8Operator | Transpose) -> None:
        missing = [name for name in node.inputs if name not in self.real]
        if missing:
            kind = "a float constant" if missing[0] in self.graph.constants else "not dequantized int8"
            self.left_in_float(node, f"{missing[0]!r} is {kind}")
            return
        inputs = tuple(self.real[name] for name in node.inputs)
        origins, last, limits = node.origins, self.graph.sole_consumer(node.outputs[0]), None
        bias = bias_behind(self, node, last)
        if last is not None and bias:
            inputs, origins = (*inputs, bias), origins + last.origins
            self.absorbed.add(last.outputs[0])
            last = self.graph.sole_consumer(last.outputs[0])
        if last is not None and isinstance(last.op, Clip) and not isinstance(op, Clip):
            limits, origins = last.op, origins + last.origins
            self.absorbed.add(last.outputs[0])
            last = self.graph.sole_consumer(last.outputs[0])
        if last is None or not isinstance(last.op, QuantizeLinear):
            ends = " where the file ends: let it end before this node, or quantize the float model with tinycnn"
            leaves = node.outputs[0] in self.graph.outputs
            self.left_in_float(node, "no QuantizeLinear follows it" + (ends if leaves else " alone"))
            return
        self.absorbed.add(last.outputs[0])
        quantization = _signed(last.op.quantization, last.op.dtype)
        if limits is None or _saturates(quantization, limits) or isinstance(op, ResizeLinear):
            op = self._like_onnxruntime(node, op, inputs, last)
            node = replace(node, op=op)
        made, behind = quantization, limits if limits is not None and not _saturates(quantization, limits) else None
        if op.output_scale == "input" and self.quantization(inputs[0]) != quantization:
            made, behind = self.quantization(inputs[0]), limits or Clip()
        if isinstance(op, Softmax):
            powers = float_exponentials(self.quantization(inputs[0]), self.graph.tensors[node.inputs[0]].shape[op.axis])
            if not np.isfinite(float_shares(powers, quantization)[0]):
                self.problems.append(
                    f"node {node.name!r} ({op.label}) has an output scale so small that onnxruntime overflows"
                )
            node = replace(node, op=replace(op, as_onnxruntime=True))
        if isinstance(op, Conv | ConvTranspose | Dense):
            inputs = in_parts(self, node, *inputs)
            check_constants(self, node, *inputs)
        if behind is None:
            self.emit(node, inputs, last.outputs[0], quantization, origins)
            return
        before = unused_name(f"{node.outputs[0]}_unlimited", self.graph.tensors)  # rounding keeps order: clip after it
        self.tensors[before] = Tensor(before, self.graph.tensors[node.outputs[0]].shape, "int8", made)
        self.nodes.append(replace(node, inputs=inputs, outputs=(before,), origins=origins))
        clipping = Node(f"{node.name}_limits", behind, (), (), ())
        self.emit(clipping, (before,), last.outputs[0], quantization, origins)

    def _like_onnxruntime(
        self, node: Node, op: Int8Operator | Transpose, inputs: tuple[str, ...], last: Node
    ) -> Int8Operator | Transpose:
        """The operator with the float32 arithmetic of onnxruntime, where that decides bytes."""
        quantizer = last.op
        assert isinstance(quantizer, QuantizeLinear)
        if not hasattr(op, "like_onnxruntime") or quantizer.as_written:
            return op
        shape, quantization = self.graph.tensors[last.outputs[0]].shape, quantizer.quantization
        output = Tensor(last.outputs[0], shape, "int8", _signed(quantization, quantizer.dtype))
        call = Call(node, tuple(self.tensors[name] for name in inputs), (), output)
        made: Int8Operator = op.like_onnxruntime(call, quantization.zero_point)
        return made

    def _difference(self, node: Node) -> Node:
        """a - b as the sum of a and -b, whose bytes lose nothing."""
        source = self.real[node.inputs[1]]
        quantization = self.quantization(source)
        name = unused_name(f"{node.name}_subtrahend", self.graph.tensors)
        negative = replace(quantization, zero_point=-1 - quantization.zero_point)
        if source in self.constants:
            self.declare_constant(name, np.invert(self.constants[source]), negative)
        else:
            self.tensors[name] = replace(self.tensors[source], name=name, quantization=negative)
            self.nodes.append(Node(f"{node.name}_negative", Unary("Neg"), (source,), (name,), ()))
        self.real[name] = name
        return replace(node, op=Add(), inputs=(node.inputs[0], name))


def _signed(quantization: Quantization, dtype: str) -> Quantization:
    """The quantization of a uint8 tensor once 128 is taken off its values."""
    return replace(quantization, zero_point=quantization.zero_point - 128) if dtype == "uint8" else quantization


def _saturates(quantization: Quantization, limits: Clip) -> bool:
    """Whether saturation to int8 does what clipping before it would do."""
    low, high = quantize_array(np.array([limits.low, limits.high]), quantization)
    return (int(low), int(high)) == (-128, 127)
