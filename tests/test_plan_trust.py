"""Plans of random graphs are run on garbage in Python, and as C whose arena is poisoned where nobody owns it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from poisoned_arena import run_poisoned
from simulator import simulate
from test_row_plan import random_cuts, random_graph

from tinycnn import engine
from tinycnn.ir import Array, Graph
from tinycnn.plan import Alternative, Plan, candidates, in_stages
from tinycnn.plan.rows import RowGraph


def some_plans(seed: int, *, pushed: bool = False) -> tuple[Graph, list[Plan], dict[str, Array]]:
    """A random graph, plans of it (the last two with rings) and one sample; every other node has scratch."""
    builder, graph = random_graph(seed)
    chosen = {
        node.outputs[0]: Alternative("portable", 0, int(builder.rng.integers(1, 40)), bool(builder.rng.integers(2)))
        for node in RowGraph(graph).nodes[seed % 2 :: 2]
    }
    cuts = random_cuts(builder.rng, len(RowGraph(graph).nodes))
    plans = [*candidates(graph, pushed=pushed), in_stages(graph, cuts, chosen, pushed=pushed)]
    sample = {name: values[-1:] for name, values in builder.samples(4).items()}  # the first ones are flat
    return graph, plans, sample


@pytest.mark.parametrize("pushed", [False, True], ids=["whole", "pushed"])
@pytest.mark.parametrize("seed", range(100, 116))
def test_a_plan_on_garbage_gives_the_engine_s_bytes(seed: int, pushed: bool) -> None:
    graph, plans, sample = some_plans(seed, pushed=pushed)
    expected = engine.trace(graph, sample)
    for number, plan in enumerate(plans):
        for name, rows in simulate(plan, sample, np.random.default_rng(seed)).items():
            np.testing.assert_array_equal(rows.reshape(-1), expected[name].reshape(-1), f"{seed} {number} {name}")


@pytest.mark.parametrize("pushed", [False, True], ids=["whole", "pushed"])
@pytest.mark.parametrize("seed", range(100, 105))
def test_the_c_touches_only_what_is_alive(seed: int, pushed: bool, tmp_path: Path) -> None:
    needs("gcc")
    graph, plans, sample = some_plans(seed, pushed=pushed)
    expected = b"".join(engine.run(graph, sample)[name].tobytes() for name in graph.outputs)
    for number, plan in enumerate(plans[-2:]):
        done = run_poisoned(plan, sample, tmp_path / str(number))
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == expected


@pytest.mark.parametrize("pushed", [False, True], ids=["whole", "pushed"])
def test_the_poison_is_felt(pushed: bool, tmp_path: Path) -> None:
    """Without a tensor in the table of owners the C dies when it touches it."""
    needs("gcc")
    _, plans, sample = some_plans(100, pushed=pushed)
    plan = plans[-2]
    name = plan.steps[0].node.outputs[0]
    robbed = replace(plan, occupants=tuple(occupant for occupant in plan.occupants if occupant.name != name))
    done = run_poisoned(robbed, sample, tmp_path)
    assert done.returncode != 0
    assert b"ERROR: AddressSanitizer" in done.stderr


def test_the_garbage_is_felt() -> None:
    """A ring of one row where several are read gives other bytes."""
    graph, _, sample = some_plans(101)
    expected = engine.trace(graph, sample)
    plan = in_stages(graph, [0])
    name, ring = next(item for item in plan.places.items() if 1 < item[1].held_rows < item[1].rows)
    broken = replace(plan, places={**plan.places, name: replace(ring, held_rows=1)})
    found = simulate(broken, sample, np.random.default_rng(0))
    assert any(not np.array_equal(rows.reshape(-1), expected[key].reshape(-1)) for key, rows in found.items())


def pulled_plans(seed: int) -> tuple[Graph, list[Plan], dict[str, Array]]:
    """A random graph of one output, its plans as a ring and with places of their own, pushed or not, and one sample."""
    builder, graph = random_graph(seed)
    last = next(node.outputs[0] for node in reversed(graph.nodes) if node.outputs[0] in RowGraph(graph).maker)
    graph = builder.graph([last])
    sample = {name: values[-1:] for name, values in builder.samples(4).items()}
    plans = [
        made
        for pushed in (False, True)
        for made in (
            in_stages(graph, [0], pushed=pushed, pulled=True),
            candidates(graph, pushed=pushed, pulled=True)[-1],
        )
    ]
    return graph, plans, sample


@pytest.mark.parametrize("seed", range(200, 206))
def test_a_pulled_plan_on_garbage_gives_the_engine_s_bytes(seed: int) -> None:
    """Each row of the output is right when the caller takes it."""
    graph, plans, sample = pulled_plans(seed)
    expected = engine.trace(graph, sample)
    for made in plans:
        for name, rows in simulate(made, sample, np.random.default_rng(seed)).items():
            np.testing.assert_array_equal(rows.reshape(-1), expected[name].reshape(-1), f"{seed} {name}")


@pytest.mark.parametrize("seed", range(200, 203))
def test_the_c_of_a_pulled_plan_touches_only_what_is_alive(seed: int, tmp_path: Path) -> None:
    needs("gcc")
    graph, plans, sample = pulled_plans(seed)
    expected = engine.run(graph, sample)[graph.outputs[0]].tobytes()
    for number, plan in enumerate(plans):
        done = run_poisoned(plan, sample, tmp_path / str(number))
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == expected


def test_the_poison_is_felt_where_rows_are_pulled(tmp_path: Path) -> None:
    """Without the output in the table of owners the caller dies who takes a row."""
    needs("gcc")
    graph, plans, sample = pulled_plans(200)
    robbed = replace(plans[0], occupants=tuple(o for o in plans[0].occupants if o.name != graph.outputs[0]))
    done = run_poisoned(robbed, sample, tmp_path)
    assert done.returncode != 0
    assert b"ERROR: AddressSanitizer" in done.stderr
