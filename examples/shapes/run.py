"""1x1 convolutions and bottlenecks, three ways of pooling, strides and dilation: shapes and counts from the library."""

import sys
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn import nn
from tinycnn.onnx_io.load import import_model

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import Array, Figures, check, conclude, markdown, measure  # noqa: E402  (the line above finds it)

RANDOM = np.random.default_rng(0)
EXACT = "nothing: random weights"


def graph_of(value: nn.Value) -> tinycnn.Graph:
    return import_model(nn.to_onnx(value), "shapes.onnx")


def run(value: nn.Value, *inputs: Array) -> Array:
    """What a network of one input makes of one sample, without the batch axis."""
    graph = graph_of(value)
    (result,) = tinycnn.run(graph, {graph.inputs[0]: np.array(inputs, np.float32)}).values()
    return result[0]


def counts(value: nn.Value) -> tuple[str, int, int]:
    """Shape of the output, parameters, multiply-accumulates."""
    graph = graph_of(value)
    summary = tinycnn.summarize(graph)
    shape = summary.layers[-1].output_shape[1:]
    return " x ".join(str(size) for size in (*shape[1:], shape[0])), summary.parameters, summary.macs


def convolved(x: nn.Value, channels_in: int, channels: int, size: int, **how: object) -> nn.Value:
    """A convolution with a bias and random weights."""
    return nn.conv2d(x, nn.he_normal(RANDOM, channels, channels_in, size, size), np.zeros(channels), **how)


def volumes() -> str:
    """What a convolution makes of a volume: the worked numbers of lectures."""
    image = nn.input("x", (3, 32, 32))
    rows = [
        ("32 x 32 x 3", "6 filters 5 x 5", *counts(convolved(image, 3, 6, 5))),
        ("32 x 32 x 3", "10 filters 5 x 5, padded by 2", *counts(convolved(image, 3, 10, 5, padding=(2, 2, 2, 2)))),
        (
            "227 x 227 x 3",
            "96 filters 11 x 11, stride 4",
            *counts(convolved(nn.input("x", (3, 227, 227)), 3, 96, 11, strides=4)),
        ),
        ("56 x 56 x 64", "32 filters 1 x 1", *counts(convolved(nn.input("x", (64, 56, 56)), 64, 32, 1))),
    ]
    check("six 5 x 5 filters make 28 x 28 x 6 of 32 x 32 x 3", rows[0][2] == "28 x 28 x 6")
    check("ten filters of 5 x 5 x 3 and a bias are 760 parameters", rows[1][3] == 10 * (5 * 5 * 3 + 1) == 760)
    check("AlexNet's first layer makes 55 x 55 x 96 with 34,944 parameters", rows[2][2:4] == ("55 x 55 x 96", 34_944))
    check("1 x 1 filters mix channels and keep places", rows[3][2] == "56 x 56 x 32")
    return markdown(("input", "layer", "output", "parameters", "MACs"), rows)


def one_by_one() -> None:
    """A 1x1 convolution is the same dense layer at every place."""
    x = RANDOM.integers(-9, 10, (4, 3, 5)).astype(np.float32)
    weights = RANDOM.integers(-9, 10, (2, 4)).astype(np.float32)
    convolution = run(nn.conv2d(nn.input("x", (4, 3, 5)), weights[:, :, None, None]), x)
    dense = [[run(nn.dense(nn.input("x", (4,)), weights), x[:, r, c]) for c in range(5)] for r in range(3)]
    check(
        "a 1 x 1 convolution is one dense layer at every place",
        np.array_equal(convolution, np.moveaxis(np.array(dense), -1, 0)),
    )


def bottlenecks() -> tuple[str, dict[str, Figures]]:
    """Fewer channels through 1x1 convolutions before the costly ones."""
    same = {"padding": "same"}
    x = nn.input("x", (192, 28, 28))
    inception = {
        "5 x 5, 192 to 32": convolved(x, 192, 32, 5, **same),
        "1 x 1 to 16, 5 x 5 to 32": convolved(convolved(x, 192, 16, 1), 16, 32, 5, **same),
    }
    y = nn.input("x", (256, 14, 14))
    narrow = convolved(convolved(y, 256, 64, 1), 64, 64, 3, **same)
    residual = {
        "two 3 x 3, 256 channels": convolved(convolved(y, 256, 256, 3, **same), 256, 256, 3, **same),
        "1 x 1 to 64, 3 x 3, 1 x 1 to 256": convolved(narrow, 64, 256, 1),
    }
    rows = [
        (size, name, *counts(value)[1:])
        for size, pair in (("28 x 28 x 192", inception), ("14 x 14 x 256", residual))
        for name, value in pair.items()
    ]
    check(
        "120 million multiplications become 12.4 million", [round(row[3] / 1e6, 1) for row in rows[:2]] == [120.4, 12.4]
    )
    check(
        "the residual bottleneck has 17 times fewer weights",
        rows[2][2] // rows[3][2] == 16 and rows[2][2] > 16.5 * rows[3][2],
    )
    figures = {}
    for name, value in inception.items():
        graph = graph_of(value)
        samples = RANDOM.uniform(0, 1, (2, 192, 28, 28)).astype(np.float32)
        figures[name] = measure(tinycnn.quantize(graph, samples), samples, EXACT, None, None)
    return markdown(("input", "layers", "parameters", "MACs"), rows), figures


