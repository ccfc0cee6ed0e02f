"""The promise of an operator, tried on a model: float as onnxruntime, and int8 the same bytes everywhere."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from compiled_network import STRICT, CompiledNetwork
from models import assert_like_onnxruntime
from needs import needs
from onnx import ModelProto

import tinycnn
from tinycnn import engine
from tinycnn.ir import Array, Graph
from tinycnn.plan import Plan, candidates
from tinycnn_codegen import Selftest, generate, write

SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


def assert_exact(proto: ModelProto, samples: engine.Samples, folder: Path, *, compared: int = 8) -> Graph:
    """A float model on samples [N, ...], by name for several inputs: returns its int8 graph, after all of this.

    The float graph gives onnxruntime's floats; the int8 graph gives the same bytes in the engine, onnxruntime (both
    formats) and C, in every tensor of the first `compared` samples.
    """
    named = samples if isinstance(samples, Mapping) else {proto.graph.input[0].name: samples}
    graph = tinycnn.quantize(assert_like_onnxruntime(proto, engine.first_samples(named, 3)), named)
    few = engine.first_samples(named, compared)
    for runner in tinycnn.verify(graph, few, ["onnxruntime"]):
        wrong = {tensor.name: tensor.mismatches for tensor in runner.tensors if tensor.mismatches}
        assert not wrong, f"{runner.name}: {wrong}"
    assert_same_c(graph, engine.stored_samples(graph, few), folder)
    return graph


def assert_same_c(graph: Graph, inputs: Mapping[str, Array], folder: Path) -> None:
    """Every plan's C gives the engine's bytes in every tensor, and its outputs again under ASan and UBSan."""
    needs("gcc")
    expected = engine.trace(graph, dict(inputs))
    selftest = Selftest(tuple(inputs[name] for name in graph.inputs), tuple(expected[name] for name in graph.outputs))
    for number, plan in enumerate(candidates(graph)):
        place = folder / f"plan{number}"
        network = CompiledNetwork(generate(plan, "net", target_name="host"), place)
        for name, value in network.run(inputs).items():
            np.testing.assert_array_equal(value.reshape(-1), expected[name].reshape(-1), err_msg=name)
        assert_selftest_passes(plan, selftest, place)


def assert_selftest_passes(plan: Plan, selftest: Selftest, folder: Path) -> None:
    """The C of a plan, compiled to `folder`, gives the expected outputs under ASan and UBSan."""
    checked = generate(plan, "checked", target_name="host", selftest=selftest)
    write(checked, folder)
    sources = [file for file in checked.files if file.endswith(".c")]
    command = ["gcc", *STRICT[:-1], *SANITIZED, "-DCHECKED_SELFTEST_MAIN", "-o", "selftest", *sources]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run([folder / "selftest"], check=True)
