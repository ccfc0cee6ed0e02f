"""Plans: the smallest arena, nothing ever overwritten too early, and a checker that finds what is wrong."""

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
from tinycnn.ir import Graph
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Window
from tinycnn.plan import Place, Plan, PlanError, Span, check, is_view, plan
from tinycnn.plan.lifetimes import Need, needs, roots
from tinycnn.plan.model import ALIGNMENT_BYTES
from tinycnn.plan.place import arena_bytes, lower_bound_bytes, place
from tinycnn.quantize import quantize

SAME = Window.of((3, 3), None, (1, 1, 1, 1))


def aligned(size: int) -> int:
    return -(-size // 4) * 4


# --- placement ------------------------------------------------------------------------------------------------------


@st.composite
def some_needs(draw, most: int = 6, largest: int = 24) -> list[Need]:
    count = draw(st.integers(1, most))
    made = []
    for index in range(count):
        first = draw(st.integers(0, 5))
        size, length = draw(st.integers(1, largest)), draw(st.integers(1, 4))
        made.append(Need(f"t{index}", size, Span(first, first + length)))
    return made


def overlapping(wanted: Sequence[Need], offsets: dict[str, int]) -> list[tuple[str, str]]:
    """Pairs that are alive together and share a byte, by comparing sets of bytes in each step."""

    def cells(need: Need) -> set[tuple[int, int]]:
        return {
            (step, byte)
            for step in range(need.live.first, need.live.last)
            for byte in range(offsets[need.name], offsets[need.name] + need.size_bytes)
        }

    return [(a.name, b.name) for a, b in combinations(wanted, 2) if cells(a) & cells(b)]


def smallest_arena(wanted: Sequence[Need]) -> int:
    """Brute force: every need at every aligned offset below the best arena so far, in the given order."""
    best = sum(aligned(need.size_bytes) for need in wanted) + 1

    def extend(placed: list[tuple[Need, int]], top: int) -> None:
        nonlocal best
        if len(placed) == len(wanted):
            best = min(best, top)
            return
        need = wanted[len(placed)]
        for offset in range(0, best - need.size_bytes, ALIGNMENT_BYTES):
            free = all(
                not (need.live.first < other.live.last and other.live.first < need.live.last)
                or offset + need.size_bytes <= at
                or at + other.size_bytes <= offset
                for other, at in placed
            )
            if free:
                extend([*placed, (need, offset)], max(top, offset + need.size_bytes))

    extend([], 0)
    return best


@settings(max_examples=120, deadline=None)
@given(some_needs(most=5))
def test_placement_is_the_smallest_there_is(wanted):
    offsets = place(wanted)
    assert arena_bytes(wanted, offsets) <= aligned(smallest_arena(wanted))


@settings(max_examples=100, deadline=None)
@given(some_needs(most=14, largest=40))
def test_placement_never_overlaps_and_is_aligned(wanted):
    offsets = place(wanted)
    assert not overlapping(wanted, offsets)
    assert all(offset % ALIGNMENT_BYTES == 0 and offset >= 0 for offset in offsets.values())
    assert lower_bound_bytes(wanted) <= arena_bytes(wanted, offsets)


@given(some_needs(most=8), st.randoms())
def test_placement_depends_on_the_needs_alone(wanted, random):
    shuffled = list(wanted)
    random.shuffle(shuffled)
    assert place(shuffled) == place(wanted)


def test_placement_of_nothing():
    assert place([]) == {}
    assert arena_bytes([], {}) == lower_bound_bytes([]) == 0


def test_placement_that_simple_orders_miss():
    """Largest first, longest first and first come all need more than the search finds."""
    wanted = [
        Need("a", 8, Span(0, 2)),
        Need("b", 12, Span(1, 3)),
        Need("c", 4, Span(0, 1)),
        Need("d", 16, Span(2, 5)),
        Need("e", 12, Span(4, 6)),
        Need("f", 8, Span(3, 6)),
        Need("g", 4, Span(5, 7)),
    ]
    assert arena_bytes(wanted, place(wanted)) == smallest_arena(wanted)


def test_many_needs_are_placed_in_time():
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 400, 400)
    wanted = [
        Need(f"t{i}", int(rng.integers(1, 5000)), Span(int(a), int(a + rng.integers(1, 40))))
        for i, a in enumerate(starts)
    ]
    offsets = place(wanted)
    assert arena_bytes(wanted, offsets) <= 1.3 * lower_bound_bytes(wanted)


