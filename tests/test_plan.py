"""Plans layer by layer: the smallest arena, nothing overwritten too early, and a checker that finds what is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from int8_graphs import GraphBuilder
from models import EXAMPLES, example, residual_network

from tinycnn.errors import UnsupportedError
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Add, Reshape, Softmax, Window, is_int8, sums_rows
from tinycnn.plan import Place, Plan, PlanError, Span, Step, check, is_view, plan
from tinycnn.plan.lifetimes import Need, simple_need
from tinycnn.plan.model import ALIGNMENT_BYTES
from tinycnn.plan.place import arena_bytes, lower_bound_bytes, place
from tinycnn.quantize import quantize

SAME = Window.of((3, 3), None, (1, 1, 1, 1))


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


# --- placement of what lives once, as a whole (test_row_plan has the rest) ------------------------------------------

Block = tuple[int, int, int]
"""Bytes, first and last time of something that needs room."""


@st.composite
def blocks(draw, most: int, largest: int = 24) -> list[Block]:
    found = []
    for _ in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, 5))
        found.append((draw(st.integers(1, largest)), first, first + draw(st.integers(1, 4))))
    return found


def needs_of(wanted: Sequence[Block]) -> list[Need]:
    return [simple_need(f"t{i}", size, [Span(first, last)]) for i, (size, first, last) in enumerate(wanted)]


def collide(left: tuple[Block, int], right: tuple[Block, int]) -> bool:
    (size, first, last), at = left
    (other_size, other_first, other_last), other_at = right
    return first < other_last and other_first < last and at < other_at + other_size and other_at < at + size


def smallest_arena(wanted: Sequence[Block]) -> int:
    """Brute force: each at every aligned offset below the best arena so far."""
    best = sum(aligned(size) for size, _, _ in wanted)

    def extend(placed: list[tuple[Block, int]], top: int) -> None:
        nonlocal best
        if len(placed) == len(wanted):
            best = min(best, top)
            return
        block = wanted[len(placed)]
        for offset in range(0, best - block[0], ALIGNMENT_BYTES):
            if not any(collide((block, offset), other) for other in placed):
                extend([*placed, (block, offset)], max(top, offset + block[0]))

    extend([], 0)
    return best


@settings(max_examples=100, deadline=None)
@given(blocks(most=5))
def test_placement_is_the_smallest_there_is(wanted):
    needs = needs_of(wanted)
    assert arena_bytes(needs, place(needs)) <= aligned(smallest_arena(wanted))


@settings(max_examples=60, deadline=None)
@given(blocks(most=9, largest=40))
def test_placement_never_overlaps_and_is_aligned(wanted):
    needs = needs_of(wanted)
    offsets = place(needs)
    placed = [(block, offsets[need.name]) for block, need in zip(wanted, needs, strict=True)]
    assert not any(collide(left, right) for left, right in combinations(placed, 2))
    assert all(offset % ALIGNMENT_BYTES == 0 and offset >= 0 for offset in offsets.values())
    assert lower_bound_bytes(needs) <= arena_bytes(needs, offsets)


def test_placement_of_nothing():
    assert place([]) == {}
    assert arena_bytes([], {}) == lower_bound_bytes([]) == 0


def test_many_needs_are_placed_well_enough():
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 300, 300)
    needs = needs_of([(int(rng.integers(1, 5000)), int(a), int(a + rng.integers(1, 40))) for a in starts])
    assert arena_bytes(needs, place(needs)) <= 1.3 * lower_bound_bytes(needs)


def test_spans_are_half_open():
    assert Span(0, 2).overlaps(Span(1, 3))
    assert not Span(0, 2).overlaps(Span(2, 3))
    assert not Span(2, 3).overlaps(Span(0, 2))


# --- plans ----------------------------------------------------------------------------------------------------------


def chain() -> Graph:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(8, 8, 2), 3, Window.of((3, 3)))
    x = builder.max_pool(x, Window.of((2, 2), (2, 2)))
    return builder.graph([builder.dense(builder.reshape(x, 27), 5)])


def residual() -> Graph:
    builder = GraphBuilder(2)
    x = builder.conv(builder.input(6, 6, 3), 4, SAME)
    y = builder.conv(builder.conv(x, 4, SAME), 4, SAME)
    x = builder.global_average_pool(builder.add(x, y))
    return builder.graph([builder.softmax(builder.dense(builder.reshape(x, 4), 3))])


def branches() -> Graph:
    """Two inputs, a tensor read by three layers, an output in the middle, and one that is a view."""
    builder = GraphBuilder(3)
    a, b = builder.input(5, 5, 2, name="a"), builder.input(5, 5, 2, name="b")
    stem = builder.add(a, b)
    left, right = builder.conv(stem, 4, SAME), builder.conv(stem, 4, Window.of((1, 1)))
    middle = builder.max_pool(stem, SAME)
    joined = builder.add(left, right)
    return builder.graph([builder.reshape(joined, 100), middle])


def only_views() -> Graph:
    builder = GraphBuilder(4)
    return builder.graph([builder.reshape(builder.reshape(builder.input(4, 3), 2, 6), 12)])


GRAPHS = {"chain": chain, "residual": residual, "branches": branches, "only views": only_views}


@pytest.mark.parametrize("name", GRAPHS)
def test_plan_has_a_step_for_every_node_that_computes_and_a_place_for_every_tensor(name):
    graph = GRAPHS[name]()
    made = plan(graph)
    assert [step.node for step in made.steps] == [n for n in graph.nodes if not is_view(n)]
    assert made.places.keys() == graph.tensors.keys() - graph.constants.keys()
    assert made.lower_bound_bytes <= made.arena_bytes
    assert made.arena_bytes % ALIGNMENT_BYTES == 0
    for tensor, spot in made.places.items():
        assert spot.size_bytes == int(np.prod(graph.tensors[tensor].shape))
        assert spot.offset_bytes + spot.size_bytes <= made.arena_bytes
    assert simulate(made, np.random.default_rng(0)) is None


def test_a_view_has_the_bytes_of_its_source_under_its_own_rows():
    made = plan(chain())
    source, view = made.places["maxpool_1_out"], made.places["reshape_2_out"]
    assert (source.offset_bytes, source.rows, source.row_bytes) == (view.offset_bytes, 3, 9)
    assert (view.rows, view.row_bytes) == (1, 27)


def test_padding_is_planned_where_a_window_hangs_over_the_top_or_bottom():
    windows = {
        Window.of((3, 3), None, (1, 1, 1, 1)): True,
        Window.of((3, 3), None, (0, 1, 0, 1)): False,  # left and right only: the kernel does that
        Window.of((3, 3), None, (0, 0, 1, 0)): True,
        Window.of((3, 3), (2, 2), (0, 0, 1, 0)): False,  # the last window does not reach it
        Window((3, 3), (1, 1), (2, 1), (0, 0, 1, 0)): True,
        Window((2, 2), (2, 2), (1, 1), (0, 0, 0, 0), ceil_mode=True): True,
    }
    for window, wanted in windows.items():
        builder = GraphBuilder(0)
        made = plan(builder.graph([builder.max_pool(builder.input(7, 7, 3), window)]))
        padding = made.steps[0].padding
        assert (padding is not None) == wanted, window
        assert padding is None or padding.size_bytes == 21


def test_trained_models_reach_the_lower_bound_or_nearly():
    images = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")["calibration_images"][:20, None].astype(np.float32)
    for name in ("lenet5", "perceptron"):
        made = plan(quantize(import_model(example(name), name), images))
        assert aligned(made.lower_bound_bytes) <= made.arena_bytes <= 1.05 * made.lower_bound_bytes


def test_a_float_graph_cannot_be_planned():
    net, output = residual_network()
    with pytest.raises(UnsupportedError, match="BatchNormalization"):
        plan(net.graph(output))


# --- the checker ----------------------------------------------------------------------------------------------------


def simulate(made: Plan, rng: np.random.Generator) -> str | None:
    """Run a plan on a byte array with random tensors: what is read wrongly, None when nothing is.

    A row is what it should be, or noise where the plan lets something else lie there.
    """
    size = 2 * made.arena_bytes
    arena = rng.integers(0, 256, size, np.uint8)
    values: dict[str, Array] = {}
    for name, spot in made.places.items():
        values[name] = rng.integers(0, 256, spot.rows * spot.row_bytes, np.uint8)
    for node in made.graph.nodes:
        if isinstance(node.op, Reshape):
            values[node.outputs[0]] = values[node.inputs[0]]

    def row(spot: Place, index: int) -> Array:
        return arena[spot.row_offset_bytes(index) :][: spot.row_bytes]

    def wanted(spot: Place, index: int) -> Array:
        return values[spot.name].reshape(spot.rows, spot.row_bytes)[index]

    def write(spot: Place, index: int) -> None:
        row(spot, index)[:] = wanted(spot, index)

    for name in made.graph.inputs:
        for index in range(made.places[name].rows):
            write(made.places[name], index)
    for step in made.steps:
        (output,), op = step.node.outputs, step.node.op
        assert is_int8(op)
        for extra in (step.padding, step.scratch):  # filled by the first step that names it
            if extra is not None and extra.name not in values:
                values[extra.name] = rng.integers(0, 256, extra.row_bytes, np.uint8)
                write(extra, 0)
        for turn in range(step.first_row, step.last_row):
            done = turn == made.places[step.node.inputs[0]].rows - 1 if sums_rows(op) else True
            target = 0 if sums_rows(op) else turn
            if done and not is_in_place(made, step, turn):
                row(made.places[output], target)[:] = rng.integers(0, 256, made.places[output].row_bytes, np.uint8)
            reads = [] if step.scratch is None else [(step.scratch, 0)]
            names = made.graph.activations(step.node)
            shapes = [made.graph.tensors[name].shape for name in names]
            for position, name in enumerate(names):
                for index in op.input_rows(turn, position, *shapes):
                    inside = 0 <= index < made.places[name].rows
                    if not inside and step.padding is not None:
                        reads.append((step.padding, 0))
                    elif inside:
                        reads.append((made.places[name], index))
            for spot, index in reads:
                if not np.array_equal(row(spot, index), wanted(spot, index)):
                    return f"{step.node.name} reads {spot.name}"
            if done:
                write(made.places[output], target)
    for name in made.graph.outputs:
        for index in range(made.places[name].rows):
            if not np.array_equal(row(made.places[name], index), wanted(made.places[name], index)):
                return f"the caller reads {name}"
    return None


def is_in_place(made: Plan, step: Step, row: int) -> bool:
    """Whether an elementwise step writes over the very row that it reads: then every byte is read before."""
    (output,) = (made.places[name] for name in step.node.outputs)
    sources = [made.places[name] for name in made.graph.activations(step.node)]
    return isinstance(step.node.op, (Add, Softmax)) and any(
        source.row_bytes == output.row_bytes and source.row_offset_bytes(row) == output.row_offset_bytes(row)
        for source in sources
    )


def roots(made: Plan) -> dict[str, str]:
    found = {name: name for name in made.places}
    for node in made.graph.nodes:
        if isinstance(node.op, Reshape):
            found[node.outputs[0]] = found[node.inputs[0]]
    return found


PLANS = {name: plan(make()) for name, make in GRAPHS.items()}


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(["chain", "residual", "branches"]), st.data())
def test_the_checker_refuses_exactly_what_goes_wrong(name, data):
    """Move a tensor anywhere: the checker must find what the simulation finds, and nothing else."""
    made = PLANS[name]
    root_of = roots(made)
    tensor = data.draw(st.sampled_from(sorted(set(root_of.values()))))
    offset = 4 * data.draw(st.integers(0, made.arena_bytes // 4))
    moved_places = {
        name: replace(spot, offset_bytes=offset) if root_of[name] == tensor else spot
        for name, spot in made.places.items()
    }
    changed = replace(made, places=moved_places, arena_bytes=2 * made.arena_bytes)
    wrong = simulate(changed, np.random.default_rng(0))
    if wrong is None:
        check(changed)
    else:
        with pytest.raises(PlanError):
            check(changed)


def moved(made: Plan, name: str, **changes: object) -> Plan:
    return replace(made, places={**made.places, name: replace(made.places[name], **changes)})


def both_moved(made: Plan, name: str, view: str, onto: Place | None) -> Plan:
    assert onto is not None
    return moved(moved(made, name, offset_bytes=onto.offset_bytes), view, offset_bytes=onto.offset_bytes)


def with_step(made: Plan, index: int, **changes: object) -> Plan:
    steps = [replace(step, **changes) if i == index else step for i, step in enumerate(made.steps)]
    return replace(made, steps=tuple(steps))


def with_padding(made: Plan, **changes: object) -> Plan:
    padding = made.steps[0].padding
    assert padding is not None
    return with_step(made, 0, padding=replace(padding, **changes))


BROKEN: dict[str, tuple[Callable[[], Graph], Callable[[Plan], Plan], str]] = {
    "tensors overlap": (
        residual,
        lambda made: moved(made, "conv_1_out", offset_bytes=made.places["conv_0_out"].offset_bytes),
        "of 'conv_0_out', but those bytes were overwritten or never written",
    ),
    "arena too small": (chain, lambda made: replace(made, arena_bytes=made.arena_bytes - 4), "lies outside the arena"),
    "negative offset": (chain, lambda made: moved(made, "input", offset_bytes=-4), "lies outside the arena"),
    "unaligned": (chain, lambda made: moved(made, "dense_3_out", offset_bytes=2), "'dense_3_out' lies at 2, which is"),
    "missing padding": (residual, lambda made: with_step(made, 0, padding=None), "step 'conv_0' reads padding but has"),
    "padding on the input": (
        residual,
        lambda made: with_padding(made, offset_bytes=made.places["input"].offset_bytes),
        "step 'conv_0' reads row 0 of 'input', but those bytes were",
    ),
    "padding too small": (residual, lambda made: with_padding(made, row_bytes=6), "has only 6 bytes"),
    "padding unaligned": (residual, lambda made: with_padding(made, offset_bytes=1), "lies at 1, which is not aligned"),
    "view elsewhere": (
        chain,
        lambda made: moved(made, "reshape_2_out", offset_bytes=made.places["reshape_2_out"].offset_bytes + 4),
        "'reshape_2_out' is a view of 'maxpool_1_out' but lies elsewhere or in a ring",
    ),
    "view of a ring": (
        chain,
        lambda made: moved(made, "maxpool_1_out", held_rows=1),
        "'reshape_2_out' is a view of 'maxpool_1_out' but lies elsewhere or in a ring",
    ),
    "ring too small": (
        residual,
        lambda made: moved(made, "conv_0_out", held_rows=2),
        "of 'conv_0_out', but those bytes were overwritten or never written",
    ),
    "ring of nothing": (residual, lambda made: moved(made, "conv_0_out", held_rows=0), "holds 0 of 6 rows of 'conv_0"),
    "wrong rows": (chain, lambda made: moved(made, "input", rows=4, row_bytes=32), "gives 'input' 4 rows of 32 bytes"),
    "missing place": (
        chain,
        lambda made: replace(made, places={k: v for k, v in made.places.items() if k != "conv_0_out"}),
        "The plan gives 'conv_0_out' no place",
    ),
    "missing step": (
        chain,
        lambda made: replace(made, steps=made.steps[1:]),
        "step 'maxpool_1' reads row 0 of 'conv_0_out', but those bytes were overwritten or never written",
    ),
    "missing last step": (
        chain,
        lambda made: replace(made, steps=made.steps[:-1]),
        "the caller reads row 0 of 'dense_3_out', but those bytes were overwritten or never written",
    ),
    "steps in the wrong order": (
        residual,
        lambda made: replace(made, steps=(made.steps[1], made.steps[0], *made.steps[2:])),
        "step 'conv_1' reads row 0 of 'conv_0_out'",
    ),
    "missing row": (
        chain,
        lambda made: with_step(made, 0, last_row=5),
        "step 'maxpool_1' reads row 5 of 'conv_0_out', but those bytes were overwritten or never written",
    ),
    "a step for a view": (
        chain,
        lambda made: with_step(made, 2, node=made.graph.nodes[2], first_row=0, last_row=1),
        "Nothing computes step 'reshape_2'",
    ),
    "output overwritten": (
        branches,
        lambda made: replace(
            both_moved(made, "add_4_out", "reshape_5_out", made.places["maxpool_3_out"]),
            arena_bytes=2 * made.arena_bytes,
        ),
        "the caller reads row 0 of 'maxpool_3_out', but those bytes were overwritten",
    ),
    "output on its own sums": (
        residual,
        lambda made: both_moved(made, "globalaveragepool_4_out", "reshape_5_out", made.steps[4].scratch),
        "step 'globalaveragepool_4' reads row 0 of 'scratch of globalaveragepool_4_out', but those bytes were",
    ),
    "row written where it reads": (
        residual,
        lambda made: moved(made, "conv_2_out", offset_bytes=made.places["conv_1_out"].offset_bytes),
        "step 'conv_2' reads row 0 of 'conv_1_out', but those bytes were overwritten",
    ),
    "row written a little beside the one it reads": (
        residual,
        lambda made: moved(made, "add_3_out", offset_bytes=made.places["conv_2_out"].offset_bytes + 4),
        "step 'add_3' reads row 0 of 'conv_2_out', but those bytes were overwritten",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_checker_refuses_what_is_broken(case):
    make, damage, sentence = BROKEN[case]
    made = plan(make())
    check(made)
    with pytest.raises(PlanError) as caught:
        check(damage(made))
    assert sentence in str(caught.value)


def test_places_of_rings_are_counted_by_the_rows_they_hold():
    ring = Place("r", 8, 6, 10, 4, Span(0, 1))
    assert ring.size_bytes == 40
    assert [ring.row_offset_bytes(row) for row in range(6)] == [8, 18, 28, 38, 8, 18]
