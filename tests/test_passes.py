"""Passes: no rewrite changes what a graph computes, and each takes away what it should."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from exactness import assert_exact
from hypothesis import given, settings
from hypothesis import strategies as st
from models import Network, assert_like_onnxruntime, floats, model, node, residual_network

from tinycnn import ir
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import OPERATORS, Reshape, Transpose
from tinycnn.passes import FLOAT_PASSES, check_int8_form, run_passes
from tinycnn.passes.fold_affine import fold_affine
from tinycnn.passes.fold_transposes import fold_transposes, transposes_as_reshapes
from tinycnn.passes.layout import Spatial, channels_first, channels_last


def labels(graph: Graph) -> list[str]:
    return [n.op.label for n in graph.nodes]


def check_passes(net: Network, outputs: str, samples: int = 3) -> Graph:
    """The graph after each float pass still computes what onnxruntime does; the last one is returned."""
    graph, x = net.graph(outputs), net.samples(samples)
    for rewrite in FLOAT_PASSES:
        graph = rewrite(graph)
        ir.verify(graph)
        assert_like_onnxruntime(net.proto(outputs), {"x": x}, graph)
    return graph


@st.composite
def networks(draw) -> tuple[Network, str]:
    """Any chain and branch of the operators that know layouts, with elementwise operators and constants between."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    net = Network(draw(st.integers(0, 1000)), draw(st.integers(1, 3)), *[draw(st.integers(5, 7))] * rank)
    x, before = "x", "x"
    for _ in range(draw(st.integers(1, 7))):
        shape = net.shapes[x]
        kind = draw(
            st.sampled_from(["conv", "depthwise", "pool", "mean", "relu", "add", "constant", "softmax", "norm"])
        )
        x, before = _layer(net, kind, x, before if net.shapes[before] == shape else x, shape), x
    return net, x


def _layer(net: Network, kind: str, x: str, before: str, shape: tuple[int, ...]) -> str:
    rank, channels = len(shape) - 2, shape[1]
    match kind:
        case "conv":
            return net.conv(x, 4, pads=[1] * (2 * rank))
        case "depthwise":
            return net.conv(x, channels, group=channels, pads=[1] * (2 * rank))
        case "pool" if min(shape[2:]) > 1:
            return net.add("MaxPool", x, kernel_shape=[2] * rank)
        case "mean" if min(shape[2:]) > 1:
            return net.add("AveragePool", x, kernel_shape=[2] * rank, pads=[1] * (2 * rank))
        case "add":
            return net.add("Add", f"{x} {before}")
        case "constant":
            return net.add("Add", f"{x} {net.constant(floats(net.rng, *shape[1:]))}")
        case "softmax":
            return net.add("Softmax", x, axis=1)
        case "norm":
            return net.batch_normalization(x)
    return net.add("Relu", x)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_layout_there_and_back_changes_nothing(case):
    net, output = case
    graph = net.graph(output)
    last = channels_last(graph)
    ir.verify(last)
    assert_like_onnxruntime(net.proto(output), {"x": net.samples(2)}, last)
    back = fold_transposes(channels_first(last))
    ir.verify(back)
    assert_same_but_for_axes_of_constants(back, graph)


def assert_same_but_for_axes_of_constants(left: Graph, right: Graph) -> None:
    """ir.same, where a constant that is added may have got leading axes of size 1."""
    for name, value in right.constants.items():
        assert np.array_equal(left.constants[name].reshape(value.shape), value)
    names = left.tensors.keys() - left.constants.keys()
    assert {name: left.tensors[name] for name in names} == {name: right.tensors[name] for name in names}
    assert (left.nodes, left.inputs, left.outputs) == (right.nodes, right.inputs, right.outputs)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_no_pass_changes_what_a_network_computes(case):
    check_passes(*case)


def test_layout_knows_every_operator_that_has_one():
    with_layout = {op for op in OPERATORS if "channels_last" in {field.name for field in fields(op)}}
    assert with_layout == set(get_args(Spatial))


def test_residual_network_there_and_back():
    net, output = residual_network()
    graph = fold_affine(net.graph(output))
    assert ir.same(fold_transposes(channels_first(channels_last(graph))), graph)
    assert "Transpose" not in " ".join(labels(check_passes(net, output)))


# --- folding into Conv and Dense ------------------------------------------------------------------------------------


