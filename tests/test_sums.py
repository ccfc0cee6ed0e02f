"""Products of two tensors, reductions, means with dilations and linear Resize: exact everywhere, and read back."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from int8_graphs import GraphBuilder
from models import Network, assert_like_onnxruntime, floats, model, node
from test_layers import reloaded

import tinycnn
from tinycnn.errors import QuantizationError, UnsupportedError
from tinycnn.ir import Graph
from tinycnn.ops import AveragePool, MatrixProduct, Reduce, ResizeLinear, dequantize_array
from tinycnn.ops.resize import WEIGHT_BITS


def exact(net: Network, output: str, folder: Path) -> Graph:
    graph = assert_exact(net.proto(output), net.samples(12), folder, compared=3)
    reloaded(graph, folder)
    return graph


@pytest.mark.parametrize("heads", [0, 2])
def test_attention_is_exact(heads: int, tmp_path: Path) -> None:
    """Queries times transposed keys, Softmax, times values."""
    net = Network(heads, *([heads] if heads else []), 5, 8)
    q, k, v = (net.add("MatMul", f"x {net.constant(floats(net.rng, 8, 6) / 3)}") for _ in "qkv")
    turned = net.add("Transpose", k, perm=[0, 1, 3, 2] if heads else [0, 2, 1])
    weights = net.add("Softmax", net.add("MatMul", f"{q} {turned}"), axis=-1)
    graph = exact(net, net.add("MatMul", f"{weights} {v}"), tmp_path)
    assert sum(isinstance(node.op, MatrixProduct) for node in graph.nodes) == 2


def test_a_matrix_product_of_other_tensors_is_refused_by_name() -> None:
    net = Network(1, 2, 3, 4, 4)
    graph = net.graph(net.add("MatMul", "x x"))
    with pytest.raises(UnsupportedError, match=r"'matmul_0_node' \(MatMul\) has an int8 form only for two tensors of"):
        tinycnn.quantize(graph, net.samples(3))
    net = Network(2, 4, 4)
    graph = net.graph(net.add("MatMul", f"{net.constant(floats(net.rng, 4, 4))} x"))
    with pytest.raises(UnsupportedError, match=r"\(MatMul\) has a constant first factor"):
        tinycnn.quantize(graph, net.samples(3))


REDUCTIONS = [
    ("ReduceMean", [1], 1),
    ("ReduceMean", [2], 0),
    ("ReduceSum", [1, 3], 1),
    ("ReduceSum", [2, 3], 0),
    ("ReduceMax", [1], 0),
    ("ReduceMin", [3], 1),
    ("ReduceMean", [1, 2, 3], 0),
]


@pytest.mark.parametrize(("function", "axes", "keepdims"), REDUCTIONS)
def test_a_reduction_is_exact(function: str, axes: list[int], keepdims: int, tmp_path: Path) -> None:
    net = Network(3, 3, 5, 4)
    x = net.add("Relu", net.conv("x", 4, 3, pads=[1] * 4))
    given = f" {net.constant(np.array(axes))}" if function == "ReduceSum" else ""
    attributes = {} if given else {"axes": axes}
    graph = exact(net, net.add(function, x + given, keepdims=keepdims, **attributes), tmp_path)
    assert any(isinstance(node.op, Reduce) for node in graph.nodes)


def test_a_reduction_of_vectors_is_exact(tmp_path: Path) -> None:
    net = Network(4, 9)
    exact(net, net.add("ReduceMean", net.dense("x", 7), axes=[-1]), tmp_path)


def test_other_reductions_are_refused_by_name() -> None:
    net = Network(5, 3, 4)
    graph = net.graph(net.add("ReduceSumSquare", "x", axes=[1]))
    with pytest.raises(
        UnsupportedError, match=r"'reducesumsquare_0_node' \(ReduceSumSquare 1\) has no int8 form; ReduceMax"
    ):
        tinycnn.quantize(graph, net.samples(3))


POOLS: dict[str, tuple[tuple[int, ...], dict[str, object]]] = {
    "dilations": ((3, 9, 8), {"kernel_shape": [2, 3], "dilations": [3, 2]}),
    "dilations and padding": ((2, 7, 9), {"kernel_shape": [3, 2], "dilations": [2, 2], "pads": [1, 1, 1, 0]}),
    "ceil_mode and padding counted": (
        (2, 6, 7),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 1], "ceil_mode": 1, "count_include_pad": 1},
    ),
    "a signal": ((2, 12), {"kernel_shape": [3], "dilations": [2], "strides": [2]}),
}


@pytest.mark.parametrize("case", POOLS)
def test_a_mean_that_onnxruntime_has_no_integers_for_is_exact(case: str, tmp_path: Path) -> None:
    shape, attributes = POOLS[case]
    net = Network(6, *shape, opset=19)
    graph = exact(net, net.conv(net.add("AveragePool", net.conv("x", 3, 1), **attributes), 2, 1), tmp_path)
    assert isinstance(graph.nodes[1].op, AveragePool)


RESIZES = {
    "factor 2": ((2, 3, 4), (1, 1, 2, 2), "half_pixel"),
    "fraction": ((2, 5, 4), (1, 1, 1.7, 0.6), "half_pixel"),
    "corners": ((2, 4, 3), (1, 1, 1.5, 2), "align_corners"),
    "pytorch": ((2, 4, 1), (1, 1, 0.5, 3), "pytorch_half_pixel"),
    "rows only": ((2, 3, 3), (1, 1, 3, 1), "asymmetric"),
    "columns only": ((2, 3, 3), (1, 1, 1, 1.5), "asymmetric"),
    "a signal": ((3, 7), (1, 1, 2.5), "half_pixel"),
}


@pytest.mark.parametrize("case", RESIZES)
def test_a_linear_resize_is_exact(case: str, tmp_path: Path) -> None:
    shape, factors, mode = RESIZES[case]
    net = Network(7, *shape)
    x = net.add("Relu", net.conv("x", 3, 1))
    scales = net.constant(np.array(factors, np.float32))
    y = net.add("Resize", f"{x} - {scales}", mode="linear", coordinate_transformation_mode=mode)
    graph = exact(net, net.conv(y, 2, 1), tmp_path)
    assert isinstance(graph.nodes[1].op, ResizeLinear)


def test_a_resize_alone_is_exact(tmp_path: Path) -> None:
    net = Network(8, 2, 5, 4)
    scales = net.constant(np.array([1, 1, 1.5, 2], np.float32))
    exact(net, net.add("Resize", f"x - {scales}", mode="linear"), tmp_path)


def test_upsample_of_older_operator_sets_is_exact(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "r"), node("Upsample", "r f", "y", mode="linear")]
    proto = model(nodes, {"x": ["batch", 2, 3, 4]}, {"f": np.array([1, 1, 2, 1.5], np.float32)}, opset=9)
    assert_exact(proto, floats(np.random.default_rng(9), 9, 2, 3, 4), tmp_path, compared=3)


def test_a_resize_is_within_one_of_the_rounded_interpolation() -> None:
    rng = np.random.default_rng(10)
    weights = tuple(rng.uniform(0, 1, 12).tolist())
    taps = ((tuple(range(12)), tuple(1 - w for w in weights)), (tuple(range(1, 13)), weights))
    x = rng.integers(-128, 128, (50, 13, 13, 2)).astype(np.float64)
    op = ResizeLinear((None, taps, taps, None))
    (plain,) = op.run_float(x)
    (rounded,) = op.rounded().run_float(x)
    assert np.abs(plain - rounded).max() <= 2 * 255 / 2 ** (WEIGHT_BITS + 1)


def test_a_resize_of_channels_is_refused_by_name() -> None:
    net = Network(11, 4, 3, 3)
    x = net.conv("x", 4, 1)
    scales = net.constant(np.array([1, 2, 1, 1], np.float32))
    graph = net.graph(net.add("Resize", f"{x} - {scales}", mode="linear", coordinate_transformation_mode="asymmetric"))
    with pytest.raises(UnsupportedError, match=r"Resize linear\) has an int8 form only along the rows and columns"):
        tinycnn.quantize(graph, net.samples(3))


def test_additions_of_scales_too_far_apart_are_refused_by_name() -> None:
    net = Network(12, 3, 4, 4)
    tiny = net.add("Mul", f"{net.conv('x', 3, 1)} {net.constant(np.array(1e-9, np.float32))}")
    y = net.add("Add", f"{net.add('Relu', 'x')} {tiny}")
    graph = assert_like_onnxruntime(net.proto(y), {"x": net.samples(2)})
    with pytest.raises(QuantizationError, match=r"'add_\d_node': Its inputs have the scales .* so far apart"):
        tinycnn.quantize(graph, net.samples(4))


@pytest.mark.parametrize("seed", range(3))
def test_a_product_is_the_sum_of_products(seed: int) -> None:
    builder = GraphBuilder(seed)
    y = builder.matmul(builder.input(4, 9, name="a"), builder.input(9, 3, name="b"))
    samples = builder.samples(6)
    tensors = builder.graph([y]).tensors
    real = {n: dequantize_array(x, tensors[n].quantization).astype(np.float64) for n, x in samples.items()}
    steps = real["a"] @ real["b"] / builder.scale(y) + tensors[y].quantization.zero_point
    found = tinycnn.run(builder.graph([y]), samples)[y]
    assert np.abs(np.clip(steps, -128, 127) - found).max() < 0.501
