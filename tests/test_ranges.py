"""Ranges of activations: what -128 and 127 stand for, and which values calibration takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import Network, floats, model, node
from quantized_graphs import quantization, reals

from tinycnn.ir import Array, Quantization
from tinycnn.onnx_io.load import import_model
from tinycnn.quantize import quantize
from tinycnn.quantize.calibrate import Range, calibrate
from tinycnn.quantize.weights import LEAST_SCALE, activation_quantization, weight_scales


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
