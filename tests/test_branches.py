"""The order of independent branches, and graphs of many operators."""

from time import process_time

import pytest
from int8_graphs import GraphBuilder
from test_row_plan import SAME

from tinycnn.ir import Graph
from tinycnn.ops import Concat, Window
from tinycnn.plan import candidates, check
from tinycnn.plan.branches import least_alive_order

POINTS = Window((1, 1), (1, 1), (1, 1), (0, 0, 0, 0))


def two_branches(big_first: bool) -> Graph:
    """One branch ends in many bytes, the other needs many on the way but ends in few, all of them at once."""
    builder = GraphBuilder(2)
    x = builder.input(4, 4, 2)

    def wide_end() -> str:
        return builder.dense(builder.reshape(builder.conv(x, 2, POINTS), 32), 400)

    def wide_way() -> str:
        return builder.dense(builder.reshape(builder.conv(x, 40, POINTS), 640), 4)

    ends = [wide_end(), wide_way()] if big_first else [wide_way(), wide_end()]
    a, b = ends if big_first else ends[::-1]
    return builder.graph([builder.move(Concat(1), a, b)])


def test_branches_are_computed_in_the_better_order() -> None:
    """Whatever order the file has: the one that leaves little behind comes first."""
    arenas = []
    for big_first in (True, False):
        graph = two_branches(big_first)
        ordered = [node.outputs[0] for node in least_alive_order(graph).nodes]
        wide_end, wide_way = graph.nodes[-1].inputs
        assert ordered.index(wide_way) < ordered.index(wide_end)
        made = candidates(graph)[-1]
        check(made)
        arenas.append(made.arena_bytes)
    assert arenas[0] == arenas[1] < 640 + 400


def test_chains_keep_their_order() -> None:
    builder = GraphBuilder(1)
    x = builder.input(6, 4, 2)
    for _ in range(5):
        x = builder.conv(x, 2, SAME)
    graph = builder.graph([x])
    assert least_alive_order(graph).nodes == graph.nodes


@pytest.mark.parametrize("pushed", [False, True])
def test_two_hundred_operators_are_planned_in_seconds(pushed: bool) -> None:
    builder = GraphBuilder(9)
    x = builder.input(16, 8, 4)
    while len(builder.nodes) < 200:
        y = builder.conv(builder.conv(x, 4, SAME), 4, SAME)
        x = builder.clip(builder.add(x, y), 0.0, 3.0)
    graph = builder.graph([x])
    begin = process_time()
    made = candidates(graph, pushed=pushed)[-1]
    assert process_time() - begin < 10
    assert made.arena_bytes <= 1.02 * made.lower_bound_bytes
