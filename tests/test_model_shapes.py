"""Shapes of inputs that a file leaves open, its initializers, and the names of its nodes and of the graph."""

import os

import numpy as np
import pytest
from models import (
    assert_like_onnxruntime,
    floats,
    model,
    node,
    run_float,
    save,
)
from tensors import f
from test_refusals import refusal, relu

from tinycnn.errors import UnsupportedError
from tinycnn.onnx_io import load
from tinycnn.onnx_io.load import import_model

RNG = np.random.default_rng(0)


def test_open_batch_becomes_1_and_takes_any_number_of_samples():
    graph = import_model(relu(x=["batch", 3]), "net.onnx")
    assert graph.tensors["x"].shape == (1, 3)
    x = floats(RNG, 200, 3)
    assert np.array_equal(run_float(graph, {"x": x})["y"], np.maximum(x, 0))


def test_open_shape_says_how_to_fix_it():
    proto = relu(x=["batch", 3, "height", None])
    assert refusal(proto) == (
        "net.onnx has 1 thing that tinycnn cannot take:\n"
        "  - input 'x': its shape [batch, 3, height, ?] is open at axis 2, 3; fix it with --input-shape x=1,3,?,?"
    )
    assert import_model(proto, "net.onnx", {"x": (1, 3, 8, 9)}).tensors["y"].shape == (1, 3, 8, 9)


def test_negative_size_is_open():
    assert "is open at axis 1; fix it with --input-shape x=1,?,4" in refusal(relu(x=[1, -1, 4]))


def test_missing_shape_says_how_to_give_one():
    assert "input 'x': it has no shape; give one with --input-shape x=1,..." in refusal(relu(x=None))
    assert import_model(relu(x=None), "net.onnx", {"x": (1, 4)}).tensors["y"].shape == (1, 4)
    assert "it has no shape" in refusal(relu(x=None), input_shapes={"x": ()})


def test_missing_shapes_pass_the_checker(tmp_path):
    path = save(relu(x=None), tmp_path / "net.onnx")
    with pytest.raises(UnsupportedError, match=r"it has no shape; give one with --input-shape x=1,\.\.\."):
        load(path)
    assert load(path, {"x": (1, 4)}).tensors["y"].shape == (1, 4)


def test_wrong_given_shape_is_refused():
    assert "the given shape [1, 4] contradicts the file's [batch, 3]" in refusal(
        relu(x=["batch", 3]), input_shapes={"x": (1, 4)}
    )
    assert "the given shape [1, 3, 1] contradicts" in refusal(relu(), input_shapes={"x": (1, 3, 1)})
    assert refusal(relu(), input_shapes={"image": (1, 3)}) == ("net.onnx has no input 'image'; its inputs are x.")


def test_huge_dimension_is_refused_before_anything_is_allocated():
    assert "is too large" in refusal(relu(x=[1, 2**40]))
    assert "is too large" in refusal(relu(x=[2**20, 2**20]))
    constants = {"w": f(1, 1, 1, 1)}
    huge = node("Conv", "x w", "y", pads=[30000] * 4)
    assert "padded input [60002, 60002] is too large" in refusal(model([huge], {"x": (1, 1, 2, 2)}, constants))
    huge = node("Conv", "x w", "y", pads=[2**40] * 4)
    assert "must be less than 32,768" in refusal(model([huge], {"x": (1, 1, 2, 2)}, constants))
    wide = [node("MatMul", "x w", "a"), node("Add", "a c", "y")]
    constants = {"w": f(1, 2**15), "c": f(2**15, 1)}
    assert "its output [32768, 32768] is too large" in refusal(model(wide, {"x": (1, 1)}, constants))


def test_initializers_that_are_also_inputs():
    proto = model([node("MatMul", "x w", "y")], {"x": [2, 3], "w": [3, 4]}, {"w": f(3, 4)})
    assert assert_like_onnxruntime(proto, {"x": floats(RNG, 2, 3)}).inputs == ("x",)


def test_nodes_of_one_name_get_names_of_their_own():
    nodes = [node("Relu", "x", "a", name="r"), node("Relu", "a", "b", name="r"), node("Clip", "b", "y")]
    graph = import_model(model(nodes, {"x": [2, 3]}), "net.onnx")
    assert [made.name for made in graph.nodes] == ["r", "r_2", "Clip_2"]


def test_several_inputs_and_outputs():
    nodes = [node("Add", "a b", "sum"), node("Relu", "sum", "y"), node("Identity", "y", "z"), node("Clip", "b", "c")]
    proto = model(nodes, {"a": [2, 3], "b": [2, 3]}, outputs="z c sum")
    graph = assert_like_onnxruntime(proto, {"a": floats(RNG, 2, 3), "b": floats(RNG, 2, 3)})
    assert graph.outputs == ("z", "c", "sum")


def test_name_of_the_graph_is_the_name_of_the_file(tmp_path):
    assert load(save(relu(), tmp_path / "my net.v2.onnx")).name == "my net.v2"
    odd = tmp_path / os.fsdecode(b"n\xff.onnx")
    assert load(save(relu(), odd)).name == "n?"
