"""Verification finds what it should: a wrong byte anywhere, an operator left in float, an unknown runner."""

import re

import numpy as np
import onnx
import pytest
from needs import needs

import tinycnn
from tinycnn import engine
from tinycnn.cli.demo import examples_folder
from tinycnn.errors import TargetError, ToolError
from tinycnn.onnx_io.load import import_model
from tinycnn.runners import onnxruntime as ort
from tinycnn.toml_table import targets_folder

EXAMPLES = examples_folder()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    array = tinycnn.load_array(EXAMPLES / "mnist_sample/mnist_sample.npz")
    return tinycnn.as_samples(array, (1, 1, 28, 28), "sample")[:50]


@pytest.fixture(scope="module")
def int8(images) -> tinycnn.Graph:
    return tinycnn.quantize(tinycnn.load(EXAMPLES / "lenet5/lenet5.onnx"), images)


def test_one_wrong_byte_is_found_by_every_runner(int8, images, monkeypatch):
    needs("gcc")
    right = engine.trace

    def wrong(graph, inputs):
        values = right(graph, inputs)
        values["relu2"] = values["relu2"].copy()
        values["relu2"][3, 4, 5, 6] ^= 1
        return values

    monkeypatch.setattr(engine, "trace", wrong)
    for runner in tinycnn.verify(int8, images[:5], ["onnxruntime", "host"]):
        assert {tensor.name: tensor.mismatches for tensor in runner.tensors if tensor.mismatches} == {"relu2": 1}
        assert runner.mismatches == 1
        assert runner.notes == ("sample 3, relu2: by the int64 reference tinycnn's engine is off",)


def test_the_other_side_may_be_off(int8, images, monkeypatch):
    right = ort.run_session

    def wrong(*arguments, **options):
        result = right(*arguments, **options)
        for name in ("pool1_quantized", "logits_quantized"):
            result.tensors[name][2, 0] = 77
        return result

    monkeypatch.setattr(ort, "run_session", wrong)
    for runner in tinycnn.verify(int8, images[:5], ["onnxruntime"]):
        assert runner.notes == ("sample 2, pool1: by the int64 reference onnxruntime is off",)


def test_an_operator_left_in_float_is_noted(int8, images):
    """A float Conv whose output is read beside the quantizer cannot be fused."""
    model = tinycnn.export(int8, "qdq")
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(conv.output[0]))
    result = ort.run_session(model, {"image": images[:1]}, ["logits_quantized"])
    assert any("Conv" in operator for operator in result.left_in_float)
    assert not ort.run_session(tinycnn.export(int8, "qdq"), {"image": images[:1]}, ["logits"]).left_in_float


def test_an_unknown_runner_is_named_with_the_known_ones(int8, images):
    with pytest.raises(TargetError, match=r"'abacus'.*onnxruntime, host, .*atmega2560"):
        tinycnn.verify(int8, images, ["abacus"])


def test_a_target_without_an_emulator_cannot_run(int8, images, tmp_path):
    text = (targets_folder() / "cortex-m4.toml").read_text()
    without = re.sub(r"(?s)\[(emulator|pypi)\].*?\n(?=\[)", "", text)
    (tmp_path / "bare.toml").write_text(without)
    with pytest.raises(ToolError, match="bare has no emulator"):
        tinycnn.verify(int8, images, [str(tmp_path / "bare.toml")])


def test_a_model_whose_images_come_channels_last():
    """The exported file transposes them to ONNX's axes again; those tensors have no counterpart in the engine."""
    needs("gcc")
    rng = np.random.default_rng(3)
    weights = onnx.numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        onnx.helper.make_node("Transpose", ["x"], ["first"], name="transpose", perm=[0, 3, 1, 2]),
        onnx.helper.make_node("Conv", ["first", "w"], ["y"], name="conv"),
    ]
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ["batch", 6, 7, 3]), ("y", ["batch", 4, 4, 5]))
    ]
    graph = onnx.helper.make_graph(nodes, "net", values[:1], values[1:], [weights])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    samples = rng.normal(size=(5, 6, 7, 3)).astype(np.float32)
    int8 = tinycnn.quantize(import_model(model, "net"), samples)
    results = tinycnn.verify(int8, samples, ["onnxruntime", "host"])
    assert [runner.mismatches for runner in results] == [0, 0, 0]
    assert all(runner.compared_bytes for runner in results)
