"""Read an ONNX file into a Graph. A model file is untrusted: sizes and paths are checked before they are used."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google.protobuf.message
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from tinycnn import ir
from tinycnn.errors import ModelError, UnsupportedError
from tinycnn.ir import Graph, Shape, Tensor
from tinycnn.onnx_io.metadata import graph_metadata, node_origins
from tinycnn.onnx_io.node import Builder, OnnxNode, Refusal
from tinycnn.onnx_io.rules import RULES

OPSETS = range(13, 27)
"""Versions of ONNX's own operator set that the rules were written for."""
MAX_MODEL_BYTES = 2**31 - 1
"""Protobuf's own limit for one file, external data included here."""
STANDARD_DOMAINS = ("", "ai.onnx")


def read_model(path: str | Path) -> ModelProto:
    """Parse and check an ONNX file; ModelError when there is none, it is cut short, or it is not valid ONNX."""
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise ModelError(f"{path} has {size:,} bytes; an ONNX file has at most {MAX_MODEL_BYTES:,}.")
    if size == 0:
        raise ModelError(f"{path} is empty.")
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except google.protobuf.message.DecodeError:
        raise ModelError(f"{path} is not an ONNX model, or it was cut short: it cannot be parsed.") from None
    if not model.HasField("graph") or not model.opset_import:
        raise ModelError(f"{path} is not an ONNX model: it has no graph or names no operator set.")
    _load_external_data(model, path)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{path} is not a valid ONNX model: {_first_line(error)}") from None
    return model


