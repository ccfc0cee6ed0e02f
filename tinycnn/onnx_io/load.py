"""Build a Graph from an ONNX model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, ValueInfoProto

from tinycnn import ir
from tinycnn.errors import ModelError, UnsupportedError
from tinycnn.ir import Graph, Shape, Tensor
from tinycnn.onnx_io.curves import Steps, recognise
from tinycnn.onnx_io.folding import FOLDS, OF_SHAPES, fold
from tinycnn.onnx_io.functions import FUNCTIONS
from tinycnn.onnx_io.metadata import PRODUCER, graph_metadata, node_origins
from tinycnn.onnx_io.node import (
    DTYPES,
    MAX_TENSOR_BYTES,
    Builder,
    OnnxNode,
    RefusalError,
    attribute_value,
    tensor_value,
    type_name,
)
from tinycnn.onnx_io.read import read_model
from tinycnn.onnx_io.rules import ANY_TYPE, ONE_TYPE, RULES
from tinycnn.ops import Take

OPSETS = range(6, 29)
"""Versions of ONNX's own operator set that the rules were written for."""
STANDARD_DOMAINS = ("", "ai.onnx")
EACH_IMAGE = "its mean and variance are taken of each image anew; BatchNormalization folds into the layer before it"
RECURRENT = "tinycnn takes convolutional networks; a temporal convolution (Conv of one axis with dilations) may do"
CONTROL_FLOW = "export the model for inference, with fixed shapes, so that it has no branches and loops"
SHAPES = "it depends on shapes that are open; fix them when exporting or with --input-shape"
AFTERWARDS = "end the model before it; what comes behind the last layer is the caller's"
HINTS: Mapping[str, str] = {
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LayerNormalization"), EACH_IMAGE),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), RECURRENT),
    **dict.fromkeys(("If", "Loop", "Scan"), CONTROL_FLOW),
    **dict.fromkeys(("Range", "NonZero"), SHAPES),
    **dict.fromkeys(("NonMaxSuppression", "TopK", "Unique"), AFTERWARDS),
}
"""What to do about operators that tinycnn does not take."""