def without_bias(net: Network, x: str, outputs: int) -> str:
    weights = net.constant(floats(net.rng, outputs, net.shapes[x][1], *[3] * (len(net.shapes[x]) - 2)))
    return net.add("Conv", f"{x} {weights}") if len(net.shapes[x]) > 2 else net.add("Gemm", f"{x} {weights}", transB=1)


@pytest.mark.parametrize("shape", [(2, 5, 5), (2, 6), (4,)])
@pytest.mark.parametrize("layer", ["with bias", "without bias"])
@pytest.mark.parametrize("followers", ["norm", "add", "add norm", "norm add", "norm norm add"])
def test_what_scales_or_shifts_channels_is_folded(shape, layer, followers):
    net = Network(0, *shape)
    dense = len(shape) == 1
    x = without_bias(net, "x", 3) if layer == "without bias" else net.dense("x", 3) if dense else net.conv("x", 3)
    for follower in followers.split():
        vector = floats(net.rng, 3) if dense else floats(net.rng, 3, *[1] * (len(shape) - 1))
        x = net.batch_normalization(x) if follower == "norm" else net.add("Add", f"{net.constant(vector)} {x}")
    graph = check_passes(net, x)
    assert len(graph.nodes) == 1
    assert graph.nodes[0].origins == tuple(proto.name for proto in net.nodes)
    assert graph.outputs == (x,)


@pytest.mark.parametrize("addend", [(), (1,), (1, 1, 1, 1), (3, 1, 1), (1, 3, 1, 1)])
def test_additions_of_any_shape_that_is_a_bias(addend):
    net = Network(0, 2, 5, 5)
    x = net.add("Add", f"{net.conv('x', 3)} {net.constant(floats(net.rng, *addend))}")
    assert labels(check_passes(net, x)) == ["Conv 3x3"]


@pytest.mark.parametrize("addend", [(3,), (3, 1), (3, 3, 3), (1, 3, 1, 3), (1, 1, 1, 1, 1), (2, 3, 1, 1)])
def test_additions_that_are_no_bias_stay_apart(addend):
    net = Network(0, 2, 5, 5)
    x = net.add("Add", f"{net.conv('x', 3)} {net.constant(floats(net.rng, *addend))}")
    assert {"Add", "Conv 1"} & set(labels(check_passes(net, x, samples=1)))


def test_matmul_with_several_vectors_takes_a_bias_but_no_normalization():
    net = Network(0, 5, 5)
    x = net.add("MatMul", f"x {net.constant(floats(net.rng, 5, 5))}")
    biased = net.add("Add", f"{x} {net.constant(floats(net.rng, 5))}")
    output = net.batch_normalization(biased)  # over axis 1, not over the outputs
    graph = check_passes(net, output)
    assert "Conv 1" in labels(graph)
    assert "Add" not in labels(graph)


def test_nothing_is_folded_where_the_layer_is_read_twice():
    net = Network(0, 2, 5, 5)
    x = net.conv("x", 3)
    output = net.add("Add", f"{net.batch_normalization(x)} {x}")
    assert labels(check_passes(net, output)) == ["Conv 3x3", "Conv 1x1", "Add"]
    assert labels(check_passes(net, f"{net.batch_normalization(x)} {x}")) == ["Conv 3x3", "Conv 1x1"]


def test_shared_weights_are_folded_for_each_layer_alone():
    net = Network(0, 3, 5, 5)
    shared = net.weights(3, 3, 1, 1)
    x = net.batch_normalization(net.add("Conv", f"x {shared}"))
    output = net.add("Conv", f"{net.batch_normalization(net.add('Conv', f'{x} {shared}'))} {shared}")
    assert labels(check_passes(net, output)) == ["Conv 1x1"] * 3


def test_shared_statistics_are_folded_into_each_layer():
    net = Network(0, 3, 5, 5)
    names = " ".join(net.constant(np.abs(floats(net.rng, 3))) for _ in range(4))
    x = net.add("BatchNormalization", f"{net.conv('x', 3)} {names}")
    output = net.add("BatchNormalization", f"{net.conv(x, 3)} {names}")
    assert labels(check_passes(net, output)) == ["Conv 3x3"] * 2


# --- Transposes -----------------------------------------------------------------------------------------------------


def transposes(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes if isinstance(n.op, Transpose)]