def pooling() -> str:
    """The largest of each 2x2, their mean and their root of the sum of squares: in float, and as int8 everywhere."""
    image = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32)
    x = nn.input("x", (1, 4, 4))
    pools = {"max": nn.max_pool(x, (2, 2)), "mean": nn.average_pool(x, (2, 2)), "L2": nn.lp_pool(x, (2, 2))}
    expected = {"max": [6, 8, 3, 4], "mean": [3.25, 5.25, 2, 2], "L2": np.sqrt([63, 133, 18, 26])}
    rows = []
    for name, pool in pools.items():
        found = run(pool, image[None])[0].ravel()
        check(f"{name} pooling of the lecture's 4 x 4 by 2 x 2", np.allclose(found, expected[name], rtol=1e-6))
        int8 = tinycnn.quantize(graph_of(pool), np.array([[image]]))
        for runner in tinycnn.verify(int8, np.array([[image]]), ["onnxruntime", "host"]):
            check(f"{name} pooling as int8: {runner.name} computes the engine's bytes", runner.mismatches == 0)
        stored = tinycnn.run(
            int8, {int8.inputs[0]: tinycnn.to_stored(int8.tensors[int8.inputs[0]], np.array([[image]]))}
        )
        real = tinycnn.to_real(int8.tensors[int8.outputs[0]], stored[int8.outputs[0]]).ravel()
        rows.append((name, *(", ".join(f"{value:.2f}" for value in values) for values in (found, real))))
    return markdown(("pooling", "float", "int8"), rows)


def strides() -> str:
    """(N - F) / S + 1 places, rounded down: where it does not come out even, the last pixels are not looked at."""
    rows = []
    for size, filter_size, stride in ((7, 3, 1), (7, 3, 2), (7, 3, 3), (32, 5, 1), (227, 11, 4), (55, 3, 2)):
        x = nn.input("x", (1, size, size))
        shape = counts(convolved(x, 1, 1, filter_size, strides=stride))[0]
        places = (size - filter_size) // stride + 1
        check(f"N={size}, F={filter_size}, S={stride}: {places} places", shape == f"{places} x {places} x 1")
        rows.append((size, filter_size, stride, places, size - (places - 1) * stride - filter_size))
    return markdown(("N", "F", "S", "places", "pixels left over"), rows)


def dilation() -> str:
    """Three 3x3 convolutions after one another see 7 pixels; dilated by 1, 2 and 4 with as many weights, 15."""
    rows = []
    for name, dilations in (("plain", (1, 1, 1)), ("dilated by 1, 2, 4", (1, 2, 4))):
        x = nn.input("x", (1, 32, 32))
        for step in dilations:
            x = nn.conv2d(x, nn.he_normal(RANDOM, 1, 1, 3, 3), dilations=step)
        summary = tinycnn.summarize(graph_of(x))
        field = [layer.receptive_field[0] for layer in summary.layers]
        rows.append((name, ", ".join(str(size) for size in field), summary.parameters, counts(x)[0]))
    seven = counts(nn.conv2d(nn.input("x", (1, 32, 32)), nn.he_normal(RANDOM, 1, 1, 7, 7)))
    rows.append(("one 7 x 7", "7", seven[1], seven[0]))
    check(
        "three 3 x 3 see 3, 5, 7 pixels; dilated by 1, 2, 4 they see 3, 7, 15",
        [row[1] for row in rows[:2]] == ["3, 5, 7", "3, 7, 15"],
    )
    check("27 weights do for 15 x 15 pixels, 49 for 7 x 7 in one filter", [row[2] for row in rows[1:]] == [27, 49])
    return markdown(("convolutions", "pixels seen behind each", "weights", "output of 32 x 32"), rows)


def main() -> None:
    one_by_one()
    shown, figures = bottlenecks()
    conclude(
        FOLDER, figures, volumes=volumes(), bottlenecks=shown, pooling=pooling(), strides=strides(), dilation=dilation()
    )


if __name__ == "__main__":
    main()
