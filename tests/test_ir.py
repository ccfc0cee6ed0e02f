"""The graph: what is well formed, and the small rewrites that every pass uses."""

from dataclasses import replace

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from models import residual_network

from tinycnn import ir
from tinycnn.errors import ModelError
from tinycnn.ir import Graph, Node, Quantization, Tensor, rebuild, rename, same, unused_name, verify, without_dead_nodes
from tinycnn.ops import Clip, Dense, Window


def small() -> Graph:
    """x -> a = Dense(x) -> b = Relu(a)."""
    return Graph(
        "small",
        ("x",),
        ("b",),
        (Node("dense", Dense(), ("x", "w"), ("a",), ("fc",)), Node("relu", Clip(0.0), ("a",), ("b",), ("r",))),
        {t.name: t for t in (Tensor("x", (1, 3)), Tensor("w", (2, 3)), Tensor("a", (1, 2)), Tensor("b", (1, 2)))},
        {"w": np.ones((2, 3), np.float32)},
    )


def with_tensor(graph: Graph, name: str, /, **changes: object) -> Graph:
    return replace(graph, tensors={**graph.tensors, name: replace(graph.tensors[name], **changes)})


def with_node(graph: Graph, index: int, /, **changes: object) -> Graph:
    nodes = [replace(node, **changes) if i == index else node for i, node in enumerate(graph.nodes)]
    return replace(graph, nodes=tuple(nodes))


def without_tensor(graph: Graph, name: str) -> Graph:
    return replace(graph, tensors={key: tensor for key, tensor in graph.tensors.items() if key != name})


BROKEN = {
    "made twice": (with_node(small(), 1, outputs=("a",)), "Tensor 'a' is made 2 times"),
    "input made again": (with_node(small(), 1, outputs=("x",)), "Tensor 'x' is made 2 times"),
    "constant made again": (with_node(small(), 1, outputs=("w",)), "Tensor 'w' is made 2 times"),
    "input twice": (replace(small(), inputs=("x", "x")), "Tensor 'x' is made 2 times"),
    "no entry": (without_tensor(small(), "a"), "Tensor 'a' has no entry in the table of tensors."),
    "entry of another": (with_tensor(small(), "a", name="c"), "Tensor 'a' has the entry of 'c'"),
    "name of another node": (with_node(small(), 1, name="dense"), "Node 'dense' is listed 2 times."),
    "output twice": (replace(small(), outputs=("b", "b")), "Output 'b' is listed 2 times."),
    "constant of another shape": (
        replace(small(), constants={"w": np.ones((2, 4), np.float32)}),
        "Constant 'w' is float32 [2, 4] but its tensor says float32 [2, 3].",
    ),
    "constant of another type": (
        replace(small(), constants={"w": np.ones((2, 3))}),
        "Constant 'w' is float64 [2, 3] but its tensor says float32 [2, 3].",
    ),
    "read before it is made": (
        replace(small(), nodes=small().nodes[::-1]),
        "Node 'relu' reads 'a' before anything makes it.",
    ),
    "read what nothing makes": (with_node(small(), 1, inputs=("c",)), "Node 'relu' reads 'c' before anything makes"),
    "wrong shape": (with_tensor(small(), "b", shape=(1, 3)), "Node 'relu' (Relu) makes ((1, 2),), but its outputs are"),
    "operator refuses": (with_tensor(small(), "x", shape=(1, 4)), "Dense: input [1, 4] does not fit the weights"),
    "output of nothing": (replace(small(), outputs=("c",)), "The graph's output 'c' is made by no node."),
}


def test_a_well_formed_graph_passes():
    verify(small())
    net, output = residual_network()
    verify(net.graph(output))


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_well_formed_is_named(case):
    graph, sentence = BROKEN[case]
    with pytest.raises(ModelError) as caught:
        verify(graph)
    assert sentence in str(caught.value)


def int8() -> Graph:
    builder = GraphBuilder(0)
    x = builder.conv(builder.input(4, 4, 2), 3, Window.of((3, 3)))
    return builder.graph([x])


