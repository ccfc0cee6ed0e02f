"""Quantized files as others write them: what stays in float is refused, the rest is taken."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from export_networks import quantized
from models import Network
from onnx import ModelProto, helper, numpy_helper

from tinycnn import engine
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Array
from tinycnn.onnx_io import Format, export, load
from tinycnn.onnx_io.writer import SUFFIX
from tinycnn.quantize import quantize


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
        "node 'conv_0_node' (Conv 3x3) is left in float: no QuantizeLinear follows it where the file ends",
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
