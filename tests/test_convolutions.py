"""Convolutions of every form, 1-D and 2-D, exact in every runner; three axes in float only."""

from pathlib import Path

import pytest
from exactness import assert_exact
from models import Network, assert_like_onnxruntime

from tinycnn.errors import UnsupportedError
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
