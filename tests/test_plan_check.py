"""A checker that finds what is wrong with a plan, compared with one that runs it on bytes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_graphs import GRAPHS, branches, chain, residual

from tinycnn.ir import Array, Graph
from tinycnn.ops import Add, Reshape, Softmax, is_int8, sums_rows
from tinycnn.plan import Place, Plan, PlanError, Span, Step, check, plan


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
