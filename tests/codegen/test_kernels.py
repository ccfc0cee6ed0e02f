"""The generated C of random layers computes the same bytes as the operators' numpy kernels, in every tensor."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder, spacious_plan

from tinycnn import engine
from tinycnn.ir import Array, Quantization
from tinycnn.ops import OPERATORS, Window
from tinycnn.plan import Place, Plan, Span, Step, check, is_view, plan
from tinycnn_codegen import generate
from tinycnn_codegen.lower import LOWERINGS

SAMPLES = 4


def assert_same_bytes(made: Plan, samples: dict[str, Array], folder: Path) -> dict[str, Array]:
    """Run the C and the engine; returns every tensor, [N, bytes]."""
    found = CompiledNetwork(generate(made, "net", target_name="host"), folder).run(samples)
    expected = engine.trace(made.graph, samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)
    assert set(found) == {step.node.outputs[0] for step in made.steps} | set(made.graph.outputs)
    return found


def random_window(rng: np.random.Generator, rank: int, *, pool: bool = False) -> Window:
    kernel = tuple(int(k) for k in rng.integers(1, 5, rank))
    strides = tuple(int(s) for s in rng.integers(1, 4, rank))
    dilations = tuple(int(d) for d in rng.choice([1, 1, 2], rank))
    # A pool's padding must be smaller than its kernel; a convolution may even have windows that see nothing else.
    pads = tuple(int(rng.integers(0, k if pool else k * d + 1)) for k, d in zip(kernel * 2, dilations * 2, strict=True))
    return Window(kernel, strides, dilations, pads, bool(pool and rng.integers(2)))


def random_input(builder: GraphBuilder, number: int, rank: int, channels: int) -> str:
    sizes = (int(size) for size in builder.rng.integers(9, 15, rank))
    return builder.input(*sizes, channels, name=f"input_{number}")


def add_conv(builder: GraphBuilder, number: int) -> str:
    rng = builder.rng
    groups = int(rng.choice([1, 1, 2, 3]))
    rank = int(rng.choice([2, 2, 2, 1]))
    x = random_input(builder, number, rank, groups * int(rng.integers(2, 8)))
    window = random_window(rng, rank)
    return builder.conv(x, groups * int(rng.integers(1, 10)), window, groups, bias=bool(rng.integers(2)))


def add_depthwise(builder: GraphBuilder, number: int) -> str:
    rng = builder.rng
    channels, multiplier = int(rng.integers(2, 11)), int(rng.choice([1, 1, 2, 3]))
    rank = int(rng.choice([2, 2, 2, 1]))
    x = random_input(builder, number, rank, channels)
    return builder.conv(x, channels * multiplier, random_window(rng, rank), channels, bias=bool(rng.integers(2)))


def add_locally_connected(builder: GraphBuilder, number: int) -> str:
    rng = builder.rng
    rank = int(rng.choice([2, 2, 1]))
    x = random_input(builder, number, rank, int(rng.integers(1, 4)))
    return builder.locally_connected(x, int(rng.integers(1, 9)), random_window(rng, rank))


def add_normalization(builder: GraphBuilder, number: int) -> str:
    """What looks at all channels of a position, or has a table for each."""
    rng = builder.rng
    x = random_input(builder, number, int(rng.integers(1, 3)), int(rng.choice([1, 3, 8, 131])))
    match int(rng.integers(4)):
        case 0:
            return builder.lrn(x, int(rng.integers(1, 8)))
        case 1:
            return builder.log_softmax(x)
        case 2:
            return builder.arg_max(x, bool(rng.integers(2)))
        case _:
            return builder.prelu(x)


def add_sum(builder: GraphBuilder, number: int) -> str:
    """Products of two tensors, reductions and interpolation."""
    rng = builder.rng
    x = random_input(builder, number, int(rng.integers(1, 3)), int(rng.integers(1, 7)))
    match int(rng.integers(4)):
        case 0:
            a, b = [((5, 7), (7, 4)), ((3, 5, 7), (3, 7, 4)), ((3, 5, 7), (1, 7, 4))][int(rng.integers(3))]
            return builder.matmul(builder.input(*a, name=f"a_{number}"), builder.input(*b, name=f"b_{number}"))
        case 1:
            function = str(rng.choice(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"]))
            axes = np.flatnonzero(rng.integers(0, 2, len(builder.shape(x)) - 1)) + 1
            return builder.reduce(function, x, *(axes.tolist() or [1]))
        case 2 if len(builder.shape(x)) == 4:
            return builder.resize_as_onnxruntime(x, int(rng.integers(2, 25)))
        case _:
            return builder.resize_linear(x, *(int(size) for size in rng.integers(2, 25, len(builder.shape(x)) - 2)))


def add_dense(builder: GraphBuilder, number: int) -> str:
    rng = builder.rng
    leading = [(), (), (3,), (2, 4), (2, 2, 3)][int(rng.integers(5))]
    x = builder.input(*leading, int(rng.integers(1, 90)), name=f"input_{number}")
    return builder.dense(x, int(rng.integers(1, 23)), bias=bool(rng.integers(2)))


def add_pool(builder: GraphBuilder, number: int) -> str:
    rng = builder.rng
    rank = int(rng.choice([2, 2, 2, 1]))
    x = random_input(builder, number, rank, int(rng.integers(1, 7)))
    match int(rng.integers(5)):
        case 4:
            return builder.pool_and_product_on_ties(x, random_window(rng, rank, pool=True))
        case 0:
            return builder.global_average_pool(x)
        case 1:
            return builder.max_pool(x, random_window(rng, rank, pool=True))
        case include:
            return builder.average_pool(x, random_window(rng, rank, pool=True), include == 2)


def add_pointwise(builder: GraphBuilder, number: int) -> str:
    """What works on single elements or vectors; the reshape between needs no code."""
    rng = builder.rng
    x = random_input(builder, number, int(rng.integers(1, 3)), int(rng.integers(2, 9)))
    y = builder.clip(x, *[(0.0, np.inf), (0.0, 1.0), (-0.7, 0.9)][int(rng.integers(3))])
    y = builder.divide(x, y) if rng.integers(3) == 0 else builder.add(x, y)
    if rng.integers(2):
        y = builder.reshape(y, int(np.prod(builder.shape(y))))
    return builder.softmax(y)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("add", "layers"),
    [
        (add_conv, 14),
        (add_depthwise, 14),
        (add_locally_connected, 6),
        (add_sum, 14),
        (add_normalization, 10),
        (add_dense, 14),
        (add_pool, 20),
        (add_pointwise, 8),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_random_layers(add: Callable[[GraphBuilder, int], str], layers: int, seed: int, tmp_path: Path) -> None:
    builder = GraphBuilder(seed)
    outputs = [add(builder, number) for number in range(layers)]
    tensors = assert_same_bytes(spacious_plan(builder.graph(outputs)), builder.samples(SAMPLES), tmp_path)
    varied = sum(len(np.unique(array)) > 8 for array in tensors.values())
    assert varied >= 0.4 * len(tensors), "the samples say little: too many tensors are nearly constant"


def test_layers_that_follow_each_other(tmp_path: Path) -> None:
    """A residual network in a dense plan, where tensors take over each other's bytes."""
    builder = GraphBuilder(3)
    x = builder.input(14, 11, 3)
    window = Window.of((3, 3), pads=(1, 1, 1, 1))
    trunk = builder.conv(x, 8, window)
    y = builder.conv(trunk, 8, window, 8)
    y = builder.add(trunk, builder.conv(y, 8, Window.of((1, 1))))
    y = builder.max_pool(y, Window.of((3, 3), (2, 2), (1, 1, 1, 1)))
    y = builder.conv(y, 10, Window.of((3, 3), (2, 2), (0, 0, 1, 1)))
    y = builder.dense(builder.reshape(y, int(np.prod(builder.shape(y)))), 10)
    made = plan(builder.graph([builder.softmax(y)]))
    assert made.arena_bytes < sum(place.size_bytes for place in made.places.values())
    assert_same_bytes(made, builder.samples(20), tmp_path)


