"""What quantization makes of whole models, and what it costs in accuracy."""

import time
from dataclasses import replace

import numpy as np
from models import Network, example, residual_network
from quantized_graphs import MNIST, images, largest_error_steps, quantization, small

from tinycnn import ir
from tinycnn.evaluate import evaluate
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Conv
from tinycnn.quantize import quantize


def test_one_layer_is_within_a_few_steps_of_its_float_original():
    net = Network(0, 4, 8, 8)
    graph = net.graph(net.add("Relu", net.conv("x", 6)))
    samples = net.samples(100)
    assert largest_error_steps(graph, quantize(graph, samples), samples) < 3


def test_all_negative_activations_and_images():
    net = Network(0, 2, 6, 6)
    samples = -np.abs(net.samples(50)) - 3
    graph = net.graph(net.add("MaxPool", net.conv("x", 3), kernel_shape=[2, 2]))
    quantized = quantize(graph, samples)
    assert quantization(quantized, "x").zero_point == 127
    assert largest_error_steps(graph, quantized, samples) < 5


def test_a_dead_layer():
    net = Network(0, 4)
    zeros = f"{net.constant(np.zeros((3, 4), np.float32))} {net.constant(np.zeros(3, np.float32))}"
    output = net.dense(net.add("Relu", net.add("Gemm", f"x {zeros}", transB=1)), 2)
    graph = net.graph(output)
    assert largest_error_steps(graph, quantize(graph, net.samples(9)), net.samples(9)) <= 0.5


def test_quantizing_twice_gives_the_same_bytes():
    net, output = residual_network()
    samples = net.samples(30)
    left, right = (quantize(net.graph(output), samples) for _ in range(2))
    assert ir.same(left, right)
    assert left.metadata == right.metadata


def test_order_and_chunks_of_the_samples_do_not_matter():
    net, graph = small()
    samples = net.samples(200)
    assert ir.same(quantize(graph, samples), quantize(graph, samples[::-1]))


def test_metadata_of_the_model_is_kept():
    net, graph = small()
    kept = replace(graph, metadata={"tinycnn.note": "mine", "tinycnn.moved_scales": "{}"})
    quantized = quantize(kept, net.samples(3))
    assert quantized.metadata["tinycnn.note"] == "mine"
    assert quantized.metadata.get("tinycnn.moved_scales") != "{}"


def test_progress_sees_every_chunk_of_every_round():
    net, graph = small()
    seen: list[tuple[int, int]] = []

    def progress(chunks, count):
        chunks = list(chunks)
        seen.append((len(chunks), count))
        return chunks

    quantize(graph, net.samples(150), method="percentile", progress=progress)
    assert len(seen) == 2
    assert all(length == count > 1 for length, count in seen)


def test_lenet5_is_quick_and_as_good_as_in_float():
    graph = import_model(example("lenet5"), "lenet5")
    start = time.perf_counter()
    quantized = quantize(graph, images("calibration_images"))
    assert time.perf_counter() - start < 5
    assert [n.op.label for n in quantized.nodes if isinstance(n.op, Conv)] == ["Conv 5x5"] * 2
    found = evaluate(quantized, images("test_images"), MNIST["test_labels"].astype(np.int64), against=graph)
    assert found.accuracy_float == 0.993
    assert abs(found.accuracy - found.accuracy_float) <= 0.002


def test_perceptron_is_as_good_as_in_float():
    graph = import_model(example("perceptron"), "perceptron")
    for method in ("minmax", "percentile"):
        quantized = quantize(graph, images("calibration_images"), method=method)
        found = evaluate(quantized, images("test_images"), MNIST["test_labels"].astype(np.int64), against=graph)
        assert found.accuracy_float == 0.989
        assert abs(found.accuracy - found.accuracy_float) <= 0.003
