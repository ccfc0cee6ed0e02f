"""Models as tf2onnx writes those of Keras: channels last, padding and biases beside the layers. All of it is folded."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from models import Network, floats
from test_movement import i

from tinycnn.engine import run
from tinycnn.ops import AveragePool, Conv, MaxPool, Take, Transpose
from tinycnn.passes import FLOAT_PASSES, run_passes


def first(net: Network, x: str) -> str:
    return net.add("Transpose", x, perm=[0, 3, 1, 2])


def last(net: Network, x: str) -> str:
    return net.add("Transpose", x, perm=[0, 2, 3, 1])


def padded(net: Network, x: str, *pads: int) -> str:
    return net.add("Pad", f"{x} {net.constant(i(*pads))}")


def residual() -> tuple[Network, str]:
    """Channels last between all layers, explicit padding, a residual, a scale and a concat along the last axis."""
    net = Network(2, 12, 10, 3)
    x = last(net, net.conv(first(net, padded(net, "x", 0, 1, 0, 0, 0, 1, 2, 0)), 8, 3, strides=[2, 2]))
    x = net.add("Relu", net.add("Add", f"{x} {net.constant(floats(net.rng, 8))}"))
    x = last(net, net.add("MaxPool", first(net, padded(net, x, 0, 1, 1, 0, 0, 0, 1, 0)), kernel_shape=[3, 3]))
    y = last(net, net.conv(first(net, x), 8, 3, group=8, pads=[1, 1, 1, 1]))
    x = net.add("Relu", net.add("Add", f"{x} {net.add('Mul', f'{y} {net.constant(floats(net.rng, 8))}')}"))
    x = net.add("Concat", f"{x} {last(net, net.conv(first(net, x), 4, 1))}", axis=3)
    x = net.add("ReduceMean", x, axes=[1, 2], keepdims=0)
    x = net.add("MatMul", f"{x} {net.constant(floats(net.rng, 12, 5))}")
    return net, net.add("Softmax", net.add("Add", f"{x} {net.constant(floats(net.rng, 5))}"))


def test_a_keras_model_ends_without_transposes_and_pads(tmp_path: Path) -> None:
    net, output = residual()
    graph = assert_exact(net.proto(output), net.samples(5), tmp_path, compared=3)
    kinds = [type(node.op) for node in graph.nodes]
    assert not {Transpose, Take} & set(kinds)
    windows = [node.op.window for node in graph.nodes if isinstance(node.op, Conv | MaxPool)]
    assert [window.pads for window in windows] == [(1, 0, 1, 2), (1, 1, 0, 1), (1, 1, 1, 1), (0, 0, 0, 0)]


CASES = {
    "Conv": ("Conv", 0.0, {}, True),
    "Conv by one": ("Conv", 1.0, {}, False),
    "AveragePool": ("AveragePool", 0.0, {}, True),
    "AveragePool that does not count its own": ("AveragePool", 0.0, {"pads": [1, 0, 0, 0]}, False),
    "AveragePool that counts": ("AveragePool", 0.0, {"pads": [1, 0, 0, 0], "count_include_pad": 1}, True),
    "MaxPool of any numbers": ("MaxPool", 0.0, {}, False),
    "MaxPool by the least number": ("MaxPool", -np.inf, {}, True),
    "LpPool": ("LpPool", 0.0, {}, True),
}


@pytest.mark.parametrize("case", CASES)
def test_padding_becomes_that_of_the_layer_behind_it(case: str) -> None:
    kind, fill, attributes, is_folded = CASES[case]
    net = Network(3, 2, 6, 5)
    pads, value = net.constant(i(0, 0, 1, 0, 0, 0, 1, 1)), net.constant(np.array(fill, np.float32))
    x = net.add("Pad", f"x {pads} {value}")
    y = net.conv(x, 3) if kind == "Conv" else net.add(kind, x, kernel_shape=[3, 3], **attributes)
    graph = net.graph(y)
    folded = run_passes(graph, FLOAT_PASSES)
    assert (Take not in [type(node.op) for node in folded.nodes]) == is_folded
    samples = net.samples(3)
    (expected,) = run(graph, samples).values()
    found = np.moveaxis(run(folded, np.moveaxis(samples, 1, -1))[y], -1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    if is_folded and kind == "AveragePool":
        assert [node.op.count_include_pad for node in folded.nodes if isinstance(node.op, AveragePool)] == [True]


def test_padding_that_something_else_reads_stays() -> None:
    net = Network(4, 2, 6, 5)
    x = padded(net, "x", 0, 0, 1, 1, 0, 0, 1, 1)
    both = net.add("Concat", f"{net.conv(x, 3)} {net.add('MaxPool', x, kernel_shape=[3, 3])}", axis=1)
    assert Take in [type(node.op) for node in run_passes(net.graph(both), FLOAT_PASSES).nodes]
