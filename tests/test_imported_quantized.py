"""Files that another tool quantized: the engine gives onnxruntime's bytes of the user's own file at every tensor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from exactness import assert_same_c
from int8_graphs import GraphBuilder
from models import model, node
from onnx import ModelProto

from tinycnn import engine, referee
from tinycnn.errors import UnsupportedError
from tinycnn.imported import compare_with_file
from tinycnn.ir import Array, Graph, Quantization, Tensor
from tinycnn.onnx_io import FORMATS, export, load
from tinycnn.ops import call_of
from tinycnn_codegen.lower import lower

PIXELS = {"int8": np.int8(-3), "uint8": np.uint8(125)}


def onnxruntime_values(proto: ModelProto, x: Array, names: list[str]) -> list[Array]:
    """The named tensors for samples [N, ...], with int8 QDQ operators run as integers."""
    tapped = ModelProto()
    tapped.CopyFrom(proto)
    for name in names:
        tapped.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(tapped.SerializeToString(), options, providers=["CPUExecutionProvider"])
    runs = [session.run(names, {proto.graph.input[0].name: sample[None]}) for sample in x]
    return [np.concatenate(values) for values in zip(*runs, strict=True)]


def assert_imported_exactly(proto: ModelProto, x: Array, stored: Array, names: list[str], folder: Path) -> Graph:
    """`names` are the file's tensors in the order of the imported graph's nodes that compute (not move) values."""
    onnx.save(proto, folder / "user.onnx")
    graph = load(folder / "user.onnx")
    found = engine.trace(graph, stored)
    computed = [n.outputs[0] for n in graph.nodes if n.op.label not in ("Reshape", "Transpose 0,3,1,2")]
    assert len(computed) == len(names)
    for name, expected, mine in zip(names, onnxruntime_values(proto, x, names), computed, strict=True):
        if expected.dtype == np.uint8:
            expected = (expected.astype(np.int16) - 128).astype(np.int8)
        if graph.tensors[mine].channels_last:
            expected = np.moveaxis(expected, 1, -1)
        np.testing.assert_array_equal(found[mine], expected, err_msg=name)
        assert len(np.unique(expected)) > 8, f"{name} is nearly constant, which shows nothing"
    for format in FORMATS:  # an export loads again with the same scales and gives the same bytes
        onnx.save(export(graph, format), folder / "again.onnx")
        again = load(folder / "again.onnx")
        np.testing.assert_array_equal(engine.run(again, stored)[again.outputs[0]], found[graph.outputs[0]])
        assert again.tensors[again.inputs[0]].quantization == graph.tensors[graph.inputs[0]].quantization
    assert_same_c(graph, {graph.inputs[0]: stored}, folder)
    if x.dtype == np.float32:
        assert compare_with_file(folder / "user.onnx", graph, x).mismatches == 0
    return graph


def converted(pixel_type: str, quantized_input: bool) -> ModelProto:
    """What tf2onnx writes: channels-last input, Conv, Relu, then MatMul and Add of an int32 bias."""
    random = np.random.default_rng(5)
    sx, sw, sy, sd = (np.float32(v) for v in (0.031, 0.0123, 0.083, 0.0071))
    sz = np.float32(0.27)
    zero = PIXELS[pixel_type]
    constants = {
        "sx": sx, "zx": zero, "sw": np.full(3, sw) * np.arange(1, 4, dtype=np.float32), "zw": np.zeros(3, np.int8),
        "sy": sy, "zy": zero, "sd": sd, "zd": np.int8(0), "sz": sz, "zz": zero, "z32": np.int32(0),
        "w": random.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8),
        "d": random.integers(-127, 128, (75, 4)).astype(np.int8),
        "b": random.integers(-900, 900, 4).astype(np.int32), "sb": np.float32(sy * sd), "shape": np.array([-1, 75]),
    }  # fmt: skip
    begin = [node("Transpose", "x", "xt", perm=[0, 3, 1, 2])]
    if not quantized_input:
        begin.append(node("QuantizeLinear", "xt sx zx", "xq"))
    nodes = [
        *begin,
        node("DequantizeLinear", f"{'xt' if quantized_input else 'xq'} sx zx", "xr"),
        node("DequantizeLinear", "w sw zw", "wr", axis=0),
        node("DequantizeLinear", "d sd zd", "dr"),
        node("DequantizeLinear", "b sb z32", "br"),
        node("Conv", "xr wr", "c", pads=[1, 1, 1, 1]),
        node("QuantizeLinear", "c sy zy", "cq"),
        node("DequantizeLinear", "cq sy zy", "cr"),
        node("Reshape", "cr shape", "f"),
        node("QuantizeLinear", "f sy zy", "fq"),
        node("DequantizeLinear", "fq sy zy", "fr"),
        node("MatMul", "fr dr", "m"),
        node("Add", "m br", "a"),
        node("QuantizeLinear", "a sz zz", "aq"),
        node("DequantizeLinear", "aq sz zz", "y"),
    ]
    proto = model(nodes, {"x": [1, 5, 5, 2]}, constants, opset=13)
    if quantized_input:
        kind = onnx.TensorProto.INT8 if pixel_type == "int8" else onnx.TensorProto.UINT8
        proto.graph.input[0].type.tensor_type.elem_type = kind
    return proto


@pytest.mark.parametrize("quantized_input", [True, False])
@pytest.mark.parametrize("pixel_type", list(PIXELS))
def test_tf2onnx_moves_the_input_and_adds_the_bias_behind_a_matmul(pixel_type, quantized_input, tmp_path):
    random, zero = np.random.default_rng(1), PIXELS[pixel_type]
    pixels = random.integers(-128, 128, (6, 5, 5, 2)).astype(np.int8)
    if quantized_input:
        x = pixels if pixel_type == "int8" else (pixels.astype(np.int16) + 128).astype(np.uint8)
    else:
        signed_zero = int(zero) - (128 if pixel_type == "uint8" else 0)
        x = ((pixels.astype(np.float32) - signed_zero) * np.float32(0.031)).astype(np.float32)
    graph = assert_imported_exactly(converted(pixel_type, quantized_input), x, pixels, ["cq", "aq"], tmp_path)
    assert [n.op.label for n in graph.nodes if n.op.label == "Dense"] == ["Dense"]


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("pixel_type", list(PIXELS))
def test_qlinear_matmul(pixel_type, per_channel, tmp_path):
    random, zero = np.random.default_rng(2), PIXELS[pixel_type]
    scales = random.uniform(0.003, 0.02, 7).astype(np.float32)
    constants = {
        "sx": np.float32(0.031), "zx": zero, "w": random.integers(-127, 128, (12, 7)).astype(np.int8),
        "sw": scales if per_channel else scales[0], "zw": np.zeros(7, np.int8) if per_channel else np.int8(0),
        "sy": np.float32(0.11), "zy": zero,
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", "x sx zx", "xq"),
        node("QLinearMatMul", "xq sx zx w sw zw sy zy", "q"),
        node("DequantizeLinear", "q sy zy", "y"),
    ]
    x = random.normal(0, 1.5, (9, 12)).astype(np.float32)
    proto = model(nodes, {"x": [1, 12]}, constants, opset=21)
    onnx.save(proto, tmp_path / "first.onnx")
    loaded = load(tmp_path / "first.onnx")
    stored = engine.to_stored(loaded.tensors["x"], x)
    assert_imported_exactly(proto, x, stored, ["q"], tmp_path)


@pytest.mark.parametrize(("weight_type", "zero", "low"), [("int8", 7, -100), ("int8", -28, -128), ("uint8", 90, 0)])
def test_weights_around_another_zero_point(weight_type, zero, low, tmp_path):
    random = np.random.default_rng(3)
    weights = random.integers(low, low + 190, (3, 2, 3, 3)).astype(weight_type)
    constants = {
        "sx": np.float32(0.031), "zx": np.uint8(140), "w": weights, "sw": np.float32(0.0087),
        "zw": np.array(zero, weight_type), "sy": np.float32(0.19), "zy": np.uint8(120),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", "x sx zx", "xq"),
        node("QLinearConv", "xq sx zx w sw zw sy zy", "q"),
        node("DequantizeLinear", "q sy zy", "y"),
    ]
    proto = model(nodes, {"x": [1, 2, 5, 5]}, constants, opset=21)
    onnx.save(proto, tmp_path / "first.onnx")
    x = random.normal(0, 1.5, (5, 2, 5, 5)).astype(np.float32)
    stored = engine.to_stored(load(tmp_path / "first.onnx").tensors["x"], x)
    assert_imported_exactly(proto, x, stored, ["q"], tmp_path)


def test_weights_too_far_from_their_zero_point_are_split(tmp_path):
    constants = {
        "s": np.float32(0.1), "z": np.int8(0), "w": np.array([[-128], [127]], np.int8), "zw": np.int8(9),
    }  # fmt: skip
    nodes = [node("QuantizeLinear", "x s z", "xq"), node("QLinearMatMul", "xq s z w s zw s z", "yq")]
    nodes.append(node("DequantizeLinear", "yq s z", "y"))
    onnx.save(model(nodes, {"x": [1, 2]}, constants, opset=21), tmp_path / "far.onnx")
    graph = load(tmp_path / "far.onnx")
    assert [value.tolist() for value in graph.constants.values()] == [[[-128, 118, -9, 0]]]
    x = (np.random.default_rng(0).integers(-128, 128, (200, 2)) * np.float32(0.1)).astype(np.float32)
    assert compare_with_file(tmp_path / "far.onnx", graph, x).mismatches == 0


def softmax_after(dtype: type, length: int, x_scale: float, y_scale: float, y_zero: int, *, qdq: bool) -> ModelProto:
    constants = {
        "s": np.float32(x_scale), "z": dtype(9), "t": np.float32(y_scale), "u": dtype(y_zero),
    }  # fmt: skip
    middle = (
        [
            node("DequantizeLinear", "xq s z", "r"),
            node("Softmax", "r", "p", axis=-1),
            node("QuantizeLinear", "p t u", "q"),
        ]
        if qdq
        else [node("QLinearSoftmax", "xq s z t u", "q", domain="com.microsoft", axis=-1, opset=13)]
    )
    nodes = [node("QuantizeLinear", "x s z", "xq"), *middle, node("DequantizeLinear", "q t u", "y")]
    return model(nodes, {"x": [1, length]}, constants, opset=21)


@pytest.mark.parametrize(
    ("dtype", "length", "x_scale", "y_scale", "y_zero", "qdq"),
    [
        (np.int8, 10, 0.144, 1 / 256, -128, True),
        (np.uint8, 10, 0.144, 0.0039041, 0, False),
        (np.int8, 5, 0.9, 0.0031, -100, False),
        (np.uint8, 40, 0.05, 0.0007, 0, True),
    ],
)
def test_softmax_in_the_order_of_onnxruntime(dtype, length, x_scale, y_scale, y_zero, qdq, tmp_path):
    proto = softmax_after(dtype, length, x_scale, y_scale, y_zero, qdq=qdq)
    random, zero = np.random.default_rng(length), 9 if dtype is np.int8 else 9 - 128
    stored = random.integers(-128, 128, (60, length)).astype(np.int8)
    stored[20:40] = np.clip(stored[20:40] // 6, -128, 127)
    stored[40:] = random.integers(-128, 128, (20, 1))  # all equal
    stored[40:, 0] = 127
    x = (stored.astype(np.float32) - zero) * np.float32(x_scale)
    graph = assert_imported_exactly(proto, x, stored, ["q"], tmp_path)
    expected = referee.trace(graph, {"x": stored[::3]})[graph.outputs[0]]
    np.testing.assert_array_equal(engine.run(graph, stored[::3])[graph.outputs[0]], expected)


def test_a_softmax_that_overflows_in_onnxruntime_is_named(tmp_path):
    onnx.save(softmax_after(np.int8, 1, 0.1, 1 / 256, -128, qdq=True), tmp_path / "one.onnx")
    with pytest.raises(UnsupportedError, match="an output scale so small that onnxruntime overflows"):
        load(tmp_path / "one.onnx")


@pytest.mark.parametrize(("qdq", "constant_first", "scale"), [(True, True, 0.0013), (False, False, 0.0521)])
def test_a_quantized_constant_is_added_to_each_channel(qdq, constant_first, scale, tmp_path):
    random = np.random.default_rng(11)
    constants = {
        "s": np.float32(0.031), "z": np.uint8(119), "sc": np.float32(scale), "zc": np.uint8(200),
        "c": np.array([[[51]], [[0]], [[255]], [[132]]], np.uint8), "t": np.float32(0.0407), "u": np.uint8(140),
    }  # fmt: skip
    operands = ["c sc zc", "m s z"] if constant_first else ["m s z", "c sc zc"]
    if qdq:
        reals = "cr xr" if constant_first else "xr cr"
        middle = [
            node("DequantizeLinear", "c sc zc", "cr"),
            node("DequantizeLinear", "m s z", "xr"),
            node("Add", reals, "a"),
            node("QuantizeLinear", "a t u", "q"),
        ]
    else:
        middle = [node("QLinearAdd", f"{' '.join(operands)} t u", "q", domain="com.microsoft")]
    begin = [node("QuantizeLinear", "x s z", "xq"), node("MaxPool", "xq", "m", kernel_shape=[2, 1])]
    nodes = [*begin, *middle, node("DequantizeLinear", "q t u", "y")]
    proto = model(nodes, {"x": [1, 4, 5, 3]}, constants, opset=21)
    stored = random.integers(-128, 128, (9, 5, 3, 4)).astype(np.int8)
    x = (np.moveaxis(stored, -1, 1).astype(np.float32) + 9) * np.float32(0.031)
    graph = assert_imported_exactly(proto, x, stored, ["m", "q"], tmp_path)
    expected = referee.trace(graph, {"x": stored})[graph.outputs[0]]
    np.testing.assert_array_equal(engine.run(graph, stored)[graph.outputs[0]], expected)


def test_an_addend_without_an_integer_form_has_a_table_for_each_channel(tmp_path):
    builder = GraphBuilder(4)
    x = builder.input(3, 2, 5)
    builder.constants["c"] = np.array([-128, 127, 3, 0, 77], np.int8)
    builder.tensors["c"] = Tensor("c", (5,), "int8", Quantization((0.25,), 7))
    builder.tensors[x] = replace(builder.tensors[x], quantization=Quantization((0.5,), -3))
    graph = builder.graph([builder.add(x, "c", Quantization((0.5,), 11))])  # sums on ties, which round to even
    samples = builder.samples(9)
    assert lower(call_of(graph, graph.nodes[0])).kernel == "channel_lookup"
    expected = referee.trace(graph, samples)[graph.outputs[0]]
    np.testing.assert_array_equal(engine.run(graph, samples)[graph.outputs[0]], expected)
    assert_same_c(graph, samples, tmp_path)


def test_a_difference_from_the_file_is_found_where_it_begins(tmp_path):
    onnx.save(converted("int8", quantized_input=True), tmp_path / "user.onnx")
    graph = load(tmp_path / "user.onnx")
    x = np.random.default_rng(1).normal(0, 1.5, (6, 5, 5, 2)).astype(np.float32)
    right = compare_with_file(tmp_path / "user.onnx", graph, x)
    assert right.mismatches == 0
    bias = next(name for name, value in graph.constants.items() if value.dtype == np.int32)
    wrong = replace(graph, constants={**graph.constants, bias: graph.constants[bias] + np.int32(5000)})
    found = compare_with_file(tmp_path / "user.onnx", wrong, x)
    assert [tensor.mismatches > 0 for tensor in found.tensors] == [False, True]
