"""Layers that ONNX writes as several operators: read as one, exact everywhere, and written to be read again."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from hypothesis import example, given, settings
from models import Network, floats, save
from strategies import SEEDS

import tinycnn
from tinycnn import ir, nn
from tinycnn.errors import ModelError
from tinycnn.ops import Conv, Dense, LocallyConnected, Window
from tinycnn.passes import FLOAT_PASSES, run_passes
from tinycnn.passes.locally_connected import _axis


def reloaded(graph: ir.Graph, folder: Path) -> None:
    """Both formats of an int8 graph are read as the same graph."""
    for format in ("qoperator", "qdq"):
        path = folder / f"{format}.onnx"
        tinycnn.save(graph, path, format)
        assert ir.same(tinycnn.load(path), graph), format


def local(window: Window, filters: int, *shape: int, seed: int = 0) -> nn.Value:
    """A locally connected layer with random weights on an input of `shape`."""
    rng = np.random.default_rng(seed)
    sizes = window.output_sizes(shape[1:])
    weights = nn.he_normal(rng, *sizes, filters, shape[0], *window.kernel)
    x, bias = nn.input("x", shape), rng.normal(0, 0.3, (*sizes, filters))
    options = {"strides": window.strides, "padding": window.pads, "dilations": window.dilations}
    return nn.locally_connected2d(x, weights, bias, **options, name="local")


WINDOWS = {
    "plain": Window.of((3, 3)),
    "strides and padding": Window((3, 2), (2, 1), (1, 1), (1, 1, 0, 0)),
    "dilations": Window((2, 3), (1, 2), (3, 1), (2, 0, 1, 1)),
    "tiles": Window.of((2, 3), (2, 3)),
    "whole": Window.of((8, 6)),
}


@pytest.mark.parametrize("filters", [3, 4])
@pytest.mark.parametrize("case", WINDOWS)
def test_a_locally_connected_layer_is_exact(case: str, filters: int, tmp_path: Path) -> None:
    layer = nn.relu(local(WINDOWS[case], filters, 2, 8, 6))
    samples = floats(np.random.default_rng(1), 12, 2, 8, 6)
    graph = assert_exact(nn.to_onnx(layer), samples, tmp_path, compared=3)
    assert [type(node.op) for node in graph.nodes] == [LocallyConnected]
    reloaded(graph, tmp_path)


def test_the_layer_is_known_as_soon_as_the_file_is_read(tmp_path: Path) -> None:
    """Its weights and products are counted as they are: (6 * 6) * 5 against (3 * 3 + 1) * 3 of the lectures."""
    path = save(nn.to_onnx(local(Window.of((3, 3)), 2, 1, 6, 6)), tmp_path / "local.onnx")
    (layer,) = tinycnn.summarize(tinycnn.load(path)).layers
    assert (layer.op, layer.receptive_field) == ("LocallyConnected 3x3", (3, 3))
    assert (layer.parameters, layer.macs) == (16 * 2 * (9 + 1), 16 * 2 * 9)


def test_with_equal_weights_it_is_a_convolution() -> None:
    rng = np.random.default_rng(2)
    x, w, b = floats(rng, 2, 3, 7, 5), floats(rng, 4, 3, 2, 3), floats(rng, 4)
    window = Window((2, 3), (2, 1), (1, 1), (1, 0, 0, 1))
    (expected,) = Conv(window).run_float(x, w, b)
    positions = int(np.prod(expected.shape[2:]))
    (found,) = LocallyConnected(window).run_float(x, np.tile(w, (positions, 1, 1, 1)), np.tile(b, positions))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None, print_blob=True)
@example(77398)  # two windows with one element each: only trying tells stride and dilation
@given(SEEDS)
def test_a_window_is_found_from_what_it_sees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, taps, stride, dilation = (int(rng.integers(low, high)) for low, high in ((4, 12), (2, 4), (1, 4), (1, 3)))
    begin, end = (int(rng.integers(0, taps)) for _ in "be")
    outputs = (size + begin + end - (taps - 1) * dilation - 1) // stride + 1
    if outputs < 2:
        return
    at = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - begin
    table = tuple(np.where((at >= 0) & (at < size), at, -1).reshape(-1).tolist())
    found = _axis(table, size, outputs, taps)
    assert found is not None
    stride, dilation, begin, _ = found  # others than those drawn where padding hides them, with the same places
    seen = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - begin
    assert tuple(np.where((seen >= 0) & (seen < size), seen, -1).reshape(-1).tolist()) == table
    inside = (at >= 0) & (at < size)
    if (inside[:, 1:] & inside[:, :-1]).any():
        assert _axis(table[::-1], size, outputs, taps) is None


def test_other_chains_stay_what_they_are() -> None:
    """A grouped convolution of one pixel between Reshapes that moves other elements."""
    net = Network(3, 2, 4, 4)
    split = net.add("Reshape", f"x {net.constant(np.array([0, 2, 2, 2, 2, 2]))}")
    turned = net.add("Transpose", split, perm=[0, 4, 2, 1, 3, 5])
    pixel = net.add("Reshape", f"{turned} {net.constant(np.array([0, 32, 1, 1]))}")
    image = net.add("Reshape", f"{net.conv(pixel, 12, 1, group=4)} {net.constant(np.array([0, 2, 2, 3]))}")
    graph = run_passes(net.graph(net.add("Transpose", image, perm=[0, 3, 1, 2])), FLOAT_PASSES)
    assert not any(isinstance(node.op, LocallyConnected) for node in graph.nodes)


def test_weights_of_another_rank_are_refused() -> None:
    with pytest.raises(ModelError, match="have 6 axes"):
        nn.locally_connected2d(nn.input("x", (1, 4, 4)), np.zeros((2, 1, 3, 3)))
    with pytest.raises(ModelError, match="do not fit"):
        LocallyConnected(Window.of((3, 3))).output_shapes((1, 2, 6, 6), (17, 2, 3, 3))


@pytest.mark.parametrize("leading", [(5,), (2, 3), (2, 3, 2)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_dense_over_rows_is_exact(leading: tuple[int, ...], with_bias: bool, tmp_path: Path) -> None:
    net = Network(4, *leading, 9)
    weights = net.constant(floats(net.rng, 9, 7) / np.float32(3))
    y = net.add("MatMul", f"x {weights}")
    if with_bias:
        y = net.add("Relu", net.add("Add", f"{y} {net.constant(floats(net.rng, 7))}"))
    graph = assert_exact(net.proto(y), net.samples(12), tmp_path, compared=3)
    assert [type(node.op) for node in graph.nodes] == [Dense]
    reloaded(graph, tmp_path)


def test_a_dense_behind_a_convolution_of_a_signal(tmp_path: Path) -> None:
    net = Network(5, 3, 10)
    x = net.add("Transpose", net.conv("x", 6), perm=[0, 2, 1])
    y = net.add("MatMul", f"{x} {net.constant(floats(net.rng, 6, 4))}")
    graph = assert_exact(net.proto(y), net.samples(12), tmp_path, compared=3)
    assert [type(node.op) for node in graph.nodes] == [Conv, Dense]
