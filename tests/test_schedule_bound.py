"""The bound over all schedules, against every schedule that there is."""

import pytest
from int8_graphs import GraphBuilder
from test_row_plan import SAME

from tinycnn.ir import Graph
from tinycnn.ops import Window
from tinycnn.plan import candidates, schedule_free_bound
from tinycnn.plan.bound import schedule_free_bound_bytes
from tinycnn.plan.rows import INPUT, Pull, RowGraph
from tinycnn.plan.schedule import pulls


def small_graph(seed: int) -> Graph:
    """A residual block, a strided branch or a classifier, with rows of different sizes."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    x = builder.input(int(rng.integers(3, 6)), 2, int(rng.integers(1, 4)))
    wide = int(rng.integers(1, 6))
    y = builder.conv(x, wide, SAME)
    kind = seed % 4
    if kind == 0:
        y = builder.add(y, builder.conv(x, wide, Window((1, 1), (1, 1), (1, 1), (0, 0, 0, 0))))
    elif kind == 1:
        y = builder.conv(y, int(rng.integers(1, 9)), Window((3, 3), (2, 2), (1, 1), (1, 1, 1, 1)))
    elif kind == 2:
        y = builder.global_average_pool(builder.conv(y, int(rng.integers(1, 6)), SAME))
    else:
        y = builder.clip(builder.add(y, builder.conv(y, wide, SAME)), 0.0, 3.0)
    return builder.graph([y])


def least_peak_bytes(rows: RowGraph) -> int:
    """Over all orders of pulls, those of each node in turn: the fewest bytes that must be alive at the worst moment.

    A row is written over one of the same size that dies with it where the operator works in place.
    """
    counts = {node: rows.turns[node] for node in range(len(rows.nodes))}
    if rows.pushed:
        counts[INPUT] = rows.rows(rows.pushed)
    readers = {(tensor, row): [] for tensor in [*rows.graph.inputs, *rows.maker] for row in range(rows.rows(tensor))}
    for node, turns in enumerate(rows.reads):
        for turn, reads in enumerate(turns):
            for tensor, wanted in reads:
                for row in wanted:
                    readers[tensor, row].append((node, turn))
    outputs = {rows.root_of[name] for name in rows.graph.outputs}

    def is_made(tensor: str, row: int, done: dict[int, int]) -> bool:
        if tensor in rows.graph.inputs:
            return tensor != rows.pushed or row < done[INPUT]
        return rows.completing_turn(rows.maker[tensor], row) < done[rows.maker[tensor]]

    def alive(done: dict[int, int]) -> int:
        total = sum(
            rows.row_bytes(tensor)
            for (tensor, row), found in readers.items()
            if is_made(tensor, row, done) and (tensor in outputs or any(turn >= done[node] for node, turn in found))
        )
        return total + sum(
            size for node, size in enumerate(rows.sums_bytes) if size and 0 < done[node] < rows.turns[node]
        )

    def is_overwriting(pull: Pull, done: dict[int, int]) -> bool:
        node = rows.nodes[pull.node]
        return getattr(node.op, "in_place", False) and any(
            rows.row_bytes(tensor) == rows.row_bytes(node.outputs[0])
            and tensor not in outputs
            and all(
                turn < done[reader] for reader, turn in readers[tensor, row] if (reader, turn) != (pull.node, pull.row)
            )
            for tensor, wanted in rows.reads[pull.node][pull.row]
            for row in wanted
        )

    def beside(pull: Pull, done: dict[int, int]) -> int:
        if pull.node == INPUT:
            return rows.row_bytes(str(rows.pushed))
        size = rows.sums_bytes[pull.node] if pull.row == 0 else 0
        if pull.row in rows.padded_turns[pull.node]:
            padding = rows.paddings[pull.node]
            assert padding is not None
            size += padding[1]
        if rows.written_row(pull) is None or is_overwriting(pull, done):
            return size
        return size + rows.row_bytes(rows.nodes[pull.node].outputs[0])

    keys = sorted(counts)
    level = {tuple(0 for _ in keys): 0}  # what was done, and the least peak on the way there
    for _ in range(sum(counts.values())):
        following: dict[tuple[int, ...], int] = {}
        for state, peak in level.items():
            done = dict(zip(keys, state, strict=True))
            now = alive(done)
            for index, node in enumerate(keys):
                if done[node] == counts[node]:
                    continue
                wanted = rows.reads[node][done[node]] if node >= 0 else ()
                if all(is_made(tensor, row, done) for tensor, all_rows in wanted for row in all_rows):
                    reached = (*state[:index], state[index] + 1, *state[index + 1 :])
                    worst = max(peak, now + beside(Pull(node, done[node]), done))
                    following[reached] = min(worst, following.get(reached, worst))
        level = following
    (best,) = level.values()
    return best


@pytest.mark.parametrize("pushed", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_no_schedule_goes_below_the_bound(seed: int, pushed: bool) -> None:
    graph = small_graph(seed)
    rows = RowGraph(graph, {}, graph.inputs[0] if pushed else None)
    bound = schedule_free_bound_bytes(rows, pulls(rows, 0, len(rows.nodes)))
    least = least_peak_bytes(rows)
    assert 0.8 * least <= bound <= least


@pytest.mark.parametrize("seed", range(4))
def test_no_plan_goes_below_the_bound(seed: int) -> None:
    graph = small_graph(seed)
    for pushed in (False, True):
        assert schedule_free_bound(graph, pushed=pushed) <= candidates(graph, pushed=pushed)[-1].arena_bytes
