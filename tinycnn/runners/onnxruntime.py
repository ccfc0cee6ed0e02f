"""Running an exported model in onnxruntime, with every quantized tensor as an output."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from tinycnn.ir import Array
from tinycnn.runners.toolchain import require, run

OLDER_PROCESSOR = "x86-64-without-vnni"
"""The name of `run_on_older_processor` among the runners."""

FLOAT_KERNELS = frozenset(
    {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "Add", "AveragePool", "GlobalAveragePool", "Softmax"}
)
"""Operators that compute in float when onnxruntime did not fuse them with the quantizers around them."""


@dataclass(frozen=True, slots=True, eq=False)
class SessionResult:
    """int8 or uint8 tensors by their names in the file, and the operators that onnxruntime ran in float."""

    tensors: Mapping[str, Array]
    left_in_float: tuple[str, ...]


def version() -> str:
    return f"onnxruntime {onnxruntime.__version__}"


def session(
    model: onnx.ModelProto, optimized: Path | None = None, threads: int = 0, int8_qdq: bool = False
) -> onnxruntime.InferenceSession:
    """A default CPU session; `optimized` gets the graph that it really runs, `threads` 0 means its own choice.

    `int8_qdq` has int8 activations between quantizers run as integers, which it does for uint8 only by itself.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if int8_qdq:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run_session(
    model: onnx.ModelProto, inputs: Mapping[str, Array], tensors: Sequence[str], *, int8_qdq: bool = False
) -> SessionResult:
    """Run `model` on `inputs`; returns the named `tensors`, which become outputs beside its own."""
    tapped = _with_outputs(model, tensors)
    with tempfile.TemporaryDirectory(prefix="tinycnn-") as folder:
        path = Path(folder) / "optimized.onnx"
        running = session(tapped, path, int8_qdq=int8_qdq)
        values = _run(running, inputs, tensors)
        left = _left_in_float(onnx.load(path).graph)
    return SessionResult(dict(zip(tensors, values, strict=True)), left)


def run_on_older_processor(
    model: onnx.ModelProto, inputs: Mapping[str, Array], tensors: Sequence[str]
) -> SessionResult:
    """The same in an emulated x86-64 without VNNI, whose int8 products saturate where a format allows it.

    Raises ToolError where qemu-x86_64 is not installed.
    """
    require("qemu-x86_64", "qemu-user")
    tapped = _with_outputs(model, tensors)
    with tempfile.TemporaryDirectory(prefix="tinycnn-") as name:
        folder = Path(name)
        onnx.save(tapped, folder / "model.onnx")
        np.savez(folder / "inputs.npz", *(np.asarray(array) for array in inputs.values()))
        (folder / "names.json").write_text(json.dumps([list(inputs), list(tensors)]), encoding="utf-8")
        run(["qemu-x86_64", "-cpu", "max", sys.executable, "-c", _CHILD], folder, "running onnxruntime without VNNI")
        values = np.load(folder / "outputs.npz")
        left = _left_in_float(onnx.load(folder / "optimized.onnx").graph)
        return SessionResult({name: values[f"output{i}"] for i, name in enumerate(tensors)}, left)


_CHILD = """
import json
import numpy as np
import onnxruntime
inputs, tensors = json.load(open("names.json"))
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
options.optimized_model_filepath = "optimized.onnx"
session = onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
arrays = [np.load("inputs.npz")[f"arr_{i}"] for i in range(len(inputs))]
runs = [session.run(tensors, dict(zip(inputs, (a[k : k + 1] for a in arrays)))) for k in range(len(arrays[0]))]
np.savez("outputs.npz", **{f"output{i}": np.concatenate(values) for i, values in enumerate(zip(*runs))})
"""


def _with_outputs(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """A copy of which the named tensors are outputs too."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    outputs = {output.name for output in model.graph.output}
    for name in dict.fromkeys(tensors):
        if name not in outputs:
            tapped.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return tapped


def _run(running: onnxruntime.InferenceSession, inputs: Mapping[str, Array], tensors: Sequence[str]) -> list[Array]:
    """All samples at once, or one after the other where the model's batch is fixed."""
    if all(port.shape and isinstance(port.shape[0], int) for port in running.get_inputs()):
        count = len(next(iter(inputs.values())))
        runs = [
            running.run(list(tensors), {name: array[index : index + 1] for name, array in inputs.items()})
            for index in range(count)
        ]
        return [np.concatenate(values) for values in zip(*runs, strict=True)]
    return list(running.run(list(tensors), {name: np.asarray(array) for name, array in inputs.items()}))


def _left_in_float(graph: onnx.GraphProto) -> tuple[str, ...]:
    """The arithmetic operators that still read dequantized values (our integer Softmax adds too, but integers)."""
    real = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return tuple(
        f"{node.op_type} {node.name!r}"
        for node in graph.node
        if node.op_type in FLOAT_KERNELS and real.intersection(node.input)
    )
