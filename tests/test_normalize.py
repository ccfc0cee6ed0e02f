"""PRelu per channel, LRN, LogSoftmax and ArgMax: exact everywhere, read back, and near what they round."""

from pathlib import Path

import numpy as np
import pytest
from exactness import assert_exact
from int8_graphs import GraphBuilder
from models import Network
from test_layers import reloaded

import tinycnn
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph
from tinycnn.ops import LRN, ArgMax, LogSoftmax, PRelu, call_of, dequantize_array


def exact(net: Network, output: str, folder: Path, kind: type) -> Graph:
    graph = assert_exact(net.proto(output), net.samples(12), folder, compared=3)
    assert any(isinstance(node.op, kind) for node in graph.nodes)
    reloaded(graph, folder)
    return graph


@pytest.mark.parametrize("shape", [(3, 6, 5), (4, 9), (7,)])
def test_prelu_per_channel_is_exact(shape: tuple[int, ...], tmp_path: Path) -> None:
    net = Network(1, *shape)
    x = net.dense("x", 5) if len(shape) == 1 else net.conv("x", 5)
    slopes = net.constant(np.array([0.25, -0.5, 0, 1.5, 0.1], np.float32).reshape(-1, *(1,) * (len(shape) - 1)))
    exact(net, net.add("PRelu", f"{x} {slopes}"), tmp_path, PRelu)


def test_prelu_of_an_input_is_exact(tmp_path: Path) -> None:
    net = Network(7, 3, 4, 5)
    slopes = net.constant(np.array([0.25, -0.5, 0.1], np.float32).reshape(3, 1, 1))
    exact(net, net.add("PRelu", f"x {slopes}"), tmp_path, PRelu)


@pytest.mark.parametrize("size", [1, 5])
def test_lrn_is_exact(size: int, tmp_path: Path) -> None:
    net = Network(size, 3, 6, 5)
    x = net.add("LRN", net.add("Relu", net.conv("x", 7)), size=size, alpha=0.3, beta=0.6, bias=1.5)
    exact(net, net.conv(x, 2, 1), tmp_path, LRN)


def test_lrn_alone_is_exact(tmp_path: Path) -> None:
    net = Network(2, 4, 3, 3)
    exact(net, net.add("LRN", "x", size=3), tmp_path, LRN)


@pytest.mark.parametrize("classes", [3, 10])
def test_log_softmax_is_exact(classes: int, tmp_path: Path) -> None:
    net = Network(classes, 8)
    exact(net, net.add("LogSoftmax", net.dense("x", classes), axis=-1), tmp_path, LogSoftmax)


def test_log_softmax_over_the_channels_of_an_image_is_exact(tmp_path: Path) -> None:
    net = Network(3, 3, 4, 5)
    exact(net, net.add("LogSoftmax", net.conv("x", 4), axis=1), tmp_path, LogSoftmax)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_arg_max_is_exact(last: int, keepdims: int, tmp_path: Path) -> None:
    """As the index of a class for every pixel, a byte of scale 1."""
    net = Network(4, 3, 4, 5)
    output = net.add("ArgMax", net.conv("x", 6), axis=1, keepdims=keepdims, select_last_index=last)
    proto = net.proto(output)
    proto.graph.output[0].type.tensor_type.elem_type = 7
    graph = assert_exact(proto, net.samples(12), tmp_path, compared=3)
    reloaded(graph, tmp_path)
    classes = tinycnn.to_real(graph.tensors[output], np.array([-128, -123], np.int8).reshape(2, *(1,) * 3))
    assert classes.reshape(-1).tolist() == [0, 5]


@pytest.mark.parametrize("quantized", [False, True])
def test_accuracy_of_a_model_that_ends_in_arg_max(quantized: bool) -> None:
    net = Network(6, 5)
    logits = net.dense("x", 4)
    samples = net.samples(40)
    scores = tinycnn.run(net.graph(logits), samples)[logits]
    graph = net.graph(net.add("ArgMax", logits, axis=1, keepdims=0))
    graph = tinycnn.quantize(graph, samples) if quantized else graph
    assert tinycnn.evaluate(graph, samples, scores.argmax(axis=1)).accuracy > (0.9 if quantized else 0.999)


def test_equal_bytes_are_told_apart_by_their_place() -> None:
    x = np.zeros((1, 4), np.float32)
    assert [int(ArgMax(1, True, last).run_float(x)[0][0, 0]) for last in (False, True)] == [0, 3]


@pytest.mark.parametrize("seed", range(4))
def test_log_softmax_and_lrn_are_within_one_of_what_they_round(seed: int) -> None:
    builder = GraphBuilder(seed)
    x = builder.input(6, 9)
    outputs = [builder.log_softmax(x), builder.lrn(x, 5)]
    graph, samples = builder.graph(outputs), builder.samples(40)
    real = dequantize_array(samples[x], builder.tensors[x].quantization).astype(np.float64)
    found = tinycnn.run(graph, samples)
    for node in graph.nodes:
        (value,) = node.op.run_float(real)
        quantization = call_of(graph, node).output_quantization
        rounded = np.clip(np.rint(value / quantization.scale[0]) + quantization.zero_point, -128, 127)
        assert np.abs(found[node.outputs[0]] - rounded).max() <= 1


REFUSED = {
    "ArgMax over the batch": ("ArgMax", {"axis": 0}, r"ArgMax\) mixes the samples of a batch"),
    "LogSoftmax over the batch": ("LogSoftmax", {"axis": 0}, r"LogSoftmax\) mixes the samples of a batch"),
    "LRN of too many": ("LRN", {"size": 259}, r"LRN 259\) has an int8 form only over the channels .* at most 258"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_int8_form_is_refused_by_name(case: str) -> None:
    op_type, attributes, message = REFUSED[case]
    net = Network(5, 3, 4, 4)
    graph = net.graph(net.add(op_type, net.conv("x", 4), **attributes))
    with pytest.raises(UnsupportedError, match=message):
        tinycnn.quantize(graph, net.samples(4))