def load_float(path: str | Path, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """The graph of an ONNX file with ONNX's axes, quantized operators still spelled out in float.

    `input_shapes` fixes the shapes of inputs that the file leaves open; an open batch axis becomes 1.
    Raises UnsupportedError with everything that tinycnn cannot take, at once.
    """
    return import_model(read_model(path), str(path), input_shapes or {})


def import_model(model: ModelProto, source: str, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """`load_float` for a model in memory; `source` names it in messages."""
    opset = next((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), None)
    if opset is None or opset not in OPSETS:
        raise ModelError(
            f"{source} uses ONNX operator set {opset}; tinycnn reads {OPSETS.start} to {OPSETS.stop - 1}."
            " Export it again, or convert it with onnx.version_converter."
        )
    builder = Builder(opset, _tensor_names(model), _read_names(model))
    problems = [*_check_functions(model.functions), *_import_initializers(model, builder)]
    inputs = [value for value in model.graph.input if value.name not in builder.tensors]
    given = input_shapes or {}
    for name in given:
        if name not in [value.name for value in inputs]:
            names = ", ".join(value.name for value in inputs)
            raise ModelError(f"{source} has no input {name!r}; its inputs are {names}.")
    for value in inputs:
        try:
            builder.tensors[value.name] = _input_tensor(value, given.get(value.name))
        except RefusalError as refusal:
            problems.append(f"input {value.name!r}: {refusal}")
    problems += _import_nodes(model.graph, builder)
    if problems:
        raise UnsupportedError(source, problems)
    return _finished(model, builder, tuple(value.name for value in inputs), source)


def _tensor_names(model: ModelProto) -> frozenset[str]:
    graph = model.graph
    declared = [tensor.name for tensors in (graph.input, graph.output) for tensor in tensors]
    declared += [tensor.name for tensor in graph.initializer]
    return frozenset(declared).union(*(node.output for node in graph.node))


def _read_names(model: ModelProto) -> frozenset[str]:
    """The tensors that something reads or that leave the graph."""
    return frozenset(value.name for value in model.graph.output).union(*(node.input for node in model.graph.node))


def _check_functions(functions: Iterable[FunctionProto]) -> list[str]:
    """Model-local functions under the name of an operator that has a rule must mean what the rule does."""
    problems = []
    for function in functions:
        op_type = _op_type(function.domain, function.name)
        opset = max((entry.version for entry in function.opset_import), default=0)
        ours = FUNCTIONS.get(op_type)
        if op_type in RULES and (ours is None or function != ours(opset)):
            problems.append(f"function {op_type}: it redefines an operator, which is not supported")
    return problems


def _import_initializers(model: ModelProto, builder: Builder) -> list[str]:
    problems = []
    for initializer in model.graph.initializer:
        try:
            builder.declare_constant(initializer.name, tensor_value(initializer))
        except RefusalError as refusal:
            problems.append(f"initializer {initializer.name!r}: {refusal}")
    problems += [
        f"initializer {sparse.values.name!r}: sparse tensors are not supported"
        for sparse in model.graph.sparse_initializer
    ]
    return problems


def _import_nodes(graph: GraphProto, builder: Builder) -> list[str]:
    """Run the rule of every node; returns what stands in the way. Followers of a refused node are not judged."""
    problems: list[tuple[str, str]] = []
    curves: dict[str, dict[str, Steps]] = {}
    reads: dict[str, Sequence[str]] = {}
    for index, proto in enumerate(graph.node):
        name, op_type = proto.name or f"{proto.op_type}_{index}", _op_type(proto.domain, proto.op_type)
        output = proto.output[0] if proto.output else ""
        reads |= dict.fromkeys(proto.output, proto.input)
        try:
            node = _read_node(proto, name, op_type, builder.read)
            with np.errstate(all="ignore"):  # weights may hold anything, NaN too
                source = recognise(builder, node, curves)
                if source:
                    reads[output] = [source]
                else:
                    _import_node(builder, node)
        except (RefusalError, ModelError) as error:
            operator = "" if op_type not in RULES else f" ({op_type})"
            problems.append((output, f"node {name!r}{operator}: {str(error).rstrip('.')}"))
    # a refused step of a function that was written out does not stand in the way
    live = _live([value.name for value in graph.output], reads) if problems else set()
    return [problem for output, problem in problems if output in live or not curves.get(output)]


def _import_node(builder: Builder, node: OnnxNode) -> None:
    tensors = [builder.tensors.get(builder.resolve(source)) for source in node.inputs if source]
    if None not in tensors and fold(builder, node):
        return
    if None in tensors and node.op_type in (*FOLDS, *OF_SHAPES):
        return  # it might have been constant
    if node.op_type not in RULES:
        hint = HINTS.get(node.op_type)
        raise RefusalError(f"operator {node.op_type} is not supported" + (f": {hint}" if hint else ""))
    if None in tensors:
        return
    dtypes = [tensor.dtype for tensor in tensors if tensor is not None]
    for tensor in tensors:
        known = node.op_type in ANY_TYPE or node.op_type in ONE_TYPE
        if not known and tensor is not None and tensor.dtype != "float32":
            raise RefusalError(f"its input {tensor.name!r} is {tensor.dtype}, not float32")
    if node.op_type in ONE_TYPE and len(set(dtypes)) > 1:
        raise RefusalError(f"its inputs are {' and '.join(dict.fromkeys(dtypes))}, which do not go together")
    RULES[node.op_type](builder, node)


def _live(outputs: Sequence[str], reads: Mapping[str, Sequence[str]]) -> set[str]:
    """The tensors that `outputs` are computed from, themselves included."""
    live, waiting = set(), list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in live:
            live.add(name)
            waiting += reads.get(name, ())
    return live


def _op_type(domain: str, name: str) -> str:
    return name if domain in STANDARD_DOMAINS else f"{domain}.{name}"


def _read_node(proto: NodeProto, name: str, op_type: str, read: frozenset[str]) -> OnnxNode:
    """A node without the outputs behind the first that nothing reads, such as masks and indices."""
    inputs, outputs = list(proto.input), list(proto.output)
    while inputs and inputs[-1] == "":
        inputs.pop()
    training = op_type == "BatchNormalization"  # it has further outputs in training only, read or not
    while outputs and (outputs[-1] == "" or (len(outputs) > 1 and outputs[-1] not in read and not training)):
        outputs.pop()
    if not outputs or not outputs[0]:
        raise RefusalError("it has no output")
    attributes = {attribute.name: attribute_value(attribute) for attribute in proto.attribute}
    return OnnxNode(name, op_type, tuple(inputs), tuple(outputs), attributes, node_origins(proto, name))


def _input_tensor(value: ValueInfoProto, wanted: Shape | None) -> Tensor:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise RefusalError("it must be a tensor")
    if kind.elem_type not in DTYPES:
        raise RefusalError(f"it is {type_name(kind.elem_type)}; tinycnn takes {', '.join(DTYPES.values())}")
    sizes = [_size(dimension) for dimension in kind.shape.dim]
    shown = "[" + ", ".join(d.dim_param or str(_size(d) or "?") for d in kind.shape.dim) + "]"
    if wanted is not None:
        fits = len(sizes) == len(wanted) and all(s in (None, w) for s, w in zip(sizes, wanted, strict=True))
        if sizes and not fits:
            raise RefusalError(f"the given shape {list(wanted)} contradicts the file's {shown}")
        sizes = list(wanted)
    if not sizes:
        raise RefusalError(f"it has no shape; give one with --input-shape {value.name}=1,...")
    if sizes[0] is None:
        sizes[0] = 1
    open_axes = [axis for axis, size in enumerate(sizes) if size is None]
    if open_axes:
        example = ",".join("?" if size is None else str(size) for size in sizes)
        raise RefusalError(
            f"its shape {shown} is open at axis {', '.join(map(str, open_axes))};"
            f" fix it with --input-shape {value.name}={example}"
        )
    shape = tuple(size for size in sizes if size is not None)
    if 8 * math.prod(shape) > MAX_TENSOR_BYTES:
        raise RefusalError(f"its shape {list(shape)} is too large")
    return Tensor(value.name, shape, DTYPES[kind.elem_type])


def _size(dimension: TensorShapeProto.Dimension) -> int | None:
    """A dimension, or None where it is open: named, absent or, as some exporters write it, negative."""
    return dimension.dim_value if dimension.HasField("dim_value") and dimension.dim_value >= 0 else None


def _copied(builder: Builder, source: str, output: str) -> str:
    """An output that is another name for an input or for another output gets an operator that makes it."""
    copy = Take((None,) * len(builder.tensors[source].shape))
    node = OnnxNode(f"{output}_copy", "Identity", (source,), (builder.unused(f"{output}_copy"),), {}, ())
    builder.emit(node, copy, (source,))
    return node.outputs[0]


def _finished(model: ModelProto, builder: Builder, inputs: tuple[str, ...], source: str) -> Graph:
    if not inputs:
        raise ModelError(f"{source} has no input: everything in it is constant.")
    if not model.graph.output:
        raise ModelError(f"{source} has no output.")
    outputs = []
    for value in model.graph.output:
        name = builder.resolve(value.name)
        if name in builder.constants or value.name in inputs:
            what = "constant" if name in builder.constants else f"the input {name!r} itself"
            raise ModelError(f"{source} computes nothing for its output {value.name!r}: it is {what}.")
        if name not in builder.producers or (name in outputs and name != value.name):
            name = _copied(builder, name, value.name)
        outputs.append(name)
    ours = model.producer_name == PRODUCER
    graph = Graph(
        name=model.graph.name if ours else Path(source).stem.encode(errors="replace").decode(),
        inputs=inputs,
        outputs=tuple(outputs),
        nodes=tuple(builder.nodes.values()),
        tensors=builder.tensors,
        constants=builder.constants,
        metadata=graph_metadata(model),
    )
    renames = {name: value.name for name, value in zip(outputs, model.graph.output, strict=True)}
    graph = ir.rename(ir.without_dead_nodes(graph), renames)
    ir.verify(graph)
    return graph
