"""Functions of one element: float as onnxruntime, int8 tables of which all 256 entries are onnxruntime's."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from hypothesis import given, settings
from hypothesis import strategies as st
from models import model, node
from onnx import ModelProto

import tinycnn
from tinycnn.ir import Array
from tinycnn.onnx_io.export import export
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Unary
from tinycnn.ops.functions import FUNCTIONS

PARAMETERS: dict[str, dict[str, float]] = {
    "Celu": {"alpha": 0.7},
    "Elu": {"alpha": 0.6},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "LeakyRelu": {"alpha": 0.2},
    "Selu": {"alpha": 1.5, "gamma": 1.1},
    "ThresholdedRelu": {"alpha": 0.5},
}
POSITIVE = {"Log", "Sqrt", "Reciprocal", "Pow"}
"""Functions that are tried on inputs over zero only: of others they are no finite number."""
NAMES = [*sorted(name for name in FUNCTIONS if name.isalpha() and name != "Swish"), "Gelu tanh", "Swish", "Pow"]


def function_model(name: str, size: int = 256) -> ModelProto:
    constants = {}
    if name == "Gelu tanh":
        nodes = [node("Gelu", "x", "y", approximate="tanh")]
    elif name == "Swish":
        nodes = [node("Sigmoid", "x", "gate"), node("Mul", "x gate", "y")]
    elif name == "Pow":
        nodes, constants = [node("Pow", "x c", "y")], {"c": np.array(1.7, np.float32)}
    else:
        nodes = [node(name, "x", "y", **PARAMETERS.get(name, {}))]
    return model(nodes, {"x": ["batch", size]}, constants, opset=20)


def all_bytes(name: str, low: float, high: float) -> Array:
    """Samples [2, 256] that quantize to every byte."""
    if name in POSITIVE:
        low = 0.0
    steps = np.linspace(low, high, 256, dtype=np.float32)
    least = (high - low) / 256 if name in POSITIVE else low
    return np.stack([steps, steps[::-1]]).clip(np.float32(least), np.float32(high))


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_exact(name: str, tmp_path: Path) -> None:
    graph = assert_exact(function_model(name), all_bytes(name, -4.3, 3.9), tmp_path)
    assert [type(n.op) for n in graph.nodes] == [Unary]
    for format in ("qdq", "qoperator"):
        again = import_model(export(graph, format), "again.onnx")
        assert any(n.op == graph.nodes[0].op for n in again.nodes)


@settings(max_examples=40, deadline=None, print_blob=True)
@given(st.sampled_from(NAMES), st.floats(0.01, 12), st.floats(0.01, 12))
def test_all_256_entries_are_those_of_onnxruntime(name: str, below: float, above: float) -> None:
    samples = all_bytes(name, -below, above)
    graph = tinycnn.quantize(import_model(function_model(name), "one.onnx"), samples)
    for runner in tinycnn.verify(graph, samples, ["onnxruntime"]):
        assert runner.mismatches == 0, runner.name
