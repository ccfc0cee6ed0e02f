"""Export: nothing is lost on the way out and back, and onnxruntime computes the same bytes, on old processors too."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from export_networks import EXAMPLE_NAMES, NETS, compare_with_onnxruntime, file_bytes, quantized
from models import Network, residual_network
from onnx import numpy_helper

from tinycnn import ir
from tinycnn.errors import ModelError, QuantizationError
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import FORMATS, export, load, save
from tinycnn.onnx_io.load import import_model
from tinycnn.onnx_io.writer import SUFFIX
from tinycnn.ops import Transpose
from tinycnn.passes import INT8_PASSES, run_passes
from tinycnn.quantize import quantize


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