def test_rows_in_a_ring(tmp_path: Path) -> None:
    """Steps of two nodes in turn, with a tensor between them of which only the rows still needed are kept."""
    builder = GraphBuilder(4)
    x = builder.input(12, 5, 3)
    between = builder.conv(x, 4, Window.of((3, 3), pads=(1, 1, 1, 1)))
    output = builder.conv(between, 5, Window.of((3, 3), pads=(0, 1, 0, 1)))
    graph = builder.graph([output])
    whole = spacious_plan(graph)
    first, second = whole.steps
    ring = whole.places[between]
    places = {**whole.places, between: Place(between, ring.offset_bytes, 12, 20, 3, Span(0, 20))}
    steps = [Step(first.node, 0, 2, first.padding)]
    for row in range(10):
        steps += [
            Step(first.node, row + 2, row + 3, first.padding),
            Step(second.node, row, row + 1, second.padding),
        ]
    made = Plan(graph, tuple(steps), places, whole.arena_bytes, whole.arena_bytes)
    check(made)
    source = generate(made, "net", target_name="host").files["net.c"]
    assert ".held_rows = 3}" in source
    assert_same_bytes(made, builder.samples(SAMPLES), tmp_path)


def test_weights_in_blocks(tmp_path: Path) -> None:
    """No array is longer than avr-gcc allows, whatever the layer; the cuts do not change the bytes."""
    builder = GraphBuilder(5)
    image = builder.input(3, 3, 90)
    outputs = [
        builder.conv(image, 86, Window.of((3, 3), pads=(1, 1, 1, 1))),  # 810 bytes a channel: 40 channels an array
        builder.conv(image, 186, Window.of((3, 3)), 2),  # two groups of 93 channels, each of two arrays
        builder.dense(builder.input(701, name="vector"), 95),
        builder.conv(builder.input(2, 2, 8, name="wide"), 16, Window.of((66, 65), pads=(33, 33, 33, 33)), 8),
    ]
    made = spacious_plan(builder.graph(outputs))
    source = generate(made, "net", target_name="host").files["net.c"]
    lengths = [int(count) for count in re.findall(r"TCN_FLASH int8_t \w+\[(\d+)\] = \{\n", source)]
    assert len(lengths) == 3 + 4 + 3 + 3
    assert max(lengths) <= 32767
    assert_same_bytes(made, builder.samples(2), tmp_path)


