"""The int8 engine: any batch, any thread, and the bytes of onnxruntime in every tensor of real graphs."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from int8_graphs import GraphBuilder
from models import Network
from strategies import SEEDS, few, windows

import tinycnn
from tinycnn import engine, referee
from tinycnn.errors import DataError, UnsupportedError
from tinycnn.ir import Array, Graph, Quantization
from tinycnn.ops import Window, conv
from tinycnn.verify import verify


def small_network(seed: int = 0) -> tuple[GraphBuilder, str]:
    builder = GraphBuilder(seed)
    x = builder.max_pool(builder.conv(builder.input(12, 12, 2), 6, Window.of((3, 3))), Window.of((2, 2), (2, 2)))
    y = builder.conv(x, 6, Window.of((3, 3), None, (1, 1, 1, 1)), 6)
    x = builder.clip(builder.add(x, y), 0.0, np.inf)
    x = builder.average_pool(builder.conv(x, 8, Window.of((1, 1))), Window.of((2, 2), (1, 2), (1, 0, 0, 1)))
    x = builder.global_average_pool(x)
    return builder, builder.softmax(builder.dense(builder.reshape(x, 8), 5))


@pytest.mark.parametrize("block_bytes", [1, 40_000, 2**20])
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 130])
def test_batches_and_blocks_do_not_matter(monkeypatch, block_bytes, count):
    builder, y = small_network()
    graph, samples = builder.graph([y]), builder.samples(130)["input"]
    one_by_one = [engine.run(graph, samples[index : index + 1])[y] for index in range(count)]
    monkeypatch.setattr(conv, "BLOCK_BYTES", block_bytes)
    program = engine.prepare(graph)
    assert program.chunk_samples == 64
    np.testing.assert_array_equal(engine.run(program, samples[:count])[y], np.concatenate(one_by_one))


def test_run_gives_what_trace_gives_and_leaves_its_inputs_alone():
    builder, y = small_network(1)
    middle = "add_3_out"
    graph, samples = builder.graph([middle, y]), builder.samples(70)["input"]
    before = samples.copy()
    traced, ran = engine.trace(graph, samples), engine.run(graph, {"input": samples})
    assert set(traced) == set(graph.tensors) - set(graph.constants)
    assert list(ran) == [middle, y]
    for name in ran:
        np.testing.assert_array_equal(ran[name], traced[name])
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(traced["input"], before)
    expected = referee.trace(graph, {"input": samples[:3]})
    for name, value in expected.items():
        np.testing.assert_array_equal(traced[name][:3], value, err_msg=name)


def test_later_runs_do_not_change_earlier_results():
    """The memory that kernels share never leaves them."""
    builder, y = small_network(2)
    program, samples = engine.prepare(builder.graph([y])), builder.samples(20)["input"]
    first = engine.trace(program, samples[:10])
    copies = {name: value.copy() for name, value in first.items()}
    engine.trace(program, samples[10:])
    for name, value in first.items():
        np.testing.assert_array_equal(value, copies[name])


def test_threads_do_not_share_that_memory():
    builder, y = small_network(3)
    program, samples = engine.prepare(builder.graph([y])), builder.samples(64)["input"]
    expected = engine.run(program, samples)[y]
    results: list[Array] = []

    def work() -> None:
        results.extend(engine.run(program, samples)[y] for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    assert all(np.array_equal(result, expected) for result in results)


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("channels", [1, 3, 40])
def test_storing_and_back(channels, count):
    builder = GraphBuilder(5)
    tensor = builder.tensors[builder.input(4, 5, channels)]
    assert tensor.quantization is not None
    stored = builder.samples(count)["input"]
    real = engine.to_real(tensor, stored)
    assert real.shape == (count, channels, 4, 5)
    np.testing.assert_array_equal(np.moveaxis(real, 1, -1), referee.real(stored, tensor.quantization))
    again = engine.to_stored(tensor, real)
    assert again.flags.c_contiguous
    np.testing.assert_array_equal(again, stored, strict=True)


def test_wrong_inputs_get_a_sentence():
    builder, y = small_network()
    graph, samples = builder.graph([y]), builder.samples(2)["input"]
    for wrong, message in (
        (samples.astype(np.float32), "takes int8 samples"),
        (samples[:, 1:], r"samples of \[12, 12, 2\], not int8 \[11, 12, 2\]"),
        (samples[:0], "at least one"),
        ({"other": samples}, "The model's inputs are input; data was given for other"),
    ):
        with pytest.raises(DataError, match=message):
            engine.run(graph, wrong)


def test_operators_without_an_int8_form_are_named_together():
    net = Network(0, 3, 8, 8)
    x = net.add("Pow", "x x")
    graph = net.graph(net.add("Pow", f"{x} x"))
    with pytest.raises(UnsupportedError) as error:
        engine.check_int8(graph)
    assert all(node.name in str(error.value) for node in graph.nodes)


def assert_like_onnxruntime_int8(graph: Graph, samples: Array) -> None:
    for runner in verify(graph, samples, ["onnxruntime"]):
        assert runner.mismatches == 0, runner
        assert runner.notes == ()
        assert len(runner.tensors) >= len(graph.nodes)


@st.composite
def networks(draw):
    """A random small network: blocks of convolutions, residuals, pools and activations, and a head."""
    net = Network(draw(SEEDS), draw(st.integers(1, 4)), draw(st.integers(6, 14)), draw(st.integers(6, 14)))
    x = "x"
    for _ in range(draw(st.integers(1, 4))):
        channels, smallest = net.shapes[x][1], min(net.shapes[x][2:])
        block = draw(st.sampled_from(["conv", "depthwise", "residual", "max pool"]))
        pads = [1, 1, 1, 1]
        if block == "conv":
            strides = [draw(st.integers(1, 2)), draw(st.integers(1, 2))]
            x = net.conv(x, draw(st.integers(1, 12)), 3, pads=pads, strides=strides)
        elif block == "depthwise":
            x = net.conv(x, channels * draw(st.integers(1, 2)), 3, group=channels, pads=pads)
        elif block == "residual":
            y = net.add("Relu", net.conv(x, draw(st.integers(1, 8)), 3, pads=pads))
            x = net.add("Add", f"{x} {net.conv(y, channels, 1)}")
        elif smallest >= 3:
            strides = [draw(st.integers(1, 2)), 1]
            x = net.add("MaxPool", x, kernel_shape=[3, 2], strides=strides, pads=[1, 0, 0, 1])
        if x.startswith("conv") and draw(st.booleans()):
            x = net.batch_normalization(x)
        activation = draw(st.sampled_from(["none", "relu", "relu6", "clip"]))
        if activation != "none":
            low, high = {"relu": (0.0, None), "relu6": (0.0, 6.0), "clip": (-0.4, 0.9)}[activation]
            x = net.add("Relu", x) if activation == "relu" else net.clip(x, low, high)
    pool = draw(st.sampled_from(["none", "global", "whole"]))
    if pool != "none":
        global_pool = pool == "global"
        x = (
            net.add("GlobalAveragePool", x)
            if global_pool
            else net.add("AveragePool", x, kernel_shape=net.shapes[x][2:])
        )
    x = net.dense(net.add("Flatten", x), draw(st.integers(2, 12)))
    return net, net.add("Softmax", x) if draw(st.booleans()) else x


@few
@given(networks())
def test_random_networks_give_the_bytes_of_onnxruntime(case):
    net, output = case
    samples = net.samples(40)
    graph = tinycnn.quantize(net.graph(output), samples[:32])
    assert_like_onnxruntime_int8(graph, samples * np.float32(1.5))
    expected = referee.trace(graph, {"x": engine.to_stored(graph.tensors["x"], samples[:2])})
    for name, value in engine.trace(graph, expected["x"]).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def is_clear_of_ties(x_scale: float, x_zero_point: int, y_scale: float, counts: Array) -> bool:
    """No sum of so many int8 values has its mean so near a tie that sums of float32 could round it otherwise.

    onnxruntime's QLinearAveragePool adds dequantized values one by one: each of n additions of at most 255 rounds.
    """
    for n in counts.tolist():
        means = np.arange(n * (-128 - x_zero_point), n * (127 - x_zero_point) + 1) * (x_scale / y_scale / n)
        means = means[np.abs(means) < 300]
        error = (255 * (n + 6) * x_scale / y_scale + 1200) * 2.0**-24
        if (np.abs(means - np.floor(means) - 0.5) <= error).any():
            return False
    return True


@few
@given(st.data(), SEEDS, st.integers(4, 7), st.integers(4, 7), st.integers(1, 5), st.booleans())
def test_average_pools_clear_of_ties_give_the_bytes_of_onnxruntime(data, seed, height, width, channels, padded):
    builder = GraphBuilder(seed)
    x, window = builder.input(height, width, channels), data.draw(windows((3, 3), pooling=True))
    y = builder.average_pool(x, replace(window, ceil_mode=False), padded)
    graph = builder.graph([y])
    quantization = graph.tensors[x].quantization
    assert quantization is not None
    x_scale = quantization.scale[0]
    counts = np.unique(graph.nodes[0].op.counts((height, width)))
    near = (float(np.float32(x_scale * (1 + step * 2.0**-14))) for step in range(400))
    scale = next(s for s in near if is_clear_of_ties(x_scale, quantization.zero_point, s, counts))
    target = replace(graph.tensors[y], quantization=replace(graph.tensors[y].quantization, scale=(scale,)))
    graph = replace(graph, tensors={**graph.tensors, y: target})
    samples = engine.to_real(graph.tensors[x], builder.samples(20)[x])
    assert_like_onnxruntime_int8(graph, samples)


@pytest.mark.parametrize("ulps", range(-8, 9))
@pytest.mark.parametrize("whole", [False, True])
def test_means_of_everything_give_the_bytes_of_onnxruntime_at_ties(ulps, whole):
    """18 elements and nearly equal scales: every second sum is a tie that the order of roundings decides."""
    builder = GraphBuilder(7)
    x = builder.input(3, 6, 40)
    y = builder.average_pool(x, Window.of((3, 6))) if whole else builder.global_average_pool(x)
    builder.tensors[x] = replace(builder.tensors[x], quantization=Quantization((0.0035294117406010628,), -128))
    scale = np.array([0.0035294117406010628], np.float32).view(np.int32) + np.int32(ulps)
    target = Quantization((float(scale.view(np.float32)[0]),), -128)
    builder.tensors[y] = replace(builder.tensors[y], quantization=target)
    graph = builder.graph([y])
    samples = engine.to_real(graph.tensors[x], builder.samples(100)[x])
    assert_like_onnxruntime_int8(graph, samples)
