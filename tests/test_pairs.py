"""A pointwise layer and the depthwise one behind it as one step."""

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from simulator import simulate

from tinycnn import engine
from tinycnn.ir import Graph, verify
from tinycnn.ops import Window
from tinycnn.plan import Alternative, candidates, plan
from tinycnn.plan.pairs import PointwiseDepthwise, pairs, with_pairs


def separable(seed: int) -> tuple[GraphBuilder, Graph, tuple[str, str]]:
    """Two pairs in a row between other layers, and the tensors that they make."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    made = []
    y = builder.conv(builder.input(11, 9, 3), 4, Window.of((3, 3), (1, 1), (1, 1, 1, 1)))
    for stride, channels in ((1, 8), (2, 12)):
        pads = tuple(int(pad) for pad in rng.integers(0, 3, 4))
        y = builder.conv(y, channels, Window.of((1, 1)))
        y = builder.conv(y, channels, Window.of((3, 3), (stride, stride), pads), channels)
        made.append(y)
    y = builder.conv(y, 5, Window.of((1, 1)))
    return builder, builder.graph([y]), (made[0], made[1])


@pytest.mark.parametrize("seed", range(4))
def test_a_graph_of_pairs_computes_the_same(seed: int) -> None:
    builder, graph, made = separable(seed)
    assert [second.outputs[0] for _, second in pairs(graph)] == list(made)
    joined = with_pairs(graph, made)
    verify(joined)
    assert [type(node.op) for node in joined.nodes].count(PointwiseDepthwise) == 2
    assert joined.total_macs == graph.total_macs
    samples = builder.samples(3)
    expected, found = engine.trace(graph, samples), engine.trace(joined, samples)
    assert len(found) == len(expected) - 2
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_what_is_read_twice_or_leaves_the_graph_is_no_pair() -> None:
    builder = GraphBuilder(0)
    x = builder.conv(builder.input(8, 8, 4), 8, Window.of((1, 1)))
    y = builder.conv(x, 8, Window.of((3, 3)), 8)
    assert len(list(pairs(builder.graph([y])))) == 1
    assert not list(pairs(builder.graph([x, y])))
    z = builder.conv(x, 4, Window.of((3, 3)))
    assert not list(pairs(builder.graph([y, z])))


def ways(graph: Graph, made: tuple[str, ...]) -> dict[str, tuple[Alternative, ...]]:
    """Every layer slow or, with scratch, fast; the pairs faster than both of theirs."""
    found = {
        node.outputs[0]: (Alternative("slow", 1000), Alternative("fast", 500, 512, keeps_scratch=True))
        for node in graph.nodes
    }
    for output in made:
        found[output] += (Alternative("pair", 800, 768, keeps_scratch=True, paired=True),)
    return found


@pytest.mark.parametrize("pushed", [False, True])
def test_plans_take_pairs_where_they_are_faster(pushed: bool) -> None:
    builder, graph, made = separable(5)
    found = candidates(graph, ways(graph, made), pushed=pushed)
    kinds = {any(isinstance(step.node.op, PointwiseDepthwise) for step in made.steps) for made in found}
    assert kinds == {False, True}  # without scratch there are no pairs
    fastest = plan(graph, None, ways(graph, made), pushed=pushed)
    assert {step.node.outputs[0] for step in fastest.steps if isinstance(step.node.op, PointwiseDepthwise)} == set(made)
    samples = builder.samples(1)
    expected = engine.trace(graph, samples)
    for each in found:
        for name, rows in simulate(each, samples, np.random.default_rng(1)).items():
            np.testing.assert_array_equal(rows.reshape(-1), expected[name].reshape(-1), err_msg=name)