def test_sums_without_an_integer_form(tmp_path: Path) -> None:
    """Where no multiplier is proved, C rounds like float32; fitted addends are stored."""
    builder = GraphBuilder(6)
    vector = builder.input(3000)
    small = builder.input(500, name="small")
    outputs = [builder.dense(vector, 24), builder.dense(small, 40, spread=0.3), builder.dense(small, 40, spread=3.0)]
    made = spacious_plan(builder.graph(outputs))
    source = generate(made, "net", target_name="host").files["net.c"]
    assert "tcn_requantize_float" in source
    assert re.search(r"int64_t \w+_addend\[", source)
    assert re.search(r"uint8_t \w+_shift\[\d+\] = \{[^}]*\b0,", source)
    assert_same_bytes(made, builder.samples(30), tmp_path)


@pytest.mark.parametrize(
    ("scales", "kernel"),
    [((2**0.5, 3**0.5, 5**0.5), "tcn_add_row"), ((0.5, 0.5, 1.0), "tcn_add_steps_row")],
    ids=["multipliers", "ties"],
)
def test_every_pair_of_an_addition(scales: tuple[float, ...], kernel: str, tmp_path: Path) -> None:
    builder = GraphBuilder(7)
    values = np.arange(-128, 128, dtype=np.int8)
    a, b, y = (Quantization((float(np.float32(scale)),), zero) for scale, zero in zip(scales, (3, -90, 7), strict=True))
    for name, quantization in (("a", a), ("b", b)):
        builder.input(256, 256, name=name)
        builder.tensors[name] = replace(builder.tensors[name], quantization=quantization)
    made = spacious_plan(builder.graph([builder.add("a", "b", y)]))
    assert f"{kernel}(&add_0_layer" in generate(made, "net", target_name="host").files["net.c"]
    pairs = (grid.reshape(1, 256, 256) for grid in np.meshgrid(values, values))
    assert_same_bytes(made, dict(zip("ab", pairs, strict=True)), tmp_path)


def test_every_operator_has_a_kernel_or_is_a_view() -> None:
    builder = GraphBuilder(8)
    builder.reshape(builder.input(4, 4), 16)
    views = {type(node.op) for node in builder.nodes if is_view(node)}
    for operator in OPERATORS:
        if hasattr(operator, "int8_kernel"):
            assert operator in LOWERINGS or operator in views or hasattr(operator, "table"), operator.__name__
