"""What quantization refuses: samples, values and models, each by name."""

import numpy as np
import pytest
from models import Network
from quantized_graphs import small

from tinycnn.errors import DataError, QuantizationError, UnsupportedError
from tinycnn.quantize import quantize


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