def test_spans_are_half_open():
    assert Span(0, 2).overlaps(Span(1, 3))
    assert not Span(0, 2).overlaps(Span(2, 3))
    assert not Span(2, 3).overlaps(Span(0, 2))


# --- lifetimes ------------------------------------------------------------------------------------------------------


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
    middle = builder.max_pool(stem, Window.of((3, 3), None, (1, 1, 1, 1)))
    joined = builder.add(left, right)
    return builder.graph([builder.reshape(joined, 100), middle])


def only_views() -> Graph:
    builder = GraphBuilder(4)
    return builder.graph([builder.reshape(builder.reshape(builder.input(4, 3), 2, 6), 12)])


GRAPHS = {"chain": chain, "residual": residual, "branches": branches, "only views": only_views}


def lives(graph: Graph) -> dict[str, tuple[int, int]]:
    return {need.name: (need.live.first, need.live.last) for need in needs(graph)}


def test_a_tensor_lives_from_its_step_to_its_last_reader():
    assert lives(chain()) == {
        "input": (0, 1),
        "conv_0_out": (0, 2),
        "maxpool_1_out": (1, 3),  # read by the dense layer through the view
        "dense_3_out": (2, 3),
    }
    assert lives(residual())["conv_0_out"] == (0, 4)


def test_outputs_live_to_the_end_even_through_a_view():
    found = lives(branches())
    assert found["a"] == found["b"] == (0, 1)
    assert found["add_0_out"] == (0, 4)
    assert found["maxpool_3_out"] == (3, 5)
    assert found["add_4_out"] == (4, 5)
    assert roots(branches())["reshape_5_out"] == "add_4_out"
    assert lives(only_views()) == {"input": (0, 1)}


# --- plans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
def test_plan_has_a_step_for_every_node_that_computes_and_a_place_for_every_tensor(name):
    graph = GRAPHS[name]()
    made = plan(graph)
    assert [step.node for step in made.steps] == [n for n in graph.nodes if not is_view(n)]
    assert made.places.keys() == graph.tensors.keys() - graph.constants.keys()
    assert made.lower_bound_bytes <= made.arena_bytes
    assert made.arena_bytes % ALIGNMENT_BYTES == 0
    for tensor, spot in made.places.items():
        shape = graph.tensors[tensor].shape
        assert spot.size_bytes == int(np.prod(shape))
        assert spot.offset_bytes + spot.size_bytes <= made.arena_bytes


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
        Window((3, 3), (1, 1), (2, 1), (0, 0, 1, 0)): True,
        Window((2, 2), (2, 2), (1, 1), (0, 0, 0, 0), ceil_mode=True): True,
    }
    for window, wanted in windows.items():
        builder = GraphBuilder(0)
        made = plan(builder.graph([builder.max_pool(builder.input(7, 7, 3), window)]))
        padding = made.steps[0].padding
        assert (padding is not None) == wanted, window
        if padding is not None:
            assert padding.size_bytes == 21
            assert not overlapping([Need("p", 21, padding.live), *needs(made.graph)], {**offsets_of(made), "p": padding.offset_bytes})  # fmt: skip


def offsets_of(made: Plan) -> dict[str, int]:
    return {name: spot.offset_bytes for name, spot in made.places.items()}


def test_trained_models_reach_the_lower_bound():
    images = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")["calibration_images"][:20, None].astype(np.float32)
    for name, bytes_wanted in (("lenet5", 5880 + 28), ("perceptron", 784 + 256)):
        made = plan(quantize(import_model(example(name), name), images))
        assert made.arena_bytes == made.lower_bound_bytes
        assert made.lower_bound_bytes <= bytes_wanted + 1000
    net, output = residual_network()
    made = plan(quantize(net.graph(output), net.samples(10)))
    assert made.arena_bytes == aligned(made.lower_bound_bytes)


def test_a_float_graph_cannot_be_planned():
    net, output = residual_network()
    with pytest.raises(UnsupportedError, match="BatchNormalization"):
        plan(net.graph(output))


# --- the checker ----------------------------------------------------------------------------------------------------


