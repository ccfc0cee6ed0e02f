"""Pools over windows as large as the image, 1-D and 2-D, and the largest that can be averaged exactly."""

from pathlib import Path

import pytest
from exactness import assert_exact
from models import Network, assert_like_onnxruntime

from tinycnn.errors import QuantizationError
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