def load_float(path: str | Path, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """The graph of an ONNX file with ONNX's axes, quantized operators still spelled out in float.

    `input_shapes` fixes the shapes of inputs that the file leaves open; an open batch axis becomes 1.
    Raises UnsupportedError with everything that tinycnn cannot take, at once.
    """
    return import_model(read_model(path), str(path), input_shapes or {})


def import_model(model: ModelProto, source: str, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """`load_float` for a model in memory; `source` names it in messages."""
    opset = next((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), None)
    if opset not in OPSETS:
        raise ModelError(
            f"{source} uses ONNX operator set {opset}; tinycnn reads {OPSETS.start} to {OPSETS.stop - 1}."
            " Export it again, or convert it with onnx.version_converter."
        )
    builder, problems = Builder(), []
    for initializer in model.graph.initializer:
        try:
            builder.add_constant(initializer.name, numpy_helper.to_array(initializer))
        except Refusal as refusal:
            problems.append(f"initializer {initializer.name!r}: {refusal}")
        except ValueError:
            raise ModelError(
                f"{source} is damaged: the data of {initializer.name!r} does not fill its shape."
            ) from None
    inputs = [value for value in model.graph.input if value.name not in builder.constants]
    _check_names(input_shapes or {}, inputs, source)
    for value in inputs:
        try:
            tensor = _input_tensor(value, (input_shapes or {}).get(value.name))
            builder.tensors[tensor.name] = tensor
        except Refusal as refusal:
            problems.append(f"input {value.name!r}: {refusal}")
    problems += _import_nodes(model, builder)
    if problems:
        raise UnsupportedError(source, problems)
    return _finished(model, builder, [value.name for value in inputs], source)


def _finished(model: ModelProto, builder: Builder, inputs: list[str], source: str) -> Graph:
    outputs = [builder.resolve(value.name) for value in model.graph.output]
    missing = [name for name in outputs if name not in builder.tensors]
    if missing or not inputs or not outputs:
        raise ModelError(f"{source} has no computed output{'s: ' + ', '.join(missing) if missing else ' or no input'}.")
    graph = Graph(
        name=Path(source).stem,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        nodes=(),
        tensors={},
        constants={},
        metadata=graph_metadata(model),
    )
    graph = ir.rebuild(graph, builder.nodes, builder.tensors, builder.constants)
    ir.verify(graph)
    return graph


def _import_nodes(model: ModelProto, builder: Builder) -> list[str]:
    """Run the rule of every node; returns what stands in the way. Followers of a refused node are not judged."""
    problems: list[str] = []
    for index, proto in enumerate(model.graph.node):
        node = _read_node(proto, index)
        rule = RULES.get(node.op_type)
        if rule is None:
            problems.append(f"node {node.name!r}: operator {node.op_type} is not supported")
            continue
        if any(name and builder.resolve(name) not in builder.tensors for name in node.inputs):
            continue
        try:
            rule(builder, node)
        except (Refusal, ModelError) as error:
            problems.append(f"node {node.name!r} ({node.op_type}): {error}")
        except IndexError:
            problems.append(f"node {node.name!r} ({node.op_type}): it lacks an input or its input has too few axes")
    return problems


def _read_node(proto: NodeProto, index: int) -> OnnxNode:
    domain = "" if proto.domain in STANDARD_DOMAINS else proto.domain + "."
    name = proto.name or f"{proto.op_type}_{index}"
    inputs, outputs = list(proto.input), list(proto.output)
    for names in (inputs, outputs):
        while names and names[-1] == "":
            names.pop()
    attributes = {a.name: _attribute(a) for a in proto.attribute}
    return OnnxNode(name, domain + proto.op_type, tuple(inputs), tuple(outputs), attributes, node_origins(proto, name))


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _input_tensor(value: ValueInfoProto, wanted: Shape | None) -> Tensor:
    kind = value.type.tensor_type
    types = {TensorProto.FLOAT: "float32", TensorProto.INT8: "int8", TensorProto.UINT8: "uint8"}
    if not value.type.HasField("tensor_type") or kind.elem_type not in types:
        raise Refusal("it must be a tensor of float32, int8 or uint8")
    if not kind.HasField("shape") and wanted is None:
        raise Refusal(f"it has no shape; give one with --input-shape {value.name}=1,...")
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    if wanted is not None:
        if sizes and (len(sizes) != len(wanted) or any(s not in (None, w) for s, w in zip(sizes, wanted, strict=True))):
            raise Refusal(f"the given shape {list(wanted)} contradicts the file's {_show(kind)}")
        sizes = list(wanted)
    if sizes and sizes[0] is None:
        sizes[0] = 1
    open_axes = [axis for axis, size in enumerate(sizes) if size is None]
    if open_axes:
        example = ",".join("?" if s is None else str(s) for s in sizes)
        raise Refusal(
            f"its shape {_show(kind)} is open at axis {', '.join(map(str, open_axes))};"
            f" fix it with --input-shape {value.name}={example}"
        )
    shape = tuple(int(s) for s in sizes if s is not None)
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_MODEL_BYTES:
        raise Refusal(f"its shape {list(shape)} is empty or too large")
    return Tensor(value.name, shape, types[kind.elem_type])  # type: ignore[arg-type]


def _show(kind: Any) -> str:
    return (
        "["
        + ", ".join(d.dim_param or str(d.dim_value if d.HasField("dim_value") else "?") for d in kind.shape.dim)
        + "]"
    )


def _check_names(given: Mapping[str, Shape], inputs: list[ValueInfoProto], source: str) -> None:
    names = [value.name for value in inputs]
    for name in given:
        if name not in names:
            raise ModelError(f"{source} has no input {name!r}; its inputs are {', '.join(names)}.")


def _load_external_data(model: ModelProto, path: Path) -> None:
    """Read tensors that lie in files beside the model; a path that leaves the model's folder is refused."""
    folder = path.resolve().parent
    budget_bytes = MAX_MODEL_BYTES
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = folder / entries.get("location", "")
        if not location.resolve().is_relative_to(folder):
            raise ModelError(f"{path} keeps {tensor.name!r} outside its own folder, in {entries.get('location')!r}.")
        if not location.is_file():
            raise ModelError(f"{path} keeps {tensor.name!r} in {entries.get('location')!r}, which is not there.")
        try:
            offset_bytes = int(entries.get("offset", 0))
            length_bytes = int(entries.get("length", location.stat().st_size - offset_bytes))
        except ValueError:
            raise ModelError(f"{path} is damaged: the place of {tensor.name!r} is not a number.") from None
        budget_bytes -= length_bytes
        if offset_bytes < 0 or length_bytes < 0 or budget_bytes < 0:
            raise ModelError(f"{path} is damaged: the place of {tensor.name!r} makes no sense.")
        with location.open("rb") as file:
            file.seek(offset_bytes)
            tensor.raw_data = file.read(length_bytes)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."