def moved(made: Plan, name: str, **changes: object) -> Plan:
    return replace(made, places={**made.places, name: replace(made.places[name], **changes)})


def with_step(made: Plan, index: int, **changes: object) -> Plan:
    steps = [replace(step, **changes) if i == index else step for i, step in enumerate(made.steps)]
    return replace(made, steps=tuple(steps))


def onto_input(made: Plan) -> Plan:
    return moved(made, "conv_0_out", offset_bytes=made.places["input"].offset_bytes)


def padding_onto_input(made: Plan) -> Plan:
    padding = made.steps[0].padding
    assert padding is not None
    return with_step(made, 0, padding=replace(padding, offset_bytes=made.places["input"].offset_bytes))


def padding_resized(made: Plan, row_bytes: int) -> Plan:
    padding = made.steps[0].padding
    assert padding is not None
    return with_step(made, 0, padding=replace(padding, row_bytes=row_bytes))


BROKEN: dict[str, tuple[Callable[[], Graph], Callable[[Plan], Plan], str]] = {
    "output on input": (chain, onto_input, "step 'conv_0' reads row 0 of 'input', but those bytes were overwritten"),
    "tensors overlap": (
        residual,
        lambda made: moved(made, "conv_1_out", offset_bytes=made.places["conv_0_out"].offset_bytes),
        "reads row 0 of 'conv_0_out', but those bytes were overwritten",
    ),
    "arena too small": (
        chain,
        lambda made: replace(made, arena_bytes=made.arena_bytes - 4),
        "lies outside the arena of",
    ),
    "negative offset": (chain, lambda made: moved(made, "input", offset_bytes=-4), "lies outside the arena"),
    "unaligned": (chain, lambda made: moved(made, "dense_3_out", offset_bytes=2), "'dense_3_out' lies at 2, which is"),
    "missing padding": (residual, lambda made: with_step(made, 0, padding=None), "step 'conv_0' reads padding but has"),
    "padding on input": (residual, padding_onto_input, "step 'conv_0' reads row 0 of 'input', but those bytes were"),
    "padding too small": (residual, lambda made: padding_resized(made, 6), "has 6 bytes of 18, or is not aligned"),
    "padding too large": (residual, lambda made: padding_resized(made, 30), "has 30 bytes of 18, or is not aligned"),
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
        "reads row 0 of 'conv_0_out', but those bytes were overwritten or never written",
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
        lambda made: moved(
            moved(made, "add_4_out", offset_bytes=made.places["maxpool_3_out"].offset_bytes),
            "reshape_5_out",
            offset_bytes=made.places["maxpool_3_out"].offset_bytes,
        ),
        "the caller reads row 0 of 'maxpool_3_out', but those bytes were overwritten",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_the_checker_refuses_what_is_broken(case):
    make, damage, sentence = BROKEN[case]
    made = plan(make())
    check(made)
    with pytest.raises(PlanError) as caught:
        check(damage(made))
    assert sentence in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["chain", "residual", "branches"]), st.data())
def test_the_checker_agrees_with_lifetimes(name, data):
    """Move a tensor anywhere: the checker must refuse exactly when it overlaps something that is alive."""
    made = plan(GRAPHS[name]())
    wanted = list(needs(made.graph))
    tensor = data.draw(st.sampled_from([need.name for need in wanted]))
    offset = 4 * data.draw(st.integers(0, made.arena_bytes // 4))
    views = [view for view, root in roots(made.graph).items() if root == tensor]
    spots = {view: replace(made.places[view], offset_bytes=offset) for view in views}
    larger = replace(made, places={**made.places, **spots}, arena_bytes=2 * made.arena_bytes)
    paddings = [step.padding for step in made.steps if step.padding is not None]
    offsets = {**offsets_of(larger), **{padding.name: padding.offset_bytes for padding in paddings}}
    everything = [*wanted, *(Need(padding.name, padding.size_bytes, padding.live) for padding in paddings)]
    if overlapping(everything, offsets):
        with pytest.raises(PlanError):
            check(larger)
    else:
        check(larger)


def test_places_of_rings_are_counted_by_the_rows_they_hold():
    ring = Place("r", 8, 6, 10, 4, Span(0, 1))
    assert ring.size_bytes == 40
    assert [ring.row_offset_bytes(row) for row in range(6)] == [8, 18, 28, 38, 8, 18]
