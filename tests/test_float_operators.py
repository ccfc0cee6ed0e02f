"""The float operators in both layouts against onnxruntime, to the order of summation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import Network, assert_like_onnxruntime, floats, model, node
from onnx import TensorProto
from strategies import SEEDS, windows

from tinycnn import engine
from tinycnn.ops import conv
from tinycnn.passes.layout import channels_last


@st.composite
def spatial_models(draw):
    """A convolution or pool of one to three spatial axes, and its input."""
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=3).map(tuple))
    rng = np.random.default_rng(draw(SEEDS))
    groups, in_group, out_group = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    op_type = draw(st.sampled_from(["Conv", "MaxPool", "AveragePool", "GlobalAveragePool"]))
    window = draw(windows(sizes, pooling=op_type != "Conv"))
    attributes = {"kernel_shape": window.kernel, "strides": window.strides, "pads": window.pads}
    inputs, constants = "x", {}
    if op_type == "Conv":
        attributes |= {"dilations": window.dilations, "group": groups}
        inputs = "x w b"
        constants = {
            "w": floats(rng, groups * out_group, in_group, *window.kernel),
            "b": floats(rng, groups * out_group),
        }
    elif op_type == "GlobalAveragePool":
        attributes = {}
    else:
        attributes["ceil_mode"] = int(window.ceil_mode)
        if op_type == "AveragePool":
            attributes["count_include_pad"] = draw(st.integers(0, 1))
    proto = model(
        [node(op_type, inputs, "y", **attributes)],
        {"x": [1, groups * in_group, *sizes]},
        constants,
        opset=draw(st.sampled_from([17, 18])),
    )
    return proto, floats(rng, 1, groups * in_group, *sizes)


@settings(max_examples=120, deadline=None, print_blob=True)
@given(spatial_models())
def test_float_convolutions_and_pools_in_both_layouts(case):
    proto, x = case
    graph = assert_like_onnxruntime(proto, {"x": x})
    assert_like_onnxruntime(proto, {"x": x}, channels_last(graph))


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes"),
    [
        ("Add", "x x", {}),
        ("Add", "x c", {}),
        ("BatchNormalization", "x c c c v", {"epsilon": 0.01}),
        ("Clip", "x low high", {}),
        ("Clip", "x - high", {}),
        ("Flatten", "x", {}),
        ("Relu", "x", {}),
        ("Softmax", "x", {"axis": 1}),
        ("Softmax", "x", {"axis": -1}),
        ("Transpose", "x", {"perm": [0, 2, 1]}),
        ("MatMul", "x w", {}),
    ],
)
def test_other_float_operators(op_type, inputs, attributes, opset):
    rng = np.random.default_rng(0)
    constants = {
        "c": floats(rng, 4),
        "v": rng.uniform(0.5, 2, 4).astype(np.float32),
        "low": np.array(-0.5, np.float32),
        "high": np.array(0.7, np.float32),
        "w": floats(rng, 4, 6),
    }
    used = {name: value for name, value in constants.items() if name in inputs.split()}
    proto = model([node(op_type, inputs, "y", **attributes)], {"x": [1, 4, 4]}, used, opset=opset)
    assert_like_onnxruntime(proto, {"x": floats(rng, 1, 4, 4)})


@pytest.mark.parametrize("order", [0, 1])
def test_the_places_of_maxima(order):
    """Rounded inputs make equal ones."""
    attributes = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1], "storage_order": order}
    proto = model([node("MaxPool", "x", "y i", **attributes)], {"x": [2, 3, 7, 6]}, outputs="y i")
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    assert_like_onnxruntime(proto, {"x": np.round(floats(np.random.default_rng(0), 2, 3, 7, 6))})


def test_float_batches_in_blocks(monkeypatch):
    net = Network(0, 3, 9, 9)
    graph = net.graph(net.conv(net.conv("x", 6, 3), 6, 3, group=6))
    samples = net.samples(9)
    whole = engine.run(graph, samples)
    monkeypatch.setattr(conv, "BLOCK_BYTES", 1)
    for name, value in engine.run(graph, samples).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5, atol=1e-5)
