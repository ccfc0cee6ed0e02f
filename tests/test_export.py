"""Export: nothing is lost on the way out and back, and onnxruntime computes the same bytes, on old processors too."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from models import EXAMPLES, Network, assert_like_onnxruntime, example, residual_network
from onnx import ModelProto, helper, numpy_helper

from tinycnn import engine, ir
from tinycnn.errors import ModelError, OutputError, QuantizationError, UnsupportedError
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import FORMATS, Format, export, load, save
from tinycnn.onnx_io.load import import_model
from tinycnn.onnx_io.writer import SUFFIX
from tinycnn.ops import Reshape, Transpose
from tinycnn.passes import INT8_PASSES, run_passes
from tinycnn.quantize import quantize
from tinycnn.runners.onnxruntime import run_session

MNIST = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")


def images(name: str, count: int) -> Array:
    return MNIST[name][:count, None].astype(np.float32)


def nets() -> dict[str, Callable[[], tuple[Network, str]]]:
    """Small networks, each with something that was or could be lost; functions, so that a test makes only its own."""

    def make(*shape: int) -> Network:
        return Network(len(shape) + sum(shape), *shape)

    def one_dimensional() -> tuple[Network, str]:
        net = make(2, 20)
        x = net.add("Relu", net.conv("x", 4, pads=[1, 1], strides=[2]))
        return net, net.dense(net.add("Flatten", net.add("MaxPool", x, kernel_shape=[2])), 3)

    def one_channel() -> tuple[Network, str]:
        net = make(1, 8, 8)
        return net, net.conv(net.conv("x", 1), 1)

    def lone_clip() -> tuple[Network, str]:
        net = make(3, 8, 8)
        x = net.conv("x", 4)
        return net, net.add("Add", f"{net.clip(x, -0.3, 0.4)} {x}")

    def average_pools() -> tuple[Network, str]:
        net = make(3, 19, 19)
        x = net.conv("x", 6, group=3)
        window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        x = net.add("AveragePool", net.add("AveragePool", x, count_include_pad=1, **window), **window)
        return net, net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def reshaped_input() -> tuple[Network, str]:
        net = make(784)
        x = net.add("Reshape", f"x {net.constant(np.array([-1, 1, 28, 28]))}")
        return net, net.dense(net.add("Flatten", net.conv(x, 3, strides=[2, 2])), 4)

    def shared_weights() -> tuple[Network, str]:
        net = make(3, 6, 6)
        shared = net.weights(3, 3, 1, 1)
        return net, net.add("Conv", f"{net.add('Conv', f'x {shared}')} {shared}")

    def two_heads() -> tuple[Network, str]:
        net = make(3, 6, 6)
        x = net.add("Flatten", net.conv("x", 4))
        return net, f"{net.dense(x, 3)} {net.dense(x, 2)}"

    def inner_output() -> tuple[Network, str]:
        net = make(3, 6, 6)
        x = net.conv("x", 4)
        return net, f"{x} {net.add('Relu', x)}"

    def softmax_of_an_image() -> tuple[Network, str]:
        net = make(3, 8, 8)
        return net, net.add("Softmax", net.conv("x", 6), axis=1)

    def only_pools() -> tuple[Network, str]:
        net = make(3, 9, 9)
        x = net.add("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        return net, net.add("Flatten", net.add("GlobalAveragePool", x))

    def same_input_twice() -> tuple[Network, str]:
        net = make(10)
        x = net.add("Relu", "x")
        return net, net.dense(net.add("Add", f"{x} x"), 3)

    def channels_last_input(channels: int = 3) -> tuple[Network, str]:
        net = make(8, 6, channels)
        x = net.clip(net.add("Transpose", "x", perm=[0, 3, 1, 2]), -1.0, 1.0)
        return net, net.dense(net.add("Flatten", net.add("Relu", net.conv(x, 4))), 3)

    def channels_last_throughout() -> tuple[Network, str]:
        net = make(8, 6, 3)
        x = net.add("Relu", net.conv(net.add("Transpose", "x", perm=[0, 3, 1, 2]), 4))
        x = net.add("Transpose", net.add("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
        return net, net.add("Transpose", net.conv(x, 2), perm=[0, 2, 3, 1])

    return {
        "residual": residual_network,
        "1-D": one_dimensional,
        "one channel": one_channel,
        "lone Clip": lone_clip,
        "average pools": average_pools,
        "reshaped input": reshaped_input,
        "shared weights": shared_weights,
        "two heads": two_heads,
        "inner output": inner_output,
        "Softmax of an image": softmax_of_an_image,
        "only pools": only_pools,
        "same input twice": same_input_twice,
        "channels-last input": channels_last_input,
        "channels-last input of one channel": lambda: channels_last_input(1),
        "channels-last throughout": channels_last_throughout,
    }


NETS = nets()
EXAMPLE_NAMES = ("lenet5", "perceptron")
_made: dict[str, tuple[Graph, Array]] = {}


def quantized(name: str) -> tuple[Graph, Array]:
    """An int8 graph and float samples for it."""
    if name not in _made:
        if name in NETS:
            net, output = NETS[name]()
            samples = net.samples(20)
            graph = quantize(assert_like_onnxruntime(net.proto(output), {"x": samples[:3]}), samples)
            _made[name] = graph, samples * np.float32(1.2)  # saturates here and there
        else:
            graph = quantize(import_model(example(name), f"{name}.onnx"), images("calibration_images", 100))
            _made[name] = graph, images("test_images", 50)
    return _made[name]


def file_bytes(model: ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def compare_with_onnxruntime(graph: Graph, samples: Array, format: Format) -> tuple[int, tuple[str, ...]]:
    """The number of tensors compared, after every byte was found equal, and what onnxruntime ran in float."""
    source = graph.tensors[graph.inputs[0]]
    expected = in_onnx_order(graph, engine.trace(graph, engine.to_stored(source, samples)))
    model = export(graph, format)
    names = {name for n in model.graph.node for name in n.output if name.endswith(SUFFIX)}
    names &= {name + SUFFIX for name in expected}
    result = run_session(model, {graph.inputs[0]: samples}, sorted(names))
    for name, value in result.tensors.items():
        shift = 128 if value.dtype == np.uint8 else 0
        wanted = expected[name.removesuffix(SUFFIX)]
        np.testing.assert_array_equal(value.astype(np.int16) - shift, wanted, err_msg=name)
    return len(result.tensors), result.left_in_float


def in_onnx_order(graph: Graph, values: dict[str, Array]) -> dict[str, Array]:
    """The engine's tensors with ONNX's axes; what a Reshape makes of an image has its elements in ONNX's order too."""
    moved = {
        name: np.moveaxis(value, -1, 1) if graph.tensors[name].channels_last else value
        for name, value in values.items()
    }
    for n in graph.nodes:
        if isinstance(n.op, Reshape) and not graph.tensors[n.outputs[0]].channels_last:
            (moved[n.outputs[0]],) = n.op.run_float(moved[n.inputs[0]])
    return moved


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", [*NETS, *EXAMPLE_NAMES])
def test_export_is_loaded_again_without_a_loss(name, format, tmp_path):
    graph, _ = quantized(name)
    model = export(graph, format)
    onnx.checker.check_model(model, full_check=True)
    assert file_bytes(model) == file_bytes(export(graph, format))
    path = tmp_path / "other name.onnx"
    save(graph, path, format)
    assert path.read_bytes() == file_bytes(model)
    again = load(path)
    assert ir.same(graph, again)
    assert (again.name, again.metadata) == (graph.name, graph.metadata)
    assert file_bytes(export(again, format)) == file_bytes(model)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", [*NETS, *EXAMPLE_NAMES])