QUANTIZED_BROKEN = {
    "float activation": (with_tensor(int8(), "conv_0_out", dtype="float32"), "is float32 without a quantization"),
    "no quantization": (with_tensor(int8(), "conv_0_out", quantization=None), "is int8 without a quantization"),
    "two scales": (
        with_tensor(int8(), "conv_0_out", quantization=Quantization((0.1, 0.2))),
        "Tensor 'conv_0_out' needs one scale and an int8 zero point",
    ),
    "zero point": (
        with_tensor(int8(), "conv_0_out", quantization=Quantization((0.1,), 128)),
        "Tensor 'conv_0_out' needs one scale and an int8 zero point",
    ),
    "scales of weights": (
        with_tensor(int8(), "w0", quantization=Quantization((0.1, 0.2), 0, 0)),
        "Constant 'w0' needs the zero point 0 and a scale per index of axis 0.",
    ),
    "zero point of weights": (
        with_tensor(int8(), "w0", quantization=Quantization((0.1,), 1)),
        "Constant 'w0' needs the zero point 0",
    ),
}


@pytest.mark.parametrize("case", QUANTIZED_BROKEN)
def test_what_is_not_quantized_well_is_named(case):
    graph, sentence = QUANTIZED_BROKEN[case]
    verify(int8())
    with pytest.raises(ModelError) as caught:
        verify(graph)
    assert sentence in str(caught.value)


def test_facts_of_a_graph():
    graph = small()
    assert graph.producers == {"a": graph.nodes[0], "b": graph.nodes[1]}
    assert graph.consumers == {"x": (graph.nodes[0],), "w": (graph.nodes[0],), "a": (graph.nodes[1],)}
    assert graph.sole_consumer("a") is graph.nodes[1]
    assert graph.sole_consumer("b") is None
    assert replace(graph, outputs=("a", "b")).sole_consumer("a") is None
    assert graph.activations(graph.nodes[0]) == ("x",)
    assert (graph.total_macs, graph.total_parameters) == (6, 6)
    assert not graph.is_quantized
    assert int8().is_quantized


def test_parameters_that_layers_share_count_once():
    graph = small()
    twice = Node("again", Dense(), ("x", "w"), ("c",), ())
    graph = replace(graph, nodes=(*graph.nodes, twice), tensors={**graph.tensors, "c": Tensor("c", (1, 2))})
    assert graph.total_parameters == 6
    assert [graph.parameters(node) for node in graph.nodes] == [6, 0, 6]


def test_rebuild_drops_what_nothing_names():
    graph = small()
    built = rebuild(graph, graph.nodes[:1], graph.tensors, graph.constants, outputs=("a",))
    assert built.tensors.keys() == {"x", "w", "a"}
    built = rebuild(graph, (), graph.tensors, graph.constants, outputs=("x",))
    assert (built.tensors.keys(), built.constants) == ({"x"}, {})


def test_rename_changes_every_mention():
    graph = rename(small(), {"x": "image", "b": "scores"})
    verify(graph)
    assert (graph.inputs, graph.outputs) == (("image",), ("scores",))
    assert graph.tensors["scores"].name == "scores"


def test_dead_nodes_and_what_they_alone_read_go():
    graph = small()
    dead = (Node("d1", Clip(0.0), ("a",), ("c",), ()), Node("d2", Dense(), ("c", "v"), ("d",), ()))
    tensors = {**graph.tensors, **{n: Tensor(n, (1, 2)) for n in ("c", "d")}, "v": Tensor("v", (2, 2))}
    constants = {**graph.constants, "v": np.ones((2, 2), np.float32)}
    larger = replace(graph, nodes=(*graph.nodes, *dead), tensors=tensors, constants=constants)
    verify(larger)
    assert same(without_dead_nodes(larger), graph)


def test_unused_names():
    assert unused_name("a", set()) == "a"
    assert unused_name("a", {"a"}) == "a_2"
    assert unused_name("a", {"a", "a_2", "a_3"}) == "a_4"


def test_same_looks_at_everything_but_the_name():
    graph = small()
    assert same(graph, replace(graph, name="other"))
    for other in (
        replace(graph, outputs=("a",)),
        with_node(graph, 0, origins=()),
        with_tensor(graph, "a", channels_last=True),
        replace(graph, constants={"w": np.zeros((2, 3), np.float32)}),
        replace(graph, constants={}),
        replace(graph, constants={"w": np.ones((2, 3))}),
    ):
        assert not same(graph, other)


def test_scales_are_float32():
    assert ir.Quantization((0.1,)).scales.dtype == np.float32
