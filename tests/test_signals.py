"""Long 1-D signals, pushed sample by sample: the schedule stays short because it repeats what it does."""

from pathlib import Path

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from needs import needs
from test_pull import assert_same_pulled
from test_push import assert_same_pushed

from tinycnn import verify
from tinycnn.ir import Graph
from tinycnn.ops import Window
from tinycnn.plan import candidates, in_stages
from tinycnn_codegen import generate
from tinycnn_codegen.schedule_table import schedule_table

SAMPLES = 4000


def signal(pulled: bool) -> tuple[GraphBuilder, Graph]:
    """Two channels of 4,000 samples through strided convolutions, to classes or to a signal again."""
    builder = GraphBuilder(4)
    x = builder.input(SAMPLES, 2)
    x = builder.conv(x, 4, Window((8,), (4,), (1,), (2, 2)))
    x = builder.conv(x, 6, Window((5,), (1,), (1,), (2, 2)))
    x = builder.max_pool(x, Window((4,), (4,), (1,), (0, 0)))
    x = builder.conv(x, 6, Window((3,), (1,), (1,), (1, 1)))
    if pulled:
        return builder, builder.graph([x])
    pooled = builder.global_average_pool(x)
    return builder, builder.graph([builder.dense(builder.reshape(pooled, 6), 3)])


def test_a_signal_is_pushed_sample_by_sample(tmp_path: Path) -> None:
    needs("gcc")
    builder, graph = signal(pulled=False)
    made = candidates(graph, pushed=True)[-1]
    assert len(made.arrivals) == SAMPLES
    assert made.arena_bytes < 300
    generated = generate(made, "net", target_name="host")
    (size,) = [
        int(line.split("[")[1].split("]")[0])
        for line in generated.files["net.c"].splitlines()
        if "_schedule[" in line and "static" in line
    ]
    assert size < 300  # of 4,000 samples with more than 6,000 pulls
    assert_same_pushed(graph, builder.samples(2)[graph.inputs[0]], None, tmp_path)


def test_a_filter_is_pushed_and_pulled_sample_by_sample(tmp_path: Path) -> None:
    needs("gcc")
    builder, graph = signal(pulled=True)
    made = in_stages(graph, [0], pushed=True, pulled=True)
    assert made.arena_bytes < 300
    assert_same_pulled(made, builder.samples(2), tmp_path)


def test_a_signal_on_the_emulator() -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    _, graph = signal(pulled=False)
    samples = np.random.default_rng(1).uniform(-1, 1, (1, 2, SAMPLES)).astype(np.float32)
    (compared,) = verify(graph, samples, ["cortex-m4"], 600, pushed=True)
    assert compared.mismatches == 0


def unfolded(pairs: tuple[tuple[int, int], ...], layers: int) -> list[tuple[int, int]]:
    """What the C makes of a table."""
    done: list[tuple[int, int]] = []
    computed = [0] * layers
    place = 0
    while place < len(pairs):
        code, count = pairs[place]
        if code == layers + 2:
            (layer, _), (low, high) = pairs[place + 1 : place + 3]
            place += -count if computed[layer] < low + 256 * high else 3
            continue
        if code < layers:
            computed[code] += count
        done.append((code, count))
        place += 1
    return done


@pytest.mark.parametrize("seed", range(40))
def test_folded_tables_mean_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 4))
    steps: list[tuple[int, int]] = []
    while len(steps) < 60:
        block = [(int(rng.integers(layers)), int(rng.integers(1, 3))) for _ in range(rng.integers(1, 5))]
        steps += block * int(rng.integers(1, 9))
    arrivals = sorted(rng.integers(0, len(steps), 12).tolist())
    table = schedule_table(steps, layers, arrivals, sorted(rng.integers(0, len(steps) + 1, 5).tolist()))
    plain = unfolded(table.pairs, layers)
    assert [pair for pair in plain if pair[0] < layers] == steps
    assert sum(code == layers for code, _ in plain) == 12
    assert sum(code == layers + 1 for code, _ in plain) == 5
    assert len(table.pairs) <= len(plain)
