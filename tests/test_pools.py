"""Pools over windows as large as the image, 1-D and 2-D, and the largest that can be averaged exactly."""

from pathlib import Path

import pytest
from exactness import assert_exact
from models import Network, assert_like_onnxruntime

import tinycnn
from tinycnn import ir
from tinycnn.errors import QuantizationError, UnsupportedError
from tinycnn.onnx_io.export import FORMATS
from tinycnn.quantize import quantize


@pytest.mark.parametrize("sizes", [(9,), (7, 5)])
def test_a_global_max_pool_is_exact(sizes: tuple[int, ...], tmp_path: Path) -> None:
    net = Network(1, 2, *sizes)
    x = net.add("GlobalMaxPool", net.add("Relu", net.conv("x", 6)))
    assert_exact(net.proto(net.dense(net.add("Flatten", x), 3)), net.samples(20), tmp_path)


def test_a_global_max_pool_in_float_takes_any_number_of_axes() -> None:
    net = Network(2, 2, 3, 4, 5)
    assert_like_onnxruntime(net.proto(net.add("GlobalMaxPool", "x")), {"x": net.samples(2)})


def test_a_mean_of_more_than_1024_elements_is_exact(tmp_path: Path) -> None:
    net = Network(3, 1, 34, 36)
    assert_exact(net.proto(net.add("AveragePool", "x", kernel_shape=[33, 34])), net.samples(6), tmp_path, compared=4)


def test_a_mean_that_float32_cannot_sum_exactly_is_refused_with_its_name() -> None:
    net = Network(4, 1, 66, 66)
    graph = net.graph(net.add("AveragePool", "x", kernel_shape=[65, 64]))
    with pytest.raises(QuantizationError, match="'averagepool_0_node': It averages 4,160 elements"):
        quantize(graph, net.samples(3))


NORMS: dict[str, tuple[tuple[int, ...], str, dict[str, object]]] = {
    "L2": ((3, 7, 8), "LpPool", {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [1, 1, 0, 1]}),
    "L1, dilated": ((3, 9, 8), "LpPool", {"p": 1, "kernel_shape": [3, 2], "dilations": [2, 3]}),
    "L2, ceil": ((2, 8, 6), "LpPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "L2 of a signal": ((4, 20), "LpPool", {"kernel_shape": [5], "strides": [3], "pads": [2, 2]}),
    "global L2": ((3, 16, 16), "GlobalLpPool", {}),
    "global L1": ((3, 20, 17), "GlobalLpPool", {"p": 1}),
}


@pytest.mark.parametrize("form", NORMS)
def test_a_norm_is_exact_and_read_back(form: str, tmp_path: Path) -> None:
    shape, op_type, attributes = NORMS[form]
    net = Network(9, *shape, opset=18)
    proto = net.proto(net.conv(net.add(op_type, net.conv("x", 3, 1), **attributes), 2, 1))
    graph = assert_exact(proto, net.samples(12), tmp_path, compared=6)
    for format in FORMATS:
        path = tmp_path / f"{format}.onnx"
        tinycnn.save(graph, path, format)
        assert ir.same(tinycnn.load(path), graph)


def test_a_norm_of_too_many_elements_is_refused_by_name() -> None:
    net = Network(10, 1, 17, 17)
    graph = net.graph(net.add("GlobalLpPool", "x"))
    with pytest.raises(UnsupportedError, match=r"'globallppool_0_node' .* at most 258 elements"):
        quantize(graph, net.samples(3))
