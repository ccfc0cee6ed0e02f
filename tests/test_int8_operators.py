"""Every int8 operator against an independent int64 reference, byte for byte, also where float32 ends."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from int8_graphs import GraphBuilder
from strategies import IMAGE_SIZES, SEEDS, few, some, windows

from tinycnn import engine, referee
from tinycnn.ir import Graph, Quantization
from tinycnn.ops import Window, call_of
from tinycnn.ops.linear import exact_dtype
from tinycnn.ops.rescale import BLOCK_ELEMENTS, rescaler


def assert_exact(builder: GraphBuilder, output: str, count: int = 3) -> Graph:
    """The engine gives the bytes of the reference in every tensor."""
    graph = builder.graph([output])
    samples = builder.samples(count)
    expected, actual = referee.trace(graph, samples), engine.trace(graph, samples)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == np.int8
        np.testing.assert_array_equal(actual[name], value, err_msg=name, strict=True)
    return graph


@some
@given(st.data(), SEEDS, IMAGE_SIZES, st.integers(1, 9), st.integers(1, 10), st.booleans())
def test_conv(data, seed, sizes, channels, outputs, bias):
    builder = GraphBuilder(seed)
    x = builder.input(*sizes, channels)
    assert_exact(builder, builder.conv(x, outputs, data.draw(windows(sizes)), bias=bias))


@some
@given(st.data(), SEEDS, IMAGE_SIZES, st.integers(2, 4), st.integers(1, 4), st.integers(1, 3))
def test_grouped_and_depthwise_conv(data, seed, sizes, groups, in_group, out_group):
    builder = GraphBuilder(seed)
    x = builder.input(*sizes, groups * in_group)
    assert_exact(builder, builder.conv(x, groups * out_group, data.draw(windows(sizes)), groups))


@few
@given(SEEDS, st.lists(st.integers(1, 4), max_size=1), st.integers(1, 300), st.integers(1, 40), st.booleans())
def test_dense(seed, axes, inputs, outputs, bias):
    builder = GraphBuilder(seed)
    assert_exact(builder, builder.dense(builder.input(*axes, inputs), outputs, bias=bias))


@some
@given(st.data(), SEEDS, IMAGE_SIZES, st.integers(1, 9), st.sampled_from(["max", "mean", "mean with padding"]))
def test_pools(data, seed, sizes, channels, kind):
    builder = GraphBuilder(seed)
    x, window = builder.input(*sizes, channels), data.draw(windows(sizes, pooling=True))
    if kind == "max":
        assert_exact(builder, builder.max_pool(x, window))
    else:
        assert_exact(builder, builder.average_pool(x, window, kind == "mean with padding"))


@few
@given(SEEDS, IMAGE_SIZES, st.integers(1, 40), st.booleans())
def test_pools_over_everything(seed, sizes, channels, is_global):
    builder = GraphBuilder(seed)
    x = builder.input(*sizes, channels)
    pooled = builder.global_average_pool(x) if is_global else builder.average_pool(x, Window.of(sizes))
    assert_exact(builder, pooled)


@few
@given(SEEDS, st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_operators_on_single_elements(seed, shape):
    builder = GraphBuilder(seed)
    a, b = builder.input(*shape, name="a"), builder.input(*shape, name="b")
    y = builder.clip(builder.add(a, b), *sorted(builder.rng.normal(0, 2, 2)))
    assert_exact(builder, builder.reshape(builder.softmax(builder.clip(y, 0.0, np.inf)), int(np.prod(shape))), 5)


def test_additions_and_tables_of_all_values():
    builder = GraphBuilder(1)
    a, b = builder.input(256, name="a"), builder.input(256, name="b")
    builder.clip(a, -0.7, 0.9)
    graph = builder.graph([builder.add(a, b)])
    every = np.arange(-128, 128, dtype=np.int8)
    samples = {"a": np.repeat(every, 256).reshape(256, 256), "b": np.tile(every, (256, 1))}
    expected, actual = referee.trace(graph, samples), engine.trace(graph, samples)
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


@pytest.mark.parametrize("layer", ["dense", "conv", "grouped conv", "depthwise conv"])
def test_sums_that_pass_beyond_float32_and_come_back(layer):
    """Over 4,000 products of the same sign, then their negatives: in float32 the small rest would be wrong."""
    builder = GraphBuilder(3)
    groups = 1 if layer in ("dense", "conv") else 2
    if layer == "dense":
        y = builder.dense(builder.input(8192), 4, bias=False)
    elif layer == "depthwise conv":
        y = builder.conv(builder.input(64, 128, 2), 4, Window.of((64, 128)), 2, bias=False)
    else:
        y = builder.conv(builder.input(2, 2, 2048 * groups), 4, Window.of((2, 2)), groups, bias=False)
    weights = builder.constants["w0"]
    taps = builder.rng.integers(100, 128, (4, weights[0].size // 2)).astype(np.int8)
    builder.constants["w0"] = np.concatenate([taps, -taps], axis=1).reshape(weights.shape)
    set_scale(builder, y, [0.3] * 4)
    graph = builder.graph([y])
    shape = graph.tensors["input"].shape[1:]
    half = builder.rng.integers(110, 128, (6, *((shape[0] // 2, *shape[1:])))).astype(np.int8)
    x = np.concatenate([half, half], axis=1)
    x.reshape(6, -1)[:, :3] -= 1
    np.testing.assert_array_equal(engine.run(graph, x)[y], referee.trace(graph, {"input": x})[y])
    assert np.ptp(engine.run(graph, x)[y]) > 3
    assert exact_dtype(call_of(graph, graph.nodes[0])) is np.float64


def test_sums_of_pools_that_pass_beyond_float32_and_come_back():
    builder = GraphBuilder(6)
    y = builder.global_average_pool(builder.input(600, 600, 2))
    builder.tensors["input"] = replace(builder.tensors["input"], quantization=Quantization((360_000.0,), 0))
    builder.tensors[y] = replace(builder.tensors[y], quantization=Quantization((1.0,), 0))
    x = np.full((2, 600, 600, 2), 127, np.int8)
    x[:, 300:] = -127
    x[:, :300:97, ::61] -= 1
    graph = builder.graph([y])
    result = engine.run(graph, x)[y]
    np.testing.assert_array_equal(result, referee.trace(graph, {"input": x})[y])
    assert result.min() > -100


@pytest.mark.parametrize(("last", "dtype"), [(7, np.float32), (8, np.float64)])
def test_float32_is_taken_up_to_its_end(last, dtype):
    builder = GraphBuilder(4)
    y = builder.dense(builder.input(1033), 3)
    builder.constants["w0"] = np.array([[127] * 1032 + [last], [-127] * 1033, [1] * 1033], np.int8)[[0, 0, 2]]
    graph = assert_exact(builder, y, 20)
    assert exact_dtype(call_of(graph, graph.nodes[0])) is dtype


@some
@given(SEEDS, st.sampled_from([np.float32, np.float64]), st.integers(0, 30), st.integers(-128, 127))
def test_rescaler_rounds_like_the_contract(seed, dtype, bits, zero_point):
    """Sums and biases that add up to a tie of the last rounding or nearly so, biases up to 2**30."""
    rng = np.random.default_rng(seed)
    channels = 5
    exponents = rng.integers(0, bits + 1, channels)
    scale = np.ldexp(np.float32(1), -exponents).astype(np.float32)
    ties = np.rint((rng.integers(-60, 60, channels) * 2 + 1) * np.ldexp(0.5, exponents)).astype(np.int64)
    ties = np.clip(ties, -(2**30), 2**30)
    bias = ties + rng.integers(-(2**20), 2**20, channels)
    sums = ties - bias + rng.integers(-70, 71, (700, channels))
    out = np.empty(sums.shape, np.int8)
    rescaler(bias, scale, zero_point)(sums.astype(dtype), out)
    np.testing.assert_array_equal(out, referee.requantize(sums + bias, scale, zero_point))


@pytest.mark.parametrize("rows", [1, 100, BLOCK_ELEMENTS // 7, BLOCK_ELEMENTS // 7 + 1, BLOCK_ELEMENTS])
def test_rescaler_goes_on_in_the_next_block(rows):
    rng = np.random.default_rng(rows)
    sums = rng.integers(-(2**20), 2**20, (rows, 7))
    bias, scale = rng.integers(-(2**16), 2**16, 7), rng.uniform(1e-5, 1e-3, 7).astype(np.float32)
    out = np.empty(sums.shape, np.int8)
    rescaler(bias, scale, 3)(sums.astype(np.float32), out)
    np.testing.assert_array_equal(out, referee.requantize(sums + bias, scale, 3))


def test_infinite_products_saturate():
    out = np.empty((1, 2), np.int8)
    scale = np.full(2, 3e38, np.float32)
    rescaler(np.zeros(2, np.int64), scale, 5)(np.array([[1000, -1000]], np.float32), out)
    assert out.tolist() == [[127, -128]]


def set_scale(builder: GraphBuilder, output: str, scales: list[float]) -> None:
    """The weight scales with which the sums of the only layer become outputs by these factors."""
    weights, y = builder.tensors["w0"], builder.scale(output)
    per_channel = tuple(float(np.float32(scale * y / builder.scale("input"))) for scale in scales)
    builder.tensors["w0"] = replace(weights, quantization=Quantization(per_channel, 0, 0))
