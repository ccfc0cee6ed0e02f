"""What the tests of quantization share: samples, and what a quantized graph says of its tensors."""

import numpy as np
from models import EXAMPLES, Network, run_float

from tinycnn import engine
from tinycnn.ir import Array, Graph, Quantization

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


def labels(graph: Graph) -> list[str]:
    return [n.op.label for n in graph.nodes]


def small() -> tuple[Network, Graph]:
    net = Network(0, 2, 6, 6)
    return net, net.graph(net.conv("x", 3))


def largest_error_steps(graph: Graph, quantized: Graph, samples: Array) -> float:
    """How far the int8 outputs are from the float ones, in steps of their scale."""
    (name,) = graph.outputs
    exact = run_float(graph, {graph.inputs[0]: samples})[name]
    stored = engine.to_stored(quantized.tensors[graph.inputs[0]], samples)
    actual = engine.to_real(quantized.tensors[name], engine.run(quantized, stored)[name])
    return float(np.abs(actual - exact).max() / quantization(quantized, name).scale[0])