def test_onnxruntime_computes_the_same_bytes_in_integers(name, format):
    graph, samples = quantized(name)
    compared, left_in_float = compare_with_onnxruntime(graph, samples, format)
    assert compared >= len(graph.nodes) / 2
    assert not left_in_float


@pytest.mark.parametrize("name", NETS)
def test_no_transpose_is_left(name):
    assert not [n.name for n in quantized(name)[0].nodes if isinstance(n.op, Transpose)]


def test_origins_and_metadata_survive(tmp_path):
    graph, _ = quantized("residual")
    graph = replace(graph, metadata={**graph.metadata, "tinycnn.note": "snowman \u2603"})
    save(graph, tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert again.metadata["tinycnn.note"] == "snowman \u2603"
    assert [n.origins for n in again.nodes] == [n.origins for n in graph.nodes]
    assert graph.nodes[0].origins == ("conv_0_node", "batchnormalization_1_node", "relu_2_node")


def test_formats_carry_the_types_that_onnxruntime_computes_exactly():
    graph, _ = quantized("residual")
    for format, dtype, zero_point in (("qdq", np.uint8, 128), ("qoperator", np.int8, 0)):
        values = {t.name: numpy_helper.to_array(t) for t in export(graph, format).graph.initializer}
        weights = [name for name in graph.constants if graph.tensors[name].dtype == "int8"]
        assert weights
        for name in weights:
            assert values[f"{name}{SUFFIX}"].dtype == dtype
            assert set(values[f"{name}_zero_point"].tolist()) == {zero_point}
            assert np.array_equal(values[f"{name}{SUFFIX}"].astype(np.int16) - zero_point, onnx_axes(graph, name))
        assert values["x_zero_point"].dtype == dtype


def onnx_axes(graph: Graph, name: str) -> Array:
    value = graph.constants[name]
    return np.moveaxis(value, -1, 1) if value.ndim > 2 else value


def test_inputs_and_outputs_of_the_file_are_float_with_onnx_axes_and_an_open_batch():
    model = export(quantized("residual")[0], "qdq")
    (source,), (output,) = model.graph.input, model.graph.output
    assert [d.dim_param or d.dim_value for d in source.type.tensor_type.shape.dim] == ["batch", 3, 16, 16]
    assert [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim] == ["batch", 5]
    assert (source.name, output.name) == ("x", "softmax_15")


def test_names_that_look_like_ours_do_not_clash():
    """Tensors and nodes called like those that export adds."""
    net = Network(5, 4)
    renamed = {"x": "a", "gemm_0": "a_scale", "relu_1": "a_zero_point", "add_2": "a_dequantized", "gemm_3": "a_float"}
    x = net.dense("x", 4)
    net.dense(net.add("Add", f"{net.add('Relu', x)} {x}"), 2)
    proto = net.proto("gemm_3")
    for n in proto.graph.node:
        n.input[:] = [renamed.get(name, name) for name in n.input]
        n.output[:] = [renamed.get(name, name) for name in n.output]
        n.name = {"gemm_0_node": "a_quantize", "relu_1_node": "a_dequantize"}.get(n.name, n.name)
    proto.graph.input[0].name, proto.graph.output[0].name = "a", "a_float"
    graph = quantize(import_model(proto, "net"), net.samples(10))
    assert {n.name for n in graph.nodes} > {"a_quantize", "a_dequantize"}
    for format in FORMATS:
        compare_with_onnxruntime(graph, net.samples(5), format)
        again = run_passes(import_model(export(graph, format), "net"), INT8_PASSES)
        assert ir.same(graph, again)


def test_a_name_that_is_that_of_a_quantized_tensor_is_refused():
    net = Network(5, 4)
    net.dense(net.dense("x", 4), 2)
    proto = net.proto("gemm_1")
    proto.graph.input[0].name = proto.graph.node[0].input[0] = f"gemm_0{SUFFIX}"
    graph = quantize(import_model(proto, "net"), net.samples(10))
    with pytest.raises(ModelError, match="'gemm_0' and 'gemm_0_quantized' would be mixed up in the file"):
        export(graph)


def test_a_float_model_is_not_exported():
    net, output = residual_network()
    with pytest.raises(QuantizationError, match="small is a float model; quantize it before it is exported"):
        export(net.graph(output))


# --- files of others ------------------------------------------------------------------------------------------------


def edited(format: Format, edit: Callable[[onnx.GraphProto], object], name: str = "lone Clip") -> ModelProto:
    model = export(quantized(name)[0], format)
    edit(model.graph)
    return model


def proto_of(graph: onnx.GraphProto, op_type: str, index: int = 0) -> onnx.NodeProto:
    return [n for n in graph.node if n.op_type == op_type][index]


def set_initializer(graph: onnx.GraphProto, name: str, value: Array) -> None:
    (tensor,) = [tensor for tensor in graph.initializer if tensor.name == name]
    tensor.CopyFrom(numpy_helper.from_array(value, name))


def insert_before(graph: onnx.GraphProto, reader: onnx.NodeProto, index: int, op_type: str) -> None:
    """A float operator before input `index` of `reader`."""
    inserted = helper.make_node(op_type, [reader.input[index]], ["inserted"], name="inserted")
    nodes = list(graph.node)
    position = nodes.index(reader)
    reader.input[index] = "inserted"
    nodes = [*graph.node[:position], inserted, *graph.node[position:]]
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(copies)


NOT_INT8: dict[str, tuple[Format, Callable[[onnx.GraphProto], object], str]] = {
    "bias in other units": (
        "qdq",
        lambda graph: set_initializer(graph, "constant_0_scale", np.full(4, 1e-3, np.float32)),
        "node 'conv_0_node' (Conv 3x3) is left in float: the scale of its bias is not that of its input times that of"
        " its weights",
    ),
    "another scale behind than before": (
        "qdq",
        lambda graph: set_initializer(graph, "x_scale", np.array([1.0], np.float32)) or rescale_reader(graph),
        "reads 'x_quantized' with another scale than it was made with",
    ),
    "float between quantizers": (
        "qdq",
        lambda graph: insert_before(graph, proto_of(graph, "Conv"), 0, "Relu"),
        "node 'inserted' (Relu) is left in float: no QuantizeLinear follows it alone",
    ),
    "float output": (
        "qdq",
        lambda graph: (
            graph.output[0].CopyFrom(helper.make_tensor_value_info("conv_0_dequantized", 1, ["batch", 4, 6, 6]))
            or graph.output.append(helper.make_tensor_value_info("conv_0_float", 1, ["batch", 4, 6, 6]))
        ),
        "node 'conv_0_node' (Conv 3x3) is left in float: no QuantizeLinear follows it alone",
    ),
    "input twice with two scales": (
        "qdq",
        lambda graph: quantize_again(graph),
        "node 'again' (QuantizeLinear) is left in float: it requantizes 'x'",
    ),
}


def rescale_reader(graph: onnx.GraphProto) -> None:
    set_initializer(graph, "x_scale", np.float32(1.0))
    graph.initializer.append(numpy_helper.from_array(np.float32(2.0), "two"))
    proto_of(graph, "DequantizeLinear").input[1] = "two"


def quantize_again(graph: onnx.GraphProto) -> None:
    graph.initializer.append(numpy_helper.from_array(np.float32(2.0), "two"))
    first = onnx.NodeProto.FromString(proto_of(graph, "QuantizeLinear").SerializeToString())
    first.name, first.input[1], first.output[0] = "again", "two", "x_again"
    graph.node.append(first)
    back = helper.make_node("DequantizeLinear", ["x_again", "two", "x_zero_point"], ["x_back"])
    graph.node.append(back)
    graph.output.append(helper.make_tensor_value_info("x_back", 1, ["batch", 3, 8, 8]))


@pytest.mark.parametrize("case", NOT_INT8)
def test_quantized_models_that_stay_in_float_are_refused(case, tmp_path):
    format, edit, sentence = NOT_INT8[case]
    path = tmp_path / "net.onnx"
    path.write_bytes(edited(format, edit).SerializeToString())
    with pytest.raises(UnsupportedError) as caught:
        load(path)
    assert sentence in str(caught.value)


def test_relu_between_operator_and_quantizer_is_taken_where_saturation_does_it(tmp_path):
    """Other tools write Conv -> Relu -> QuantizeLinear; a Clip inside the range of the scale stays an operator."""
    net = Network(3, 2, 5, 5)
    graph = quantize(net.graph(net.add("Relu", net.conv("x", 3))), net.samples(10))
    model = export(graph, "qdq")
    insert_before(model.graph, proto_of(model.graph, "QuantizeLinear", 1), 0, "Relu")
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    again = load(path)
    assert again.nodes[0].origins == ("conv_0_node", "relu_1_node", "inserted")
    assert np.array_equal(again.constants["constant_0"], graph.constants["constant_0"])
    wide = replace(graph.tensors["relu_1"].quantization, zero_point=-100)
    tensors = {**graph.tensors, "relu_1": replace(graph.tensors["relu_1"], quantization=wide)}
    model = export(replace(graph, tensors=tensors), "qdq")
    insert_before(model.graph, proto_of(model.graph, "QuantizeLinear", 1), 0, "Relu")
    path.write_bytes(model.SerializeToString())
    assert [node.op.label for node in load(path).nodes] == ["Conv 3x3", "Relu"]


def test_outputs_keep_their_float_names(tmp_path):
    """Whatever the quantized tensors are called in the file."""
    graph, samples = quantized("lone Clip")
    model = export(graph, "qdq")
    for n in model.graph.node:
        for names in (n.input, n.output):
            names[:] = [f"{name.removesuffix(SUFFIX)}_QLinear" if name.endswith(SUFFIX) else name for name in names]
    for tensor in model.graph.initializer:
        if tensor.name.endswith(SUFFIX):
            tensor.name = f"{tensor.name.removesuffix(SUFFIX)}_QLinear"
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    again = load(path)
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
    stored = engine.to_stored(graph.tensors["x"], samples)
    (wanted,), (actual,) = engine.run(graph, stored).values(), engine.run(again, stored).values()
    assert np.array_equal(wanted, actual)


# --- writing --------------------------------------------------------------------------------------------------------


def test_save_replaces_only_what_tinycnn_wrote(tmp_path):
    graph, _ = quantized("one channel")
    path = tmp_path / "net.onnx"
    save(graph, path)
    save(graph, path, "qoperator")
    assert ir.same(load(path), graph)
    theirs = example("lenet5").SerializeToString()
    for content in (theirs, b"my notes", b""):
        path.write_bytes(content)
        with pytest.raises(OutputError) as caught:
            save(graph, path)
        assert str(caught.value) == f"{path} is there already and was not written by tinycnn; give another name."
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["net.onnx"]


def test_save_says_why_it_cannot_write(tmp_path):
    graph, _ = quantized("one channel")
    with pytest.raises(OutputError, match=r"Cannot write .*absent/net\.onnx: No such file or directory\."):
        save(graph, tmp_path / "absent" / "net.onnx")
    with pytest.raises(OutputError, match="is there already and was not written by tinycnn"):
        save(graph, tmp_path)


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    graph, _ = quantized("one channel")
    path = tmp_path / "net.onnx"
    save(graph, path)
    content = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save(graph, path, "qoperator")
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["net.onnx"]