def test_flatten_and_dense_take_the_channels_first_order():
    net = Network(0, 3, 6, 5)
    x = net.add("MaxPool", net.conv("x", 4), kernel_shape=[2, 2])
    graph = check_passes(net, net.dense(net.add("Flatten", x), 7))
    assert labels(graph) == ["Conv 3x3", "MaxPool 2x2", "Reshape", "Dense"]


def test_several_dense_layers_behind_one_flatten():
    net = Network(0, 3, 6, 5)
    x = net.add("Flatten", net.conv("x", 4))
    assert not transposes(check_passes(net, f"{net.dense(x, 2)} {net.dense(x, 3)}"))


def test_weights_of_a_dense_layer_that_are_read_elsewhere_stay():
    net = Network(0, 2, 4, 4)
    x = net.add("Flatten", net.conv("x", 2))
    shared = net.weights(8, 8)
    y = net.add("Gemm", f"{x} {shared}", transB=1)
    output = net.add("Gemm", f"{y} {shared}", transB=1)
    graph = check_passes(net, output)
    assert len(transposes(graph)) == 1
    check_int8_form(graph)


def test_flatten_for_something_else_keeps_its_transpose():
    net = Network(0, 2, 4, 4)
    x = net.add("Flatten", net.conv("x", 2))
    assert len(transposes(check_passes(net, x))) == 1
    assert len(transposes(check_passes(net, net.add("Softmax", x)))) == 1
    assert len(transposes(check_passes(net, f"{net.dense(x, 2)} {x}"))) == 1


def chain(*permutations: list[int], outputs: str = "y", shape: tuple[int, ...] = (1, 3, 4, 5)) -> Graph:
    nodes, name = [node("Relu", "x", "r")], "r"
    for index, perm in enumerate(permutations):
        nodes.append(node("Transpose", name, f"t{index}", perm=perm))
        name = f"t{index}"
    nodes.append(node("Clip", name, "y"))
    return fold_transposes(import_model(model(nodes, {"x": shape}, outputs=outputs), "net"))


def test_transposes_that_undo_each_other_go():
    assert labels(chain([0, 2, 3, 1], [0, 3, 1, 2])) == ["Relu", "Requantize"]
    assert labels(chain([0, 1, 2, 3])) == ["Relu", "Requantize"]
    assert labels(chain([1, 2, 3, 0], [1, 2, 3, 0], [1, 2, 3, 0], [1, 2, 3, 0])) == ["Relu", "Requantize"]


def test_transposes_in_a_row_become_one():
    assert labels(chain([0, 2, 1, 3], [0, 1, 3, 2])) == ["Relu", "Transpose 0,2,3,1", "Requantize"]


def test_a_transpose_whose_result_is_an_output_stays_visible():
    graph = chain([0, 2, 3, 1], [0, 3, 1, 2], outputs="y t0 t1")
    assert graph.outputs == ("y", "t0", "t1")
    assert labels(graph) == ["Relu", "Transpose 0,2,3,1", "Requantize"]


def test_a_transpose_of_size_1_axes_becomes_a_reshape():
    graph = transposes_as_reshapes(chain([0, 2, 1, 3], shape=(1, 1, 4, 5)))
    assert labels(graph) == ["Relu", "Reshape", "Requantize"]
    graph = transposes_as_reshapes(chain([1, 0, 2, 3], shape=(1, 1, 4, 5)))  # moves the batch, which may grow
    assert labels(graph) == ["Relu", "Transpose 1,0,2,3", "Requantize"]


def test_reshape_to_an_image_of_one_channel():
    net = Network(0, 784)
    x = net.add("Reshape", f"x {net.constant(np.array([-1, 1, 28, 28]))}")
    graph = check_passes(net, net.conv(x, 2))
    assert [n.op for n in graph.nodes if isinstance(n.op, Reshape)] == [Reshape((0, 28, 28, 1))]
    assert not transposes(graph)


def test_reshape_to_an_image_of_several_channels_keeps_its_transpose():
    net = Network(0, 12)
    x = net.add("Reshape", f"x {net.constant(np.array([0, 3, 2, 2]))}")
    graph = check_passes(net, net.conv(x, 2, 1))
    assert len(transposes(graph)) == 1
    check_int8_form(graph)


