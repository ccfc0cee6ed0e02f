"""Small random networks from a recipe, and what must hold for each of them.

    python tests/random_networks.py "(2, 7, [('conv', 1, 2, 3)])"

runs one recipe again: the number of spatial axes, a seed for sizes, weights and samples, and the steps. A step is a
kind and three whole numbers, which choose its inputs and attributes; one that fits nothing is left out.
"""

import ast
import sys
from collections.abc import Callable, Sequence

import numpy as np
from models import Network, run_float, run_onnxruntime
from onnx import ModelProto

import tinycnn
from tinycnn.onnx_io.load import import_model

Step = tuple[str, int, int, int]
Recipe = tuple[int, int, Sequence[Step]]
COMPARED = 4


class Drawing:
    """A network under construction, and all its images so far."""

    def __init__(self, rank: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sizes = rng.integers(4, 10, rank) if rank == 2 else rng.integers(8, 24, 1)
        self.rank = rank
        self.net = Network(seed, int(rng.integers(1, 5)), *map(int, sizes))
        self.images = ["x"]

    def sizes(self, name: str) -> tuple[int, ...]:
        return self.net.shapes[name][2:]

    def channels(self, name: str) -> int:
        return self.net.shapes[name][1]

    def peer(self, x: str, index: int, *, channels: bool) -> str | None:
        """Another image of the same size, with `channels` also of as many channels."""
        fits = [
            name
            for name in self.images
            if name != x and self.sizes(name) == self.sizes(x) and self.channels(name) in (self.channels(x), *(
                () if channels else range(64)))
        ]  # fmt: skip
        return fits[index % len(fits)] if fits else None


def conv(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    kernel, stride, dilation = 1 + a % 3, 1 + b % 2, 1 + c % 2
    reach = (kernel - 1) * dilation
    pads = [min(a, reach)] * d.rank + [min(c, reach)] * d.rank
    if min(d.sizes(x)) + pads[0] + pads[-1] <= reach:
        return None
    return d.net.conv(
        x, 1 + c, kernel, strides=[stride] * d.rank, dilations=[dilation] * d.rank, pads=pads
    )  # fmt: skip


def same(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    """A convolution that keeps sizes and channels, so that others find a peer; grouped or depthwise too."""
    channels = d.channels(x)
    groups = [count for count in range(1, channels + 1) if channels % count == 0]
    return d.net.conv(x, channels, 3, group=groups[a % len(groups)], pads=[1] * 2 * d.rank)


def pool(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    kernel = 1 + a % 3
    kind = ("MaxPool", "AveragePool", "LpPool")[b % 3]
    if min(d.sizes(x)) < kernel:
        return None
    attributes = {} if kind != "AveragePool" else {"count_include_pad": c % 2}
    pads = [min(c % 2, kernel - 1)] * 2 * d.rank
    return d.net.add(kind, x, kernel_shape=[kernel] * d.rank, strides=[1 + c % 2] * d.rank, pads=pads, **attributes)


def function(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    kind = ("Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Elu", "HardSigmoid", "Softplus")[a]
    return d.net.add(kind, x)


def clip(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    return d.net.clip(x, (None, -0.5, 0.0)[a % 3], (None, 0.7, 6.0)[b % 3])


def together(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    other = d.peer(x, b, channels=True)
    return d.net.add(("Add", "Mul", "Max", "Min")[a % 4], f"{x} {other}") if other else None


def concat(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    other = d.peer(x, b, channels=False)
    return d.net.add("Concat", f"{x} {other}", axis=1) if other and d.channels(x) < 12 else None


def gate(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    """Squeeze and excite."""
    means = d.net.conv(d.net.add("GlobalAveragePool", x), d.channels(x), 1)
    return d.net.add("Mul", f"{x} {d.net.add('Sigmoid', means)}")


def move(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    """Reverse or crop the first spatial axis, pad, or enlarge."""
    size, constant = d.sizes(x)[0], d.net.constant

    def numbers(*values: int) -> str:
        return constant(np.array(values, np.int64))

    if a % 4 == 0:
        return d.net.add("Slice", f"{x} {numbers(-1)} {numbers(-99)} {numbers(2)} {numbers(-1)}")
    if a % 4 == 1 and size > 3:
        return d.net.add("Slice", f"{x} {numbers(b % 3)} {numbers(size)} {numbers(2)} {numbers(1 + c % 2)}")
    if a % 4 == 2:
        pads = [0, 0, *[b % 2] * d.rank, 0, 0, *[c % 3] * d.rank]
        return d.net.add("Pad", f"{x} {numbers(*pads)}", mode=("constant", "edge")[b % 2])
    scales = constant(np.array([1, 1, *[2] * d.rank], np.float32))
    attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return d.net.add("Resize", f"{x} - {scales}", mode="nearest", **attributes) if max(d.sizes(x)) < 12 else None


def normalize(d: Drawing, x: str, a: int, b: int, c: int) -> str | None:
    return d.net.batch_normalization(x)


KINDS: dict[str, Callable[[Drawing, str, int, int, int], str | None]] = {
    rule.__name__: rule for rule in (conv, same, pool, function, clip, together, concat, gate, move, normalize)
}


def build(recipe: Recipe) -> tuple[Network, ModelProto]:
    """Each step reads one of the last images; the end is a classifier, or the last image beside it."""
    rank, seed, steps = recipe
    drawing = Drawing(rank, seed)
    drawing.images.append(same(drawing, "x", 0, 0, 0) or "x")
    for kind, a, b, c in steps:
        x = drawing.images[-1 - (b % 3 == 2 and len(drawing.images) > 2)]
        made = KINDS[kind](drawing, x, a, b, c)
        if made:
            drawing.images.append(made)
    net, last = drawing.net, drawing.images[-1]
    if seed % 3 == 0:
        return net, net.proto(last)
    logits = net.dense(net.add("Flatten", net.add("GlobalAveragePool", last)), 3)
    return net, net.proto(logits if seed % 3 == 1 else f"{logits} {last}")


def check(recipe: Recipe) -> None:
    """The float engine gives onnxruntime's floats; int8 the same bytes in engine, onnxruntime (both formats) and C."""
    net, proto = build(recipe)
    samples = net.samples(12) * np.float32(10.0 ** net.rng.integers(-2, 3))
    floats = import_model(proto, "random.onnx")
    found = run_float(floats, {"x": samples[:3]})
    for name, expected in run_onnxruntime(proto, {"x": samples[:3]}).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max(), err_msg=name)
    graph = tinycnn.quantize(floats, samples)
    for result in tinycnn.verify(graph, samples[:COMPARED], ["onnxruntime", "host"]):
        wrong = {tensor.name: tensor.mismatches for tensor in result.tensors if tensor.mismatches}
        assert not wrong, f"{result.name}: {wrong}; {result.notes}"


if __name__ == "__main__":
    check(ast.literal_eval(sys.argv[1]))
