"""Models of the onnx wheel whose weights are only described: figures from their papers, and no memory taken."""

import math
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from tinycnn import load, summarize
from tinycnn.cli import main

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MAX_RISE_BYTES = 40 * 2**20
"""The process may grow by this much: VGG19's weights alone are 575 MB."""
SCRIPT = """
import resource, sys
from tinycnn import load, summarize
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = summarize(load(sys.argv[1]))
rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(summary.parameters, summary.macs, sum(layer.op.startswith("Conv") for layer in summary.layers), 1024 * rise)
"""
ALEXNET_PARAMETERS, ALEXNET_MACS = 60_965_224, 654_560_384
# Parameters and multiply-accumulates: VGG19's are those of Simonyan and Zisserman (2014), table 2 (144 million).
FIGURES = {
    "light_bvlc_alexnet": (ALEXNET_PARAMETERS, ALEXNET_MACS, 5),
    "light_densenet121": (7_978_856 + 2 * 83_648, 2_865_496_576, 121),  # means and variances count here
    "light_resnet50": (25_610_152, 4_100_298_240, 53),
    "light_shufflenet": (1_420_152, 128_051_408, 49),
    "light_squeezenet": (1_235_496, 349_151_936, 26),
    "light_vgg19": (143_667_240, 19_632_062_464, 16),
}


@pytest.mark.parametrize("name", FIGURES)
def test_described_weights_are_counted_and_never_made(name):
    command = [sys.executable, "-c", SCRIPT, str(LIGHT / f"{name}.onnx")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    *figures, rise_bytes = map(int, result.stdout.split())
    assert tuple(figures) == FIGURES[name]
    assert rise_bytes < MAX_RISE_BYTES


@pytest.mark.parametrize("name", FIGURES)
def test_every_layer_is_listed_with_the_shape_that_onnx_infers(name):
    """Also the work of every convolution, from the shapes alone."""
    model = onnx.shape_inference.infer_shapes(onnx.load(LIGHT / f"{name}.onnx"))
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output, *model.graph.input)
    }
    sizes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer} | {
        node.output[0]: numpy_helper.to_array(tensor).tolist()
        for node in model.graph.node
        for tensor in model.graph.initializer
        if node.op_type == "ConstantOfShape" and tensor.name == node.input[0]
    }
    layers = summarize(load(LIGHT / f"{name}.onnx")).layers
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    found = [layer for layer in layers if layer.op.startswith("Conv")]
    assert len(found) == len(convolutions)
    for layer, node in zip(found, convolutions, strict=True):
        shape = shapes[node.output[0]]
        assert list(layer.output_shape) == shape
        assert layer.macs == math.prod(shape) * math.prod(sizes[node.input[1]][1:])
        assert layer.parameters == sum(math.prod(sizes[source]) for source in node.input[1:])
    assert list(layers[-1].output_shape) == shapes[model.graph.output[0].name]


def test_where_the_parameters_and_the_work_of_alexnet_are(capsys):
    """The rule of thumb of lectures says 5 % of the parameters and 95 % of the work; exactly, it is 3.8 and 91.0."""
    main(["inspect", str(LIGHT / "light_bvlc_alexnet.onnx")])
    assert "Convolutions: 3.8 % of the parameters, 91.0 % of the MACs." in capsys.readouterr().out
    summary = summarize(load(LIGHT / "light_bvlc_alexnet.onnx"))
    dense = [(layer.parameters, layer.macs) for layer in summary.layers if layer.op == "Dense"]
    assert dense == [
        (9_216 * 4_096 + 4_096, 9_216 * 4_096),
        (4_096 * 4_096 + 4_096, 4_096 * 4_096),
        (4_096 * 1_000 + 1_000, 4_096 * 1_000),
    ]
    convolutions = [(layer.parameters, layer.receptive_field) for layer in summary.layers if layer.op[:4] == "Conv"]
    assert convolutions == [
        (11 * 11 * 3 * 96 + 96, (11, 11)),
        (5 * 5 * 48 * 256 + 256, (51, 51)),
        (3 * 3 * 256 * 384 + 384, (99, 99)),
        (3 * 3 * 192 * 384 + 384, (131, 131)),
        (3 * 3 * 192 * 256 + 256, (163, 163)),
    ]
