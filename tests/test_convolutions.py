"""Convolutions of every form, 1-D and 2-D, exact in every runner; three axes in float only."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from models import Network, assert_like_onnxruntime, floats

import tinycnn
from tinycnn import ir
from tinycnn.errors import UnsupportedError
from tinycnn.onnx_io.export import FORMATS
from tinycnn.quantize import quantize

FORMS: dict[str, tuple[tuple[int, ...], int, tuple[int, ...], dict[str, object]]] = {
    "1-D full padding": ((3, 20), 6, (5,), {"pads": [4, 4]}),
    "1-D strides and dilations": ((4, 31), 6, (4,), {"strides": [3], "dilations": [2], "pads": [1, 5]}),
    "1-D groups": ((4, 12), 6, (3,), {"group": 2, "auto_pad": "SAME_UPPER", "strides": [2]}),
    "1-D depthwise with a multiplier": ((3, 17), 6, (3,), {"group": 3, "dilations": [3], "pads": [2, 4]}),
    "2-D strides per axis": ((2, 9, 11), 5, (2, 4), {"strides": [1, 3], "pads": [0, 3, 1, 0]}),
    "2-D dilations per axis": ((2, 12, 9), 5, (3, 3), {"dilations": [4, 2], "pads": [4, 0, 4, 4]}),
    "2-D same, lower": ((3, 8, 7), 4, (4, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "2-D valid": ((3, 8, 7), 4, (1, 6), {"auto_pad": "VALID"}),
    "2-D depthwise with a multiplier": ((2, 9, 8), 6, (3, 2), {"group": 2, "dilations": [2, 3], "strides": [2, 1]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_convolution_is_exact(form: str, tmp_path: Path) -> None:
    shape, outputs, kernel, attributes = FORMS[form]
    net = Network(5, *shape)
    weights = net.weights(outputs, shape[0] // int(str(attributes.get("group", 1))), *kernel)
    assert_exact(net.proto(net.add("Conv", f"x {weights}", **attributes)), net.samples(12), tmp_path, compared=4)


def test_a_convolution_over_three_axes_runs_in_float_and_is_refused_on_int8() -> None:
    net = Network(6, 2, 5, 6, 7)
    graph = assert_like_onnxruntime(net.proto(net.conv("x", 3, strides=[1, 2, 1])), {"x": net.samples(2)})
    with pytest.raises(UnsupportedError, match=r"'conv_0_node' .* only over one or two axes, not 3"):
        quantize(graph, net.samples(4))


TRANSPOSED: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]] = {
    "1-D": ((3, 9), (3, 4, 5), {"strides": [3], "pads": [1, 2], "output_padding": [2]}),
    "kernel smaller than the stride": ((4, 5), (4, 2, 1), {"strides": [3]}),
    "2-D strides per axis": ((4, 5, 3), (4, 6, 3, 4), {"strides": [1, 2], "pads": [1, 0, 0, 1]}),
    "2-D groups and dilations": ((4, 4, 5), (4, 3, 2, 3), {"group": 2, "strides": [2, 3], "dilations": [3, 2]}),
    "2-D depthwise": ((3, 5, 4), (3, 1, 4, 4), {"group": 3, "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "2-D same": ((2, 4, 5), (2, 7, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
}


@pytest.mark.parametrize("form", TRANSPOSED)
def test_a_transposed_convolution_is_exact_and_read_back(form: str, tmp_path: Path) -> None:
    shape, weights, attributes = TRANSPOSED[form]
    net = Network(7, *shape)
    bias = net.constant(floats(net.rng, weights[1] * int(str(attributes.get("group", 1)))))
    names = f"x {net.constant(floats(net.rng, *weights))} {bias}"
    graph = assert_exact(
        net.proto(net.add("ConvTranspose", names, **attributes)), net.samples(12), tmp_path, compared=4
    )
    for format in FORMATS:
        path = tmp_path / f"{format}.onnx"
        tinycnn.save(graph, path, format)
        assert ir.same(tinycnn.load(path), graph)


def test_an_autoencoder_is_exact(tmp_path: Path) -> None:
    net = Network(8, 1, 12, 10)
    x = net.add("Relu", net.conv("x", 4, strides=[2, 2], pads=[1, 1, 1, 1]))
    x = net.add("Relu", net.conv(x, 6, strides=[2, 2], pads=[1, 1, 1, 1]))
    for outputs, extra in ((4, [1, 0]), (1, [1, 1])):
        weights = net.constant(floats(net.rng, net.shapes[x][1], outputs, 3, 3) / np.float32(4))
        x = net.add("ConvTranspose", f"{x} {weights}", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=extra)
        x = net.batch_normalization(x)
    assert_exact(net.proto(x), net.samples(20), tmp_path, compared=4)
