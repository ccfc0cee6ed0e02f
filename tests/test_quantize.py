"""Quantization: scales of weights, biases, and activations that are fused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import Network, example, floats, residual_network
from quantized_graphs import images, labels, largest_error_steps, quantization, reals

from tinycnn import fixedpoint
from tinycnn.ir import Quantization
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Clip
from tinycnn.ops.pool import AveragePool
from tinycnn.quantize import moved_scales, quantize
from tinycnn.quantize.means import scales_from
from tinycnn.quantize.weights import quantize_weights, weight_scales


def test_each_output_channel_has_its_own_scale():
    weights = np.array([[1, -2, 0.5], [10, 20, -40], [0, 0, 1e-3]], np.float32)
    scales = weight_scales(weights, np.zeros(3, np.float32), 0.1)
    assert scales == pytest.approx([2 / 127, 40 / 127, 1e-3 / 127])
    assert quantize_weights(weights, scales).tolist() == [[64, -127, 32], [32, 64, -127], [0, 0, 127]]


def test_channels_without_weights_get_an_ordinary_scale():
    weights = np.array([[1, 2], [0, 0], [0, 0]], np.float32)
    scales = weight_scales(weights, np.array([0, 0, 5], np.float32), 0.1)
    assert scales.tolist() == [np.float32(2 / 127)] * 3
    assert weight_scales(np.zeros((2, 3)), np.zeros(2, np.float32), 0.1).tolist() == [1, 1]


def test_huge_bias_gets_a_scale_with_which_it_fits():
    net = Network(0, 4)
    weights, bias = floats(net.rng, 3, 4), np.array([0, 1e9, -1e9], np.float32)
    output = net.add("Gemm", f"x {net.constant(weights)} {net.constant(bias)}", transB=1)
    graph = quantize(net.graph(output), net.samples(50))
    integers = graph.constants["constant_1"]
    assert np.abs(integers).max() <= 2**30 + 2**7
    unit = quantization(graph, "constant_1").scales
    assert (integers * unit.astype(np.float64))[1:] == pytest.approx([1e9, -1e9], rel=1e-6)


def test_bias_is_in_units_of_the_accumulator():
    net = Network(0, 2, 6, 6)
    graph = quantize(net.graph(net.conv("x", 3)), net.samples(20))
    x, w, b = quantization(graph, "x"), quantization(graph, "constant_1"), quantization(graph, "constant_0")
    assert w.axis == 0
    assert graph.constants["constant_1"].shape == (3, 3, 3, 2)  # O, kernel, C
    assert np.array_equal(b.scales, np.float32(x.scale[0]) * w.scales)
    real = net.constants["constant_0"].astype(np.float64)
    assert np.abs(graph.constants["constant_0"] * b.scales.astype(np.float64) - real).max() <= b.scales.max() / 2


def test_moved_scales_are_proved_and_hardly_moved():
    graph = quantize(import_model(example("perceptron"), "net"), images("calibration_images")[:100])
    moved = moved_scales(graph)
    assert moved
    for name, channels in moved.items():
        (layer,) = [n for n in graph.nodes if n.name == name]
        assert set(channels) <= set(range(graph.tensors[layer.outputs[0]].shape[-1]))
    assert moved_scales(replace(graph, metadata={})) == {}
    assert moved_scales(replace(graph, metadata={"tinycnn.moved_scales": "[1"})) == {}
    assert moved_scales(replace(graph, metadata={"tinycnn.moved_scales": '{"fc1": "many"}'})) == {}


def test_layers_that_share_weights_get_integers_of_their_own():
    net = Network(0, 3, 6, 6)
    shared = net.weights(3, 3, 1, 1)
    x = net.add("Conv", f"x {shared}")
    graph = quantize(net.graph(net.add("Conv", f"{x} {shared}")), net.samples(20))
    (first, second) = graph.nodes
    assert not set(first.inputs[1:]) & set(second.inputs[1:])
    assert np.array_equal(graph.constants[first.inputs[1]], graph.constants[second.inputs[1]])
    assert quantization(graph, first.inputs[2]) != quantization(graph, second.inputs[2])


def test_bias_that_is_made_up_takes_no_name_of_others():
    """The first layer has no bias; another tensor has the name that its bias would get."""
    net = Network(0, 3)
    x = net.add("Gemm", f"x {net.constant(floats(net.rng, 3, 3))}", transB=1)
    proto = net.proto(net.add("Gemm", f"{x} {net.weights(3, 3)}", transB=1))
    proto.graph.node[0].name = "fc"
    proto.graph.node[1].input[2] = "fc.bias"
    (bias,) = [tensor for tensor in proto.graph.initializer if tensor.name == "constant_1"]
    bias.name = "fc.bias"
    samples = net.samples(30)
    graph = import_model(proto, "net")
    quantized = quantize(graph, samples)
    assert [n.inputs[2] for n in quantized.nodes] == ["fc.bias_2", "fc.bias"]
    assert largest_error_steps(graph, quantized, samples) < 4


def test_saturation_does_the_work_of_relu_and_clip():
    for low, high in ((0.0, None), (0.0, 0.5), (-0.25, 0.5), (None, 0.5), (None, None)):
        net = Network(0, 2, 6, 6)
        graph = quantize(net.graph(net.clip(net.conv("x", 3), low, high)), net.samples(50))
        assert labels(graph) == ["Conv 3x3"]
        assert graph.nodes[0].origins == ("conv_0_node", "clip_1_node")
        lowest, highest = reals(quantization(graph, graph.outputs[0]))
        step = quantization(graph, graph.outputs[0]).scale[0]
        assert lowest >= (-np.inf if low is None else low - step / 2)
        assert highest <= (np.inf if high is None else high + step / 2)


def test_clip_that_leaves_zero_out_is_a_table():
    net = Network(0, 2, 6, 6)
    graph = quantize(net.graph(net.clip(net.conv("x", 3), 0.2, 0.7)), net.samples(50))
    assert labels(graph) == ["Conv 3x3", "Clip 0.2..0.7"]


def test_relu_of_what_others_read_too_is_a_table():
    net = Network(0, 2, 6, 6)
    x = net.conv("x", 3)
    graph = quantize(net.graph(net.add("Add", f"{net.add('Relu', x)} {x}")), net.samples(50))
    assert labels(graph) == ["Conv 3x3", "Relu", "Add"]
    graph = quantize(net.graph(f"{net.add('Relu', x)} {x}"), net.samples(50))
    assert labels(graph) == ["Conv 3x3", "Relu"]


def test_relu_of_the_input_and_of_a_pool_are_tables():
    net = Network(0, 2, 6, 6)
    x = net.add("MaxPool", net.add("Relu", "x"), kernel_shape=[2, 2])
    graph = quantize(net.graph(net.clip(x, None, 0.5)), net.samples(50))
    assert labels(graph) == ["Relu", "MaxPool 2x2", "Clip -inf..0.5"]


def test_second_clip_of_two_is_a_table():
    net = Network(0, 2, 6, 6)
    graph = quantize(net.graph(net.clip(net.add("Relu", net.conv("x", 3)), None, 0.5)), net.samples(50))
    assert labels(graph) == ["Conv 3x3", "Clip -inf..0.5"]
    assert isinstance(graph.nodes[1].op, Clip)


def test_operators_that_move_bytes_keep_the_scale():
    net, output = residual_network()
    graph = quantize(net.graph(output), net.samples(20))
    for made in graph.nodes:
        if getattr(made.op, "output_scale", "") == "input":
            assert quantization(graph, made.outputs[0]) == quantization(graph, made.inputs[0])
    assert quantization(graph, output) == Quantization((1 / 256,), -128)


@given(st.floats(1e-6, 1e6), st.integers(6, 24))
def test_scales_with_few_bits_are_the_next_larger_ones(scale, bits):
    first, second = [float(found) for found, _ in zip(scales_from(scale, bits), range(2), strict=False)]
    assert scale <= first < second
    assert first < scale * (1 + 2.0 ** (1 - bits))
    mantissa = np.frexp(first)[0] * 2**bits
    assert mantissa == int(mantissa)


def test_means_are_the_same_as_onnxruntime_computes_them_in_float32():
    """Of every sum that a window can have: as the engine, and as float32 in the order of QLinearAveragePool."""
    for seed, kernel in enumerate([(2, 2), (3, 3), (3, 2), (4, 4)]):
        net = Network(seed, 2, 8, 8)
        x = net.add("Relu", net.conv("x", 3))
        graph = quantize(net.graph(net.add("AveragePool", x, kernel_shape=kernel, pads=[1, 1, 0, 0])), net.samples(30))
        source, y = quantization(graph, x), quantization(graph, graph.outputs[0])
        pool = graph.nodes[-1].op
        assert isinstance(pool, AveragePool)
        for count in np.unique(pool.counts((6, 6))):
            sums = np.arange(count * (-128 - source.zero_point), count * (127 - source.zero_point) + 1)
            assert np.array_equal(
                (sums.astype(np.float32) * source.scales[0]).astype(np.float64), sums * source.scale[0]
            )
            means = sums.astype(np.float32) * source.scales[0] / np.float32(count) / y.scales[0]
            float32 = np.clip(np.rint(means + np.float32(y.zero_point)), -128, 127)
            factor = fixedpoint.rescale_mean(source.scale[0], y.scale[0], count)
            assert np.array_equal(fixedpoint.requantize(sums, factor, y.zero_point), float32)
