"""Quantization: scales, ranges, fused activations, refusals, and what it costs in accuracy."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import EXAMPLES, Network, example, floats, model, node, residual_network, run_float

from tinycnn import engine, fixedpoint, ir
from tinycnn.errors import DataError, QuantizationError, UnsupportedError
from tinycnn.evaluate import evaluate
from tinycnn.ir import Array, Graph, Quantization
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Clip, Conv
from tinycnn.ops.pool import AveragePool
from tinycnn.quantize import moved_scales, quantize
from tinycnn.quantize.calibrate import Range, calibrate
from tinycnn.quantize.means import scales_from
from tinycnn.quantize.weights import LEAST_SCALE, activation_quantization, quantize_weights, weight_scales

MNIST = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")


def images(name: str) -> Array:
    return MNIST[name][:, None].astype(np.float32)


def quantization(graph: Graph, name: str) -> Quantization:
    found = graph.tensors[name].quantization
    assert found is not None
    return found


def reals(quantized: Quantization) -> tuple[float, float]:
    """The real values that -128 and 127 stand for."""
    scale, zero_point = quantized.scale[0], quantized.zero_point
    return (-128 - zero_point) * scale, (127 - zero_point) * scale


# --- ranges ---------------------------------------------------------------------------------------------------------


@given(low=st.floats(-1e6, 1e6, width=32), width=st.floats(0, 1e6, width=32))
def test_every_value_of_the_range_is_within_half_a_step(low, width):
    found = activation_quantization(Range(low, low + width))
    lowest, highest = reals(found)
    scale = found.scale[0]
    assert np.float32(scale) == scale
    assert scale > 0
    assert -128 <= found.zero_point <= 127
    assert lowest - 0.5001 * scale <= min(low, 0)
    assert max(low + width, 0) <= highest + 0.5001 * scale


@pytest.mark.parametrize(
    ("low", "high", "zero_point"),
    [
        (0, 255, -128),
        (-255, 0, 127),
        (-128, 127, 0),
        (2, 5, -128),
        (-5, -2, 127),
        (0, 0, -128),
        (7, 7, -128),
        (-7, -7, 127),
    ],
)
def test_zero_is_exact_in_every_range(low, high, zero_point):
    found = activation_quantization(Range(low, high))
    assert found.zero_point == zero_point


def test_range_of_pixels_gives_the_pixel_less_128():
    assert activation_quantization(Range(0, 255)) == Quantization((1.0,), -128)


def test_ranges_next_to_nothing_keep_scales_whose_product_is_a_number():
    tiny = activation_quantization(Range(0, 1e-30))
    assert tiny.scale == (LEAST_SCALE,)
    scales = weight_scales(np.full((1, 1), 1e-30, np.float32), np.zeros(1, np.float32), tiny.scale[0])
    assert np.float32(tiny.scale[0]) * scales[0] >= np.finfo(np.float32).tiny


def calibrated(proto_nodes: list, samples: Array, **options: object) -> dict[str, Range]:
    graph = import_model(model(proto_nodes, {"x": ("batch", *samples.shape[1:])}), "net")
    return calibrate(graph, {"x": samples}, **{"method": "minmax", "percentile": 99.0, **options})


def test_minmax_is_over_all_chunks():
    samples = np.zeros((300, 2), np.float32)
    samples[1, 0], samples[299, 1] = -3, 5
    assert calibrated([node("Relu", "x", "y")], samples) == {"x": Range(-3, 5), "y": Range(0, 5)}


def test_percentile_leaves_out_the_tails_but_never_of_an_input():
    samples = np.linspace(-1, 1, 10_000, dtype=np.float32).reshape(-1, 1)
    ranges = calibrated([node("Clip", "x", "y")], samples, method="percentile")
    assert ranges["x"] == Range(-1, 1)
    assert ranges["y"].low == pytest.approx(-0.99, abs=0.001)
    assert ranges["y"].high == pytest.approx(0.99, abs=0.001)


def test_percentile_100_is_minmax():
    samples = floats(np.random.default_rng(0), 500, 3)
    minmax = calibrated([node("Clip", "x", "y")], samples)["y"]
    whole = calibrated([node("Clip", "x", "y")], samples, method="percentile", percentile=100.0)["y"]
    assert (whole.low, whole.high) == pytest.approx((minmax.low, minmax.high), rel=1e-6)


def test_percentile_against_numpy():
    samples = floats(np.random.default_rng(0), 4000, 5) ** 3
    found = calibrated([node("Clip", "x", "y")], samples, method="percentile", percentile=99.0)["y"]
    bin_width = (samples.max() - samples.min()) / 8192
    expected = np.percentile(samples, [0.5, 99.5])
    assert np.abs(np.array([found.low, found.high]) - expected).max() <= 2 * bin_width


def test_percentile_of_a_constant_tensor():
    ranges = calibrated([node("Relu", "x", "y")], np.full((10, 2), -1, np.float32), method="percentile")
    assert ranges["y"] == Range(0, 0)


def test_one_outlier_widens_minmax_only():
    net = Network(0, 4)
    output = net.dense("x", 4)
    samples = net.samples(1000)
    samples[0] = 100
    wide = quantization(quantize(net.graph(output), samples), output).scale[0]
    narrow = quantization(quantize(net.graph(output), samples, method="percentile", percentile=99.0), output).scale[0]
    assert wide > 10 * narrow


# --- weights --------------------------------------------------------------------------------------------------------


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


# --- activations ----------------------------------------------------------------------------------------------------


def labels(graph: Graph) -> list[str]:
    return [n.op.label for n in graph.nodes]


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


# --- refusals -------------------------------------------------------------------------------------------------------


def small() -> tuple[Network, Graph]:
    net = Network(0, 2, 6, 6)
    return net, net.graph(net.conv("x", 3))


@pytest.mark.parametrize("shape", [(10, 2, 6, 7), (10, 6, 6, 2), (2, 6, 6), (10, 72), (0, 2, 6, 6), (10,), ()])
def test_samples_of_another_shape_are_refused(shape):
    with pytest.raises(DataError) as caught:
        quantize(small()[1], np.zeros(shape, np.float32))
    assert str(caught.value) == f"Input 'x' of small takes samples of [2, 6, 6]: [N, ...], not {list(shape)}."


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad):
    net, graph = small()
    samples = net.samples(10)
    samples[3, 1, 2, 2] = bad
    with pytest.raises(DataError, match=r"The calibration data has values that are not finite \(NaN or infinity\)"):
        quantize(graph, samples)


def test_values_that_overflow_inside_the_model_are_named():
    net = Network(0, 4)
    output = net.dense(net.dense("x", 4), 4)
    with pytest.raises(DataError, match="gives values that are not finite on the calibration data, in 'gemm_0'"):
        quantize(net.graph(output), np.full((2, 4), 3e38, np.float32))
    net.constants["constant_1"][0, 0] = np.nan
    with pytest.raises(DataError, match="not finite on the calibration data, in 'gemm_0'"):
        quantize(net.graph(output), net.samples(4))


def test_accumulator_that_could_overflow_is_refused_by_the_layers_name():
    net = Network(0, 70_000)
    weights = np.ones((2, 70_000), np.float32)
    output = net.add("Gemm", f"x {net.constant(weights)}", transB=1)
    samples = np.zeros((2, 70_000), np.float32)
    samples[0] = 1
    with pytest.raises(
        QuantizationError, match=r"^Layer 'gemm_0_node': The int32 accumulator of channel 0 could overflow"
    ):
        quantize(net.graph(output), samples)


def test_scales_that_float32_cannot_hold_are_refused_by_the_layers_name():
    net = Network(0, 2)
    output = net.add("Gemm", f"x {net.constant(np.array([[1e20, 0]], np.float32))}", transB=1)
    with pytest.raises(QuantizationError, match=r"^Layer 'gemm_0_node': The quantization scales give channel 0"):
        quantize(net.graph(output), np.array([[1, 1e25]], np.float32))


def test_what_is_quantized_already_is_refused():
    net, graph = small()
    with pytest.raises(QuantizationError, match="small is quantized already"):
        quantize(quantize(graph, net.samples(3)), net.samples(3))


def test_unknown_methods_and_percentiles_are_refused():
    net, graph = small()
    for options in ({"method": "entropy"}, {"percentile": 101.0}, {"percentile": 0.0}, {"percentile": np.nan}):
        with pytest.raises(QuantizationError, match="The method is one of minmax, percentile"):
            quantize(graph, net.samples(3), **options)


def test_operators_without_an_int8_form_are_refused():
    net = Network(0, 4)
    with pytest.raises(UnsupportedError, match="pow_1_node"):
        quantize(net.graph(net.add("Pow", f"{net.add('Abs', 'x')} x")), net.samples(3))


# --- the result -----------------------------------------------------------------------------------------------------


def largest_error_steps(graph: Graph, quantized: Graph, samples: Array) -> float:
    """How far the int8 outputs are from the float ones, in steps of their scale."""
    (name,) = graph.outputs
    exact = run_float(graph, {graph.inputs[0]: samples})[name]
    stored = engine.to_stored(quantized.tensors[graph.inputs[0]], samples)
    actual = engine.to_real(quantized.tensors[name], engine.run(quantized, stored)[name])
    return float(np.abs(actual - exact).max() / quantization(quantized, name).scale[0])


def test_one_layer_is_within_a_few_steps_of_its_float_original():
    net = Network(0, 4, 8, 8)
    graph = net.graph(net.add("Relu", net.conv("x", 6)))
    samples = net.samples(100)
    assert largest_error_steps(graph, quantize(graph, samples), samples) < 3


def test_all_negative_activations_and_images():
    net = Network(0, 2, 6, 6)
    samples = -np.abs(net.samples(50)) - 3
    graph = net.graph(net.add("MaxPool", net.conv("x", 3), kernel_shape=[2, 2]))
    quantized = quantize(graph, samples)
    assert quantization(quantized, "x").zero_point == 127
    assert largest_error_steps(graph, quantized, samples) < 5


def test_a_dead_layer():
    net = Network(0, 4)
    zeros = f"{net.constant(np.zeros((3, 4), np.float32))} {net.constant(np.zeros(3, np.float32))}"
    output = net.dense(net.add("Relu", net.add("Gemm", f"x {zeros}", transB=1)), 2)
    graph = net.graph(output)
    assert largest_error_steps(graph, quantize(graph, net.samples(9)), net.samples(9)) <= 0.5


def test_quantizing_twice_gives_the_same_bytes():
    net, output = residual_network()
    samples = net.samples(30)
    left, right = (quantize(net.graph(output), samples) for _ in range(2))
    assert ir.same(left, right)
    assert left.metadata == right.metadata


def test_order_and_chunks_of_the_samples_do_not_matter():
    net, graph = small()
    samples = net.samples(200)
    assert ir.same(quantize(graph, samples), quantize(graph, samples[::-1]))


def test_metadata_of_the_model_is_kept():
    net, graph = small()
    kept = replace(graph, metadata={"tinycnn.note": "mine", "tinycnn.moved_scales": "{}"})
    quantized = quantize(kept, net.samples(3))
    assert quantized.metadata["tinycnn.note"] == "mine"
    assert quantized.metadata.get("tinycnn.moved_scales") != "{}"


def test_progress_sees_every_chunk_of_every_round():
    net, graph = small()
    seen: list[tuple[int, int]] = []

    def progress(chunks, count):
        chunks = list(chunks)
        seen.append((len(chunks), count))
        return chunks

    quantize(graph, net.samples(150), method="percentile", progress=progress)
    assert len(seen) == 2
    assert all(length == count > 1 for length, count in seen)


def test_lenet5_is_quick_and_as_good_as_in_float():
    graph = import_model(example("lenet5"), "lenet5")
    start = time.perf_counter()
    quantized = quantize(graph, images("calibration_images"))
    assert time.perf_counter() - start < 5
    assert [n.op.label for n in quantized.nodes if isinstance(n.op, Conv)] == ["Conv 5x5"] * 2
    found = evaluate(quantized, images("test_images"), MNIST["test_labels"].astype(np.int64), against=graph)
    assert found.accuracy_float == 0.993
    assert abs(found.accuracy - found.accuracy_float) <= 0.002


def test_perceptron_is_as_good_as_in_float():
    graph = import_model(example("perceptron"), "perceptron")
    for method in ("minmax", "percentile"):
        quantized = quantize(graph, images("calibration_images"), method=method)
        found = evaluate(quantized, images("test_images"), MNIST["test_labels"].astype(np.int64), against=graph)
        assert found.accuracy_float == 0.989
        assert abs(found.accuracy - found.accuracy_float) <= 0.003
