"""Scratch of kernels in plans, and alternatives of kernels that differ in it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from test_row_plan import SAME, random_graph

from tinycnn.errors import BudgetError
from tinycnn.ir import Graph
from tinycnn.ops import Window
from tinycnn.plan import Alternative, Plan, PlanError, candidates, check, drafts, in_stages, plan
from tinycnn.plan.assemble import assembled
from tinycnn.plan.cuts import peaks_bytes
from tinycnn.plan.rows import RowGraph


def outputs(graph: Graph) -> list[str]:
    return [node.outputs[0] for node in RowGraph(graph).nodes]


@pytest.mark.parametrize("seed", range(3))
def test_random_alternatives_give_a_front_of_checked_plans(seed: int) -> None:
    _, graph = random_graph(seed)
    rng = np.random.default_rng(seed)
    alternatives = {
        output: [
            Alternative("lean", 1_000),
            Alternative("fast", 500, int(rng.integers(1, 300)), bool(rng.integers(2))),
            Alternative("fastest", 250, int(rng.integers(300, 600)), bool(rng.integers(2))),
        ]
        for output in outputs(graph)
        if rng.random() < 0.4
    }
    front = candidates(graph, alternatives)
    assert all(way.kernel == "fastest" for way in plan(graph, None, alternatives).chosen.values())
    assert front[-1].arena_bytes <= candidates(graph)[-1].arena_bytes
    for made, after in pairwise(front):
        assert made.compared_instructions < after.compared_instructions
        assert made.arena_bytes > after.arena_bytes
    for made in front:
        check(made)
        assert made.lower_bound_bytes <= made.arena_bytes
    middle = front[len(front) // 2]
    assert plan(graph, middle.arena_bytes, alternatives).chosen == middle.chosen


@pytest.mark.parametrize("pushed", [False, True])
def test_what_is_not_placed_would_not_be_worth_having(pushed: bool) -> None:
    _, graph = random_graph(4)
    ways = {
        output: [Alternative("lean", 1_000), Alternative("fast", 500, 70 * i, i % 2 == 0), Alternative("whole", 9, 400)]
        for i, output in enumerate(outputs(graph))
    }
    placed = [assembled(each) for each in drafts(graph, ways, pushed=pushed, pulled=False)]
    sizes = {(made.compared_instructions, made.arena_bytes) for made in placed}
    worth = {one for one in sizes if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in sizes)}
    found = candidates(graph, ways, pushed=pushed)
    assert 2 < len(found) < len(placed)
    assert {(made.compared_instructions, made.arena_bytes) for made in found} == worth


def three_layers() -> tuple[Graph, list[str]]:
    builder = GraphBuilder(5)
    x = builder.input(8, 6, 4)
    for _ in range(3):
        x = builder.conv(x, 4, SAME)
    graph = builder.graph([x])
    return graph, outputs(graph)


def test_between_all_lean_and_all_fast_there_are_plans() -> None:
    graph, names = three_layers()
    ways = {name: [Alternative("lean", 900), Alternative("fast", 300, 200 + 100 * i)] for i, name in enumerate(names)}
    front = candidates(graph, ways)
    assert any(len({way.kernel for way in made.chosen.values()}) == 2 for made in front)
    with pytest.raises(BudgetError):
        plan(graph, front[-1].arena_bytes - 1, ways)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("cuts", [[0], [0, 1, 2], [0, 2]])
def test_scratch_is_a_place_beside_what_the_row_reads_and_writes(keeps: bool, cuts: list[int]) -> None:
    graph, names = three_layers()
    chosen = {names[1]: Alternative("wide", 0, 100, keeps)}
    made = in_stages(graph, cuts, chosen)
    steps = [step for step in made.steps if step.node.outputs[0] == names[1]]
    assert {step.scratch.row_bytes for step in steps if step.scratch} == {100}
    assert all(step.scratch for step in steps)
    assert any(occupant.name == f"scratch of {names[1]}" for occupant in made.occupants)
    ends = [*cuts, 3][1:]
    rows = RowGraph(graph, chosen)
    peak = max(peaks_bytes(rows, first, last)[0] for first, last in zip(cuts, ends, strict=True))
    assert made.lower_bound_bytes <= peak + 64  # alignment of shared padding aside
    for name in (names[0], names[1]):
        moved = [
            replace(step, scratch=replace(step.scratch, offset_bytes=made.places[name].offset_bytes))
            if step.scratch
            else step
            for step in made.steps
        ]
        with pytest.raises(PlanError):
            check(replace(made, steps=tuple(moved)))
    smaller = tuple(
        replace(step, scratch=replace(step.scratch, row_bytes=99)) if step.scratch else step for step in made.steps
    )
    for steps_ in (smaller, tuple(replace(step, scratch=None) for step in made.steps)):
        with pytest.raises(PlanError, match="no room for 100 bytes of scratch"):
            check(replace(made, steps=steps_))


def test_only_scratch_that_is_kept_must_survive_between_rows() -> None:
    """Two layers that take turns and have the same scratch are wrong only where it is kept."""
    graph, names = three_layers()

    def shared(keeps: bool) -> Plan:
        made = in_stages(graph, [0], {name: Alternative("wide", 0, 16, keeps) for name in names[:2]})
        behind = [
            replace(step, scratch=replace(step.scratch, offset_bytes=made.arena_bytes)) if step.scratch else step
            for step in made.steps
        ]
        return replace(made, steps=tuple(behind), arena_bytes=made.arena_bytes + 16)

    check(shared(False))
    with pytest.raises(PlanError, match="scratch"):
        check(shared(True))


def test_the_operator_says_what_padding_is() -> None:
    builder = GraphBuilder(2)
    x = builder.input(6, 4, 3)
    over = Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    graph = builder.graph([builder.max_pool(x, over), builder.conv(x, 3, over), builder.clip(x, 0.0, 1.0)])
    quantization = graph.tensors[x].quantization
    assert quantization is not None
    assert RowGraph(graph).paddings == ((-128, 12), (quantization.zero_point, 12), None)


def test_no_padding_lies_in_the_arena_for_kernels_that_make_it() -> None:
    builder = GraphBuilder(2)
    y = builder.conv(builder.input(6, 4, 3), 3, Window.of((3, 3), (1, 1), (1, 1, 1, 1)))
    graph = builder.graph([y])
    for makes_padding in (False, True):
        made = in_stages(graph, [0], {y: Alternative("any", makes_padding=makes_padding)})
        check(made)
        assert any(step.padding is None for step in made.steps) == makes_padding
        assert any("padding" in occupant.name for occupant in made.occupants) != makes_padding
