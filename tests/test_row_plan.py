"""Plans in stages: rings, rows that make room, sums of rows, and the C that follows them, for any graph and cuts."""

from collections import Counter
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

import tinycnn
from tinycnn import engine
from tinycnn.cli.demo import examples_folder
from tinycnn.errors import BudgetError
from tinycnn.ir import Graph
from tinycnn.ops import Concat, Take, Transpose, Window, turns
from tinycnn.plan import Plan, PlanError, Span, candidates, check, in_stages, plan
from tinycnn.plan.assemble import assembled, draft
from tinycnn.plan.cuts import peaks_bytes
from tinycnn.plan.lifetimes import Need, Piece, simple_need
from tinycnn.plan.place import lower_bound_bytes, place
from tinycnn.plan.rows import RowGraph
from tinycnn_codegen import generate

SAME = Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))


KINDS = (
    *("same", "strided", "dilated", "depthwise", "transposed", "pool", "mean", "add", "clip"),
    *("stacked", "excited", "turned", "reversed"),
)


def random_graph(seed: int) -> tuple[GraphBuilder, Graph]:
    """A few layers over an image: residuals, branches, strides, dilations, rows that read none or all of an input."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    channels = int(rng.integers(2, 5))
    images = [builder.input(int(rng.integers(9, 16)), int(rng.integers(5, 9)), channels)]
    for _ in range(int(rng.integers(3, 8))):
        x = images[-1] if rng.random() < 0.8 else str(rng.choice(images))
        peers = [name for name in images if builder.shape(name) == builder.shape(x) and name != x]
        kind = rng.choice(KINDS)
        height, width = builder.shape(x)[1:3]
        if kind == "stacked" and height < 12:  # a row of the output reads one of the two inputs, and none of the other
            images.append(builder.move(Concat(1), x, builder.conv(x, builder.shape(x)[3], SAME)))
        elif kind == "excited":  # every row reads the one row of the means
            images.append(builder.multiply(x, builder.global_average_pool(x)))
        elif kind == "turned":  # every row reads all rows
            images.append(builder.move(Transpose((0, 2, 1, 3)), x))
        elif kind == "reversed":
            rows = tuple(range(height - 1, -1, -1))
            images.append(builder.move(Take((None, rows, None, None)), x))
        elif kind == "strided" and min(height, width) < 4:
            continue
        elif kind == "add" and peers:
            images.append(builder.add(x, str(rng.choice(peers))))
        elif kind == "clip":
            images.append(builder.clip(x, 0.0, 3.0))
        elif kind == "depthwise":
            images.append(builder.conv(x, builder.shape(x)[3], SAME, builder.shape(x)[3]))
        elif kind == "transposed" and height < 12:
            images.append(builder.conv_transpose(x, channels, Window((3, 3), (1, 1), (2, 1), (3, 1, 2, 1)), (2, 1)))
        elif kind == "strided" and height > 5:
            images.append(builder.conv(x, channels, Window((3, 3), (2, 2), (1, 1), (0, 1, 1, 1))))
        elif kind == "dilated" and height > 5:
            images.append(builder.conv(x, channels, Window((3, 2), (1, 1), (2, 1), (2, 0, 2, 1))))
        elif kind == "pool" and height > 3:
            images.append(builder.max_pool(x, Window((2, 2), (2, 1), (1, 1), (0, 0, 1, 0))))
        elif kind == "mean" and height > 3:
            images.append(builder.average_pool(x, Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))))
        else:
            images.append(builder.conv(x, channels, SAME))
    if rng.random() < 0.5:
        pooled = builder.global_average_pool(images[-1])
        builder.dense(builder.reshape(pooled, builder.shape(pooled)[3]), 5)
    read = {name for node in builder.nodes for name in node.inputs}
    return builder, builder.graph([node.outputs[0] for node in builder.nodes if node.outputs[0] not in read])


def random_cuts(rng: np.random.Generator, nodes: int) -> list[int]:
    return [0, *(index for index in range(1, nodes) if rng.random() < 0.3)]


def assert_computes_every_row_once(made: Plan) -> None:
    done = Counter((step.node.outputs[0], row) for step in made.steps for row in range(step.first_row, step.last_row))
    shapes = {name: tensor.shape for name, tensor in made.graph.tensors.items()}
    wanted = {
        (node.outputs[0], row)
        for node in RowGraph(made.graph).nodes
        for row in range(turns(node.op, shapes[node.inputs[0]], shapes[node.outputs[0]]))
    }
    assert set(done) == wanted
    assert set(done.values()) == {1}


@pytest.mark.parametrize("seed", range(12))
def test_any_cuts_of_any_graph_give_the_engine_s_bytes(seed: int, tmp_path: Path) -> None:
    needs("gcc")
    builder, graph = random_graph(seed)
    nodes = len(RowGraph(graph).nodes)
    samples = builder.samples(3)
    expected = engine.trace(graph, samples)
    plans = [candidates(graph)[-1], in_stages(graph, random_cuts(builder.rng, nodes)), in_stages(graph, [0])]
    for number, made in enumerate(plans):
        check(made)
        assert_computes_every_row_once(made)
        assert made.lower_bound_bytes <= made.arena_bytes
        folder = tmp_path / str(number)
        found = CompiledNetwork(generate(made, "net", target_name="host"), folder).run(samples)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=f"{seed} {name}")


@pytest.mark.parametrize("seed", range(12))
def test_the_search_is_no_worse_than_other_cuts(seed: int) -> None:
    builder, graph = random_graph(seed)
    rows = RowGraph(graph)
    nodes = len(rows.nodes)

    def peak(cuts: list[int]) -> int:
        return max(peaks_bytes(rows, first, last)[0] for first, last in zip(cuts, [*cuts, nodes][1:], strict=True))

    best = candidates(graph)[-1]
    simple = plan(graph)
    assert best.arena_bytes <= simple.arena_bytes
    for _ in range(4):
        cuts = random_cuts(builder.rng, nodes)
        assert in_stages(graph, cuts).lower_bound_bytes <= peak(cuts) + 64  # alignment of shared padding aside
        assert min(best.lower_bound_bytes, simple.lower_bound_bytes) <= peak(cuts)


@pytest.fixture(scope="module")
def lenet5() -> Graph:
    graph = tinycnn.load(examples_folder() / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(examples_folder() / "mnist_sample/mnist_sample.npz")
    return tinycnn.quantize(graph, tinycnn.as_samples(array, (1, 1, 28, 28), "sample"))


def test_lenet5_streams_in_a_third_of_its_memory(lenet5: Graph) -> None:
    simple, *_, lean = candidates(lenet5)
    assert simple.arena_bytes <= 4_900
    assert lean.arena_bytes <= 1_460
    assert lean.arena_bytes <= 1.1 * lean.lower_bound_bytes
    assert plan(lenet5).arena_bytes == plan(lenet5, 5_000).arena_bytes == simple.arena_bytes
    assert plan(lenet5, 1_500).arena_bytes == lean.arena_bytes
    with pytest.raises(BudgetError, match=f"needs an arena of {lean.arena_bytes:,} bytes at least"):
        plan(lenet5, 1_000)


def test_the_checker_refuses_broken_plans(lenet5: Graph) -> None:
    lean = in_stages(lenet5, [0])
    ring = lean.places["relu1"]
    assert ring.held_rows < ring.rows
    broken = [
        replace(lean, places={**lean.places, "relu1": replace(ring, held_rows=ring.held_rows - 1)}),
        replace(lean, places={**lean.places, "relu1": replace(ring, offset_bytes=lean.places["image"].offset_bytes)}),
        replace(lean, places={**lean.places, "relu1": replace(ring, offset_bytes=ring.offset_bytes + 2)}),
        replace(lean, arena_bytes=lean.arena_bytes - 4),
        replace(lean, steps=lean.steps[1:]),
        replace(lean, steps=(lean.steps[1], lean.steps[0], *lean.steps[2:])),
        replace(lean, steps=tuple(replace(step, padding=None) for step in lean.steps)),
    ]
    for made in broken:
        with pytest.raises(PlanError):
            check(made)


def test_places_of_rows_beyond_16_bits(tmp_path: Path) -> None:
    """Tables count words of the arena: in 32 bits where it is larger than 262,140 bytes."""
    needs("gcc")
    builder = GraphBuilder(2)
    x = builder.max_pool(builder.input(24, 32, 600), SAME)
    y = builder.max_pool(x, Window((8, 1), (1, 1), (1, 1), (7, 0, 0, 0)))
    graph = builder.graph([builder.global_average_pool(y)])
    made = assembled(draft(RowGraph(graph), [0], scattered=True))
    assert made.is_scattered
    assert made.arena_bytes > 300_000
    sample = builder.samples(2)
    expected = engine.trace(graph, sample)
    for name, array in CompiledNetwork(generate(made, "net", target_name="host"), tmp_path).run(sample).items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


def test_the_checker_refuses_broken_places_of_rows(lenet5: Graph) -> None:
    lean = candidates(lenet5)[-1]
    rows = lean.places["relu1"]
    offsets = rows.row_offsets
    assert len(offsets) == rows.rows
    for wrong in (offsets[:-1], (offsets[1], *offsets[1:]), (offsets[0] + 2, *offsets[1:]), (*offsets[:-1], 1 << 20)):
        with pytest.raises(PlanError):
            check(replace(lean, places={**lean.places, "relu1": replace(rows, row_offsets=wrong)}))


def test_sums_of_rows_need_their_scratch() -> None:
    builder = GraphBuilder(3)
    pooled = builder.global_average_pool(builder.input(5, 4, 3))
    made = plan(builder.graph([pooled]))
    (step,) = made.steps
    assert (step.first_row, step.last_row) == (0, 5)
    assert step.scratch is not None
    assert step.scratch.row_bytes == 12
    elsewhere = made.places[made.graph.inputs[0]].offset_bytes + 56  # under the last row of the input
    for scratch in (None, replace(step.scratch, row_bytes=8), replace(step.scratch, offset_bytes=elsewhere)):
        with pytest.raises(PlanError):
            check(replace(made, steps=(replace(step, scratch=scratch),)))


def collides(needs_: list[Need], offsets: dict[str, int]) -> bool:
    """Byte by byte and pull by pull, whether two needs have the same byte at the same time."""
    taken: set[tuple[int, int]] = set()
    for need in needs_:
        mine = {
            (time, offsets[need.name] + byte)
            for piece in need.pieces
            for span in piece.live
            for time in range(span.first, span.last)
            for byte in range(piece.first_byte, piece.last_byte)
        }
        if taken & mine:
            return True
        taken |= mine
    return False


@pytest.mark.parametrize("seed", range(30))
def test_places_never_collide_and_are_the_best_there_are(seed: int) -> None:
    """Against all orders of lowest fit and against all offsets, for a few small needs."""
    rng = np.random.default_rng(seed)
    wanted = []
    for number in range(4):
        first = int(rng.integers(0, 5))
        size = 4 * int(rng.integers(1, 4))
        if rng.random() < 0.5:
            wanted.append(simple_need(f"n{number}", size, [Span(first, first + int(rng.integers(1, 5)))]))
        else:  # rows that are read one after the other
            end = first + int(rng.integers(1, 4))
            pieces = tuple(Piece(byte, byte + 4, (Span(first, end + byte // 4),)) for byte in range(0, size, 4))
            wanted.append(Need(f"n{number}", size, pieces))
    offsets = place(wanted)
    reached = max(offsets[need.name] + need.size_bytes for need in wanted)
    assert not collides(wanted, offsets)
    assert lower_bound_bytes(wanted) <= reached
    least = reached
    for choice in product(range(0, reached, 4), repeat=4):
        tried = {need.name: offset for need, offset in zip(wanted, choice, strict=True)}
        top = max(tried[need.name] + need.size_bytes for need in wanted)
        if top < least and not collides(wanted, tried):
            least = top
    assert reached == least


def test_the_order_of_needs_does_not_matter() -> None:
    wanted = [simple_need(f"n{index}", 4 * (index % 3 + 1), [Span(index, index + 3)]) for index in range(5)]
    assert len({tuple(sorted(place(list(order)).items())) for order in permutations(wanted)}) == 1