def keras_style(channels: int) -> tuple[Network, str]:
    """Images come and go channels-last, every layer between two Transposes, as Keras models are exported."""
    net = Network(1, 8, 6, channels)
    x = "x"
    for outputs in (4, 6):
        x = net.add("Relu", net.conv(net.add("Transpose", x, perm=[0, 3, 1, 2]), outputs))
        x = net.add("Transpose", x, perm=[0, 2, 3, 1])
    return net, x


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_models_end_without_a_transpose(channels):
    net, output = keras_style(channels)
    graph = check_passes(net, output)
    assert labels(graph) == ["Conv 3x3", "Relu", "Conv 3x3", "Relu"]
    assert graph.tensors["x"].shape == (1, 8, 6, channels)
    assert not graph.tensors["x"].channels_last  # that is ONNX's own order here
    assert not graph.tensors[output].channels_last


def test_elementwise_operators_before_the_first_layer():
    net = Network(0, 2, 6, 6)
    x = net.add("Add", f"{net.add('Relu', 'x')} {net.constant(floats(net.rng, 2, 1, 1))}")
    graph = check_passes(net, net.add("MaxPool", x, kernel_shape=[2, 2]))
    assert graph.tensors["x"].channels_last
    assert not transposes(graph)


def test_elementwise_operators_before_the_first_layer_of_a_channels_last_model():
    net = Network(1, 8, 6, 3)
    x = net.add("Transpose", "x", perm=[0, 3, 1, 2])
    x = net.conv(net.clip(net.add("Add", f"{x} {net.constant(floats(net.rng, 3, 1, 1))}"), -1, 1), 4)
    assert not transposes(check_passes(net, net.dense(net.add("Flatten", x), 3)))


def test_additions_of_other_ranks_keep_onnx_order():
    """[1, 3, 4, 4] + [4, 4]: the axes of the second only fit in ONNX's order."""
    nodes = [
        node("Conv", "x w", "a"),
        node("Add", "a y", "b"),
        node("Relu", "b", "c"),
        node("Conv", "c w", "z"),
    ]
    constants = {"w": floats(np.random.default_rng(0), 3, 3, 1, 1)}
    proto = model(nodes, {"x": (1, 3, 4, 4), "y": (4, 4)}, constants, "z")
    graph = import_model(proto, "net")
    last = fold_transposes(channels_last(graph))
    ir.verify(last)
    assert last.tensors["b"].shape == (1, 3, 4, 4)
    assert ir.same(fold_transposes(channels_first(last)), graph)


# --- what can run on int8 -------------------------------------------------------------------------------------------


def problems(net: Network, outputs: str) -> list[str]:
    with pytest.raises(UnsupportedError) as caught:
        check_int8_form(run_passes(net.graph(outputs), FLOAT_PASSES))
    return list(caught.value.problems)


def test_everything_without_an_int8_form_is_listed_at_once():
    net = Network(0, 4, 6)
    x = net.add("Relu", net.conv("x", 4, 1))
    x = net.add("Max", f"{x} {net.constant(floats(net.rng, 6))}")
    x = net.add("Pow", f"{net.add('Softmax', x, axis=0)} {x}")
    assert problems(net, net.add("Transpose", x, perm=[0, 2, 1])) == [
        "node 'max_2_node' (Max) has a constant operand with an int8 form only for one number, or one for each channel",
        "node 'softmax_3_node' (Softmax) mixes the samples of a batch",
        "node 'pow_4_node' (Pow) has an int8 form only for one constant exponent",
    ]


def test_batches_must_stay_batches():
    net = Network(0, 6)
    fixed = net.proto(net.dense("x", 2))
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    with pytest.raises(UnsupportedError, match="input 'x' has a batch of 8; export the model with an open batch"):
        check_int8_form(import_model(fixed, "net"))
    mixed = net.add("Reshape", f"x {net.constant(np.array([2, 3]))}")
    assert problems(net, mixed) == [
        "node 'reshape_1_node' (Reshape) mixes the samples of a batch: [1, 6] becomes [2, 3]"
    ]


def test_an_output_that_is_channels_last_in_the_file_is_exact(tmp_path: Path) -> None:
    """Such as the image that a Keras model ends in: no Transpose is left on int8."""
    net = Network(21, 3, 5, 4)
    graph = assert_exact(net.proto(net.add("Transpose", net.conv("x", 4), perm=[0, 2, 3, 1])), net.samples(9), tmp_path)
    assert len(graph.nodes) == 1
