"""Operators along other axes than the channels, norms along axes, and constants of several numbers, on int8."""

from pathlib import Path

import numpy as np
import onnx
from exactness import assert_exact
from models import Network

from tinycnn.ops import ArgMax, Divide, Extremum, LogSoftmax, LpPool, Softmax


def test_along_rows_or_columns(tmp_path: Path) -> None:
    net = Network(3, 2, 7, 6)
    x = net.conv("x", 3)
    made = [net.add("Softmax", x, axis=2), net.add("LogSoftmax", x, axis=-1), net.add("ArgMax", x, axis=3)]
    lines = net.add("Reshape", f"{x} {net.constant(np.array([0, 3, -1]))}")
    proto = net.proto(" ".join([*made, net.add("Softmax", lines, axis=1)]))
    proto.graph.output[2].type.tensor_type.elem_type = onnx.TensorProto.INT64
    graph = assert_exact(proto, net.samples(20), tmp_path, compared=4)
    found = [node.op.axis for node in graph.nodes if isinstance(node.op, Softmax | LogSoftmax | ArgMax)]
    assert found == [3, 3, 3, 2]


def test_norms_and_what_is_divided_by_them(tmp_path: Path) -> None:
    """The last is what F.normalize of PyTorch exports."""
    net = Network(5, 2, 7, 6)
    x = net.conv("x", 4)
    made = [net.add("ReduceL2", x, axes=[1]), net.add("ReduceL1", x, axes=[1, 2], keepdims=0)]
    vector = net.dense(net.add("Flatten", x), 16)
    norm = net.clip(net.add("ReduceL2", vector, axes=[-1]), 1e-12, None)
    wide = net.add("Expand", f"{norm} {net.constant(np.array([1, 16]))}")
    made.append(net.add("Div", f"{vector} {wide}"))
    graph = assert_exact(net.proto(" ".join(made)), net.samples(40), tmp_path, compared=4)
    assert sum(isinstance(node.op, LpPool) for node in graph.nodes) == 3


def test_constants_with_a_number_for_each_channel(tmp_path: Path) -> None:
    net = Network(7, 2, 5, 6)
    numbers = net.constant(np.array([0.1, -0.4, 0.7, 1.3], np.float32).reshape(4, 1, 1))
    x = net.add("Sigmoid", net.conv("x", 4))
    made = " ".join(net.add(operator, f"{numbers} {x}") for operator in ("Max", "Min", "Div"))
    graph = assert_exact(net.proto(made), net.samples(30), tmp_path, compared=4)
    assert sum(isinstance(node.op, Divide | Extremum) for node in graph.nodes) == 3
