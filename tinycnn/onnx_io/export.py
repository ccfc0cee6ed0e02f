"""Write an int8 graph as ONNX: QOperator (int8 x int8) or QDQ (uint8 x uint8).

QDQ carries our int8 values plus 128, weights too (zero point 128): a plain onnxruntime session fuses that into integer
kernels and computes it exactly on every machine, which it does not for int8 activations or for int8 weights under
uint8 activations (DESIGN.md, "Two export formats").
"""

import os
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper

from tinycnn.errors import OutputError, QuantizationError, UnsupportedError
from tinycnn.ir import Graph, Shape
from tinycnn.onnx_io.export_rules import EXPORTS
from tinycnn.onnx_io.functions import DOMAIN, FUNCTIONS
from tinycnn.onnx_io.metadata import PRODUCER, set_graph_metadata
from tinycnn.onnx_io.writer import MICROSOFT, Writer
from tinycnn.passes import EXPORT_PASSES, run_passes

Format = Literal["qoperator", "qdq"]
FORMATS: tuple[Format, ...] = ("qoperator", "qdq")
OPSET = 20
"""The lowest operator set with Gelu; since 18, ReduceMax takes its axes as an input, as in the Softmax function."""
IR_VERSION = 10
"""The lowest version of the file format in which nodes carry metadata."""


def export(graph: Graph, format: Format = "qdq") -> ModelProto:
    """The ONNX model of an int8 graph: float32 inputs and outputs with ONNX's axes, open batch, integer inside.

    Loading it again gives the same graph. A tensor t of the graph is `t_quantized` in the file. QuantizationError when
    `graph` is not int8.
    """
    if not graph.is_quantized:
        raise QuantizationError(f"{graph.name} is a float model; quantize it before it is exported.")
    graph = run_passes(graph, EXPORT_PASSES)
    missing = [f"node {n.name!r}: {n.op.label} has no export" for n in graph.nodes if type(n.op) not in EXPORTS]
    if missing:
        raise UnsupportedError(graph.name, missing)
    writer = Writer(graph, unsigned=format == "qdq")
    for name in graph.inputs:
        writer.quantize(name, name)
    for node in graph.nodes:
        EXPORTS[type(node.op)](writer, node, node.op)
    for name in graph.outputs:
        writer.dequantize(name, name)
    proto = helper.make_graph(
        writer.nodes,
        graph.name,
        [_value(name, graph.tensors[name].shape) for name in graph.inputs],
        [_value(name, graph.tensors[name].shape) for name in graph.outputs],
        list(writer.initializers.values()),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    functions = []
    if any(node.domain == MICROSOFT for node in writer.nodes):
        opsets.append(helper.make_opsetid(MICROSOFT, 1))
    called = {f"{DOMAIN}.{node.op_type}" for node in writer.nodes if node.domain == DOMAIN}
    if called:
        opsets.append(helper.make_opsetid(DOMAIN, 1))
        functions = [FUNCTIONS[name](OPSET) for name in sorted(called)]
    model = helper.make_model(
        proto, opset_imports=opsets, functions=functions, ir_version=IR_VERSION, producer_name=PRODUCER
    )
    set_graph_metadata(model, dict(graph.metadata))
    onnx.checker.check_model(model)
    return model


def save(graph: Graph, path: str | Path, format: Format = "qdq") -> None:
    """Write `export(graph, format)` to a file, at once or not at all.

    OutputError when that cannot be done, or when the file is there already and tinycnn did not write it.
    """
    path = Path(path).resolve()
    content = export(graph, format).SerializeToString(deterministic=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not _is_ours(path):
            raise OutputError(f"{path} is there already and was not written by tinycnn; give another name.")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}.") from None


def _is_ours(path: Path) -> bool:
    """Whether a file is an ONNX model that tinycnn wrote."""
    try:
        return path.is_file() and ModelProto.FromString(path.read_bytes()).producer_name == PRODUCER
    except DecodeError:
        return False


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape[1:]])
