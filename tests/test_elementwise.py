"""Two tensors combined with broadcasting, constants on either side, reductions: float as onnxruntime, int8 exact."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from hypothesis import given, settings
from models import Network, assert_like_onnxruntime, floats, model, node
from strategies import SEEDS

import tinycnn
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Quantization
from tinycnn.ops import LRN, ArgMax, Arithmetic, Conv, Divide, Extremum, LogSoftmax, LpPool, Multiply, PRelu, Reduce
from tinycnn.ops.binary import products
from tinycnn.quantize.ties import product_off_ties


def images(op_type: str, *shapes: tuple[int, ...], swapped: bool = False) -> Network:
    """A network that combines two layers of these output shapes [C, H, W], the second pooled to its sizes."""
    net = Network(5, 3, 8, 6)
    first = net.add("Relu", net.conv("x", 4, 3, pads=[1] * 4))
    second = net.conv("x", shapes[0][0], 3, pads=[1] * 4)
    _, height, width = shapes[0]
    second = net.add("MaxPool", second, kernel_shape=[9 - height, 7 - width])
    pair = [second, first] if swapped else [first, second]
    return net, net.add(op_type, " ".join(pair))


@pytest.mark.parametrize(
    ("op_type", "shape", "swapped"),
    [
        ("Add", (4, 1, 1), False),
        ("Add", (1, 8, 6), True),
        ("Max", (4, 1, 6), False),
        ("Min", (1, 8, 1), True),
        ("Mul", (4, 8, 6), False),
        ("Mul", (1, 8, 6), True),
        ("Mul", (1, 1, 1), False),
        ("Sub", (4, 8, 6), False),
        ("Div", (4, 1, 1), False),
        ("Sub", (4, 1, 1), True),
    ],
)
def test_two_tensors_are_exact(op_type: str, shape: tuple[int, int, int], swapped: bool, tmp_path: Path) -> None:
    net, output = images(op_type, shape, swapped=swapped)
    assert_exact(net.proto(output), net.samples(12), tmp_path, compared=3)


def test_squeeze_and_excite_is_exact(tmp_path: Path) -> None:
    net = Network(1, 3, 8, 8)
    x = net.add("Relu", net.conv("x", 8, 3))
    gate = net.add("Sigmoid", net.conv(net.add("Relu", net.conv(net.add("GlobalAveragePool", x), 2, 1)), 8, 1))
    assert_exact(net.proto(net.conv(net.add("Mul", f"{x} {gate}"), 4, 1)), net.samples(12), tmp_path)


@pytest.mark.parametrize("op_type", ["Add", "Mul", "Sub", "Div", "Max", "Min", "Pow"])
@pytest.mark.parametrize("first", [False, True])
def test_a_constant_number_is_exact(op_type: str, first: bool, tmp_path: Path) -> None:
    if op_type == "Pow" and first:
        return
    nodes = [node("Relu", "x", "r"), node(op_type, "c r" if first else "r c", "y")]
    proto = model(nodes, {"x": ["batch", 3, 5, 4]}, {"c": np.array(1.3, np.float32)}, opset=17)
    samples = np.random.default_rng(0).uniform(0.4, 3, (9, 3, 5, 4)).astype(np.float32)
    assert_exact(proto, samples, tmp_path, compared=3)


@pytest.mark.parametrize("op_type", ["Add", "Mul", "Sub", "Div", "BatchNormalization"])
def test_a_number_per_channel_is_a_depthwise_convolution(op_type: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    constants = {"c": rng.uniform(0.5, 2, (3, 1, 1)).astype(np.float32)}
    nodes = [node(op_type, "x c", "y")]
    if op_type == "BatchNormalization":
        constants = {name: rng.uniform(0.5, 2, 3).astype(np.float32) for name in "gbmv"}
        nodes = [node(op_type, "x g b m v", "y")]
    proto = model(nodes, {"x": ["batch", 3, 5, 4]}, constants)
    graph = assert_exact(proto, floats(rng, 9, 3, 5, 4), tmp_path, compared=3)
    assert [type(n.op) for n in graph.nodes] == [Conv]


@pytest.mark.parametrize("op_type", ["Add", "Mul", "Sub", "Div"])
@pytest.mark.parametrize(("shape", "constant"), [((7,), (7,)), ((4, 3), (3,)), ((2, 3, 4), (2, 3, 4))])
def test_a_number_per_element_is_exact(
    op_type: str, shape: tuple[int, ...], constant: tuple[int, ...], tmp_path: Path
) -> None:
    rng = np.random.default_rng(8)
    nodes = [node("Abs", "x", "a"), node(op_type, "a c", "y")]
    constants = {"c": rng.uniform(0.5, 2, constant).astype(np.float32)}
    proto = model(nodes, {"x": ["batch", *shape]}, constants)
    assert_exact(proto, floats(rng, 9, *shape), tmp_path, compared=3)


@pytest.mark.parametrize("op_type", ["Sum", "Mean"])
def test_a_sum_of_several_is_exact(op_type: str, tmp_path: Path) -> None:
    net = Network(10, 3, 5, 4)
    x = net.conv("x", 4, 1)
    y = net.add(op_type, f"{x} {net.add('Sigmoid', x)} {net.add('GlobalAveragePool', x)}")
    assert_exact(net.proto(y), net.samples(12), tmp_path, compared=3)


@pytest.mark.parametrize("constant", [(4, 1, 1), (4, 5, 3)])
def test_a_constant_less_a_tensor_is_exact(constant: tuple[int, ...], tmp_path: Path) -> None:
    net = Network(12, 4, 5, 3)
    y = net.add("Sub", f"{net.constant(floats(net.rng, *constant))} {net.add('Exp', 'x')}")
    assert_exact(net.proto(y), net.samples(12), tmp_path, compared=3)


def test_a_maximum_with_several_numbers_is_refused_by_name() -> None:
    net = Network(13, 4, 5, 3)
    graph = net.graph(net.add("Max", f"x {net.constant(floats(net.rng, 4, 5, 1))}"))
    with pytest.raises(UnsupportedError, match=r"\(Max\) has a constant operand with an int8 form only for one number"):
        tinycnn.quantize(graph, net.samples(4))


def test_batch_normalization_of_vectors_is_exact(tmp_path: Path) -> None:
    net = Network(11, 6)
    assert_exact(net.proto(net.dense(net.batch_normalization("x"), 3)), net.samples(12), tmp_path, compared=3)


def test_a_quotient_of_two_tensors_is_exact(tmp_path: Path) -> None:
    """Divisors of both signs, and bytes of 0 among them."""
    net = Network(9, 3, 6, 5)
    x, y = net.conv("x", 4, 1), net.conv("x", 4, 1)
    graph = assert_exact(net.proto(net.clip(net.add("Div", f"{x} {y}"), -4.0, 4.0)), net.samples(40), tmp_path)
    (divide,) = (n for n in graph.nodes if isinstance(n.op, Divide))
    a, b, y_quantization = (graph.tensors[name].quantization for name in (*divide.inputs, *divide.outputs))
    assert np.array_equal(
        divide.op.quantized_pairs(a, b, y_quantization), divide.op.rescaled_pairs(a, b, y_quantization)
    )
    assert (divide.op.quantized_pairs(a, b, y_quantization)[:, b.zero_point + 128] == 127).any()


@settings(max_examples=15, deadline=None, print_blob=True)
@given(SEEDS)
def test_a_product_is_off_every_tie(seed: int) -> None:
    """onnxruntime rounds p * ratio + zero point, the contract p * ratio: they agree on all 65,536 pairs."""
    rng = np.random.default_rng(seed)
    a, b = (Quantization((float(np.float32(rng.uniform(1e-3, 1))),), int(rng.integers(-128, 128))) for _ in "ab")
    zero_point = int(rng.integers(-128, 128))
    wanted = Quantization((a.scale[0] * b.scale[0] * float(rng.uniform(8, 200)),), zero_point)
    found = product_off_ties(a, b, wanted, 24)
    assert wanted.scale[0] <= found.scale[0] * 1.000001 <= wanted.scale[0] * 1.02
    ratio = np.float32(a.scale[0]) * np.float32(b.scale[0]) / np.float32(found.scale[0])
    scaled = products(a, b).astype(np.float32) * ratio
    for offset in (0, 128):
        before = np.rint(scaled + np.float32(zero_point + offset)) - offset
        np.testing.assert_array_equal(np.clip(before, -128, 127), np.clip(np.rint(scaled) + zero_point, -128, 127))


FLOAT_CASES = {
    "PRelu": ([node("PRelu", "x c", "y")], {"c": np.array([[[0.1]], [[0.2]], [[-0.3]]], np.float32)}, PRelu),
    "LogSoftmax": ([node("LogSoftmax", "x", "y", axis=1)], {}, LogSoftmax),
    "ArgMax": ([node("ArgMax", "x", "y", axis=1, select_last_index=1)], {}, ArgMax),
    "LRN": ([node("LRN", "x", "y", size=3, alpha=0.01)], {}, LRN),
    "Reduce": ([node("ReduceMean", "x", "y", axes=[1], keepdims=0)], {}, Reduce),
    "ReduceL2": ([node("ReduceL2", "x", "y", axes=[-1])], {}, LpPool),
    "ReduceL1": ([node("ReduceL1", "x", "y", axes=[1, 3])], {}, Reduce),
    "Div": ([node("Exp", "x", "e"), node("Div", "x e", "y")], {}, Divide),
    "Pow": ([node("Abs", "x", "a"), node("Pow", "a x", "y")], {}, Arithmetic),
    "Max": ([node("Neg", "x", "n"), node("Abs", "x", "a"), node("Max", "x n a", "y")], {}, Extremum),
    "Mean": ([node("Neg", "x", "n"), node("Abs", "x", "a"), node("Mean", "x n a", "y")], {}, None),
    "Mul": ([node("ReduceSum", "x axes", "s"), node("Mul", "x s", "y")], {"axes": np.array([2, 3])}, Multiply),
}


@pytest.mark.parametrize("case", FLOAT_CASES)
def test_float_is_that_of_onnxruntime(case: str) -> None:
    nodes, constants, op = FLOAT_CASES[case]
    x = floats(np.random.default_rng(3), 2, 3, 5, 4)
    proto = model(nodes, {"x": [2, 3, 5, 4]}, constants)
    if case == "ArgMax":
        proto.graph.output[0].type.tensor_type.elem_type = 7
    graph = assert_like_onnxruntime(proto, {"x": x})
    assert op is None or any(isinstance(n.op, op) for n in graph.nodes)


@pytest.mark.parametrize("op_type", ["ReduceMean", "ReduceMax"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_reduction_over_all_positions_is_a_global_pool(op_type: str, keepdims: int, tmp_path: Path) -> None:
    net = Network(4, 3, 7, 5)
    x = net.add(op_type, net.conv("x", 5, 3), axes=[-1, 2], keepdims=keepdims)
    if keepdims:
        x = net.add("Flatten", x)
    assert_exact(net.proto(net.dense(x, 2)), net.samples(12), tmp_path, compared=3)


def test_what_has_no_int8_form_is_refused_by_name() -> None:
    net = Network(6, 3, 5, 5)
    x = net.conv("x", 4)
    graph = net.graph(net.add("Pow", f"{net.add('Abs', x)} {x}"))
    with pytest.raises(UnsupportedError, match=r"\(Pow\) has an int8 form only for one constant exponent"):
        tinycnn.quantize(graph, net.samples(4))
