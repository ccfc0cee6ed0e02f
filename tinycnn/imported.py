"""A file that came quantized, in onnxruntime as it is, against our int8 graph of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx

from tinycnn import engine, fixedpoint, referee
from tinycnn.fixedpoint.add import AddParameters, order_dependent
from tinycnn.float_bounds import limited_may_differ, may_differ
from tinycnn.ir import Array, Graph, Node
from tinycnn.ops import Add, Clip, call_of, quantize_array
from tinycnn.passes.int8_draft import SUFFIX
from tinycnn.plan import is_view
from tinycnn.runners import onnxruntime as ort
from tinycnn.verify import RunnerComparison, TensorComparison, as_int8

PROCESSOR_FILE = Path("/proc/cpuinfo")


def compare_with_file(path: str | Path, graph: Graph, samples: engine.Samples) -> RunnerComparison:
    """Every operator of `graph`, which is the file at `path`, on the inputs that onnxruntime gave it there.

    `samples` are float32 with ONNX's axes. When no operator differs, no tensor does. Bytes of an Add that depend on
    the order in which its float32 operations are done are noted and do not count: onnxruntime takes another order on
    each kind of processor. Nor do bytes that differ by 1 within the bounds of `float_bounds`; they are noted too.
    """
    model = onnx.load(path)
    named = engine.named_samples(graph, samples)
    feeds = _feeds(model, graph, named)
    files = {name: found for name in _outputs(graph) if (found := _quantized_name(model, name))}
    integers = ort.run_session(model, feeds, list(files.values()), int8_qdq=True)
    theirs = {
        name: _stored(graph, name, value)
        for name, value in ((name, integers.tensors[found]) for name, found in files.items())
        if value.dtype in (np.int8, np.uint8)
    }
    notes = [f"left in float: {operator}" for operator in integers.left_in_float]
    notes += _default_session(model, feeds, files, integers.tensors)
    notes += _saturation(model)
    tensors: list[TensorComparison] = []
    values: dict[str, Array] = dict(engine.stored_samples(graph, named))
    steps = zip(graph.nodes, engine.prepare(graph).steps, strict=True)
    for node, (kernel, sources, output) in steps:
        ours = np.asarray(kernel(*(values[name] for name in sources)))
        values[output] = theirs.get(output, ours)
        if values[output].shape != ours.shape:
            notes.append(f"{output} has another shape in the file and was not compared")
            values[output] = ours
        elif output in theirs:
            differs = values[output] != ours
            if isinstance(node.op, Add):
                parameters = node.op.parameters(call_of(graph, node))
                allowed = differs & _order_dependent(parameters, graph, node, values)
                notes += _add_notes(parameters, node, int(allowed.sum()))
                differs &= ~allowed
            inputs = [values[source] for source in sources]
            if differs.any():
                allowed = differs & may_differ(graph, node, inputs, ours, values[output])
                if isinstance(node.op, Clip) and sources[0] not in theirs:
                    allowed |= differs & limited_may_differ(graph, node, values, ours, values[output])
                if allowed.any():
                    notes.append(
                        f"{output}: onnxruntime computes this {node.op.label} in float; {int(allowed.sum()):,} bytes"
                        " differ by 1, as its docstring allows"
                    )
                differs &= ~allowed
            if differs.any():
                judged = referee.verdict(graph, node, inputs, ours, values[output], "onnxruntime on the file")
                notes.append(judged)
            tensors.append(TensorComparison(output, int(differs.sum()), ours.size))
    return RunnerComparison("onnxruntime on the file itself", ort.version(), tuple(tensors), tuple(notes))


def _outputs(graph: Graph) -> Iterator[str]:
    """What is computed; views only name bytes again, and in channels-last order a flattened image is another vector."""
    for node in graph.nodes:
        if not is_view(node):
            yield from node.outputs


def _quantized_name(model: onnx.ModelProto, name: str) -> str:
    """The int8 or uint8 tensor of the file that became `name`, or "" where passes made it."""
    makers = {output: node for node in model.graph.node for output in node.output}
    if name in makers and makers[name].op_type == "DequantizeLinear":
        return str(makers[name].input[0])
    return next((found for found in (name + SUFFIX, name) if found in makers), "")


def _feeds(model: onnx.ModelProto, graph: Graph, samples: Mapping[str, Array]) -> dict[str, Array]:
    """The samples as the file takes them: float32, or quantized."""
    types = {port.name: port.type.tensor_type.elem_type for port in model.graph.input}
    feeds: dict[str, Array] = {}
    for name, values in samples.items():
        quantization = graph.tensors[name].quantization
        if types[name] == onnx.TensorProto.FLOAT or quantization is None:
            feeds[name] = values
            continue
        stored = quantize_array(values, quantization)
        is_unsigned = types[name] == onnx.TensorProto.UINT8
        feeds[name] = (stored.astype(np.int16) + 128).astype(np.uint8) if is_unsigned else stored
    return feeds


def _stored(graph: Graph, name: str, value: Array) -> Array:
    """A tensor of the file as the graph has it: int8, channels last."""
    value = as_int8(value)
    return np.moveaxis(value, 1, -1) if graph.tensors[name].channels_last else value


def _order_dependent(parameters: AddParameters, graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """Where the bytes of an Add depend on the order of evaluation."""
    differs = order_dependent(parameters)
    left, right = (values[name] if name in values else graph.constants[name] for name in node.inputs)
    marked: Array = differs[left.astype(np.int16) + 128, right.astype(np.int16) + 128]
    return marked


def _add_notes(parameters: AddParameters, node: Node, differing: int) -> list[str]:
    pairs = fixedpoint.differing_pairs(parameters)
    if not pairs:
        return []
    return [
        f"{node.outputs[0]}: the order of evaluation matters for {pairs:,} of 65,536 pairs of inputs of this Add,"
        f" and for {differing:,} bytes here"
    ]


def _default_session(
    model: onnx.ModelProto, feeds: Mapping[str, Array], files: Mapping[str, str], integers: Mapping[str, Array]
) -> list[str]:
    """How a default session differs, which leaves int8 activations between quantizers in float on x86."""
    usual = ort.run_session(model, feeds, list(files.values())).tensors
    different = sum(int(np.count_nonzero(usual[name] != integers[name])) for name in files.values())
    compared = sum(integers[name].size for name in files.values())
    if not different:
        return []
    return [
        f"a session without session.qdqisint8allowed=1 computes partly in float: {different:,} of {compared:,} bytes"
        " differ from what the file says in integers"
    ]


def _saturation(model: onnx.ModelProto) -> list[str]:
    """uint8 activations times int8 weights saturate at int16 in onnxruntime on x86 without VNNI."""
    unsigned = any(t.data_type == onnx.TensorProto.UINT8 and len(t.dims) < 2 for t in model.graph.initializer)
    signed = any(t.data_type == onnx.TensorProto.INT8 and len(t.dims) > 1 for t in model.graph.initializer)
    if not (unsigned and signed) or not PROCESSOR_FILE.exists() or "vnni" in PROCESSOR_FILE.read_text("ascii"):
        return []
    return [
        "this processor has no VNNI: onnxruntime saturates sums of uint8 activations times int8 weights at int16 here,"
        " so that it, not tinycnn, is wrong where they differ"
    ]
