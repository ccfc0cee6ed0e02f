"""Rows pulled out: the output is never stored either, and every byte is the engine's all the same."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from exactness import assert_selftest_passes
from int8_graphs import GraphBuilder
from needs import needs
from test_row_plan import SAME, assert_computes_every_row_once, random_cuts

import tinycnn
from tinycnn import engine, measure
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Array, Graph
from tinycnn.ops import Window
from tinycnn.plan import Plan, candidates, check, in_stages, plan
from tinycnn.plan.rows import RowGraph
from tinycnn_codegen import Selftest, generate


class PulledNetwork(CompiledNetwork):
    """Pulls the rows of the one output, and pushes those of the one input where they are pushed."""

    def _run_one(self, inputs: dict[str, Array]) -> dict[str, Array]:
        generated, library = self.generated, self.library
        arena = np.full(generated.arena_bytes // 4, 0x55555555, np.int32).view(np.int8)
        pointer = ctypes.c_void_p(arena.ctypes.data)
        (output,) = generated.outputs
        row_bytes = output.size_bytes // generated.pulled_rows
        ready: list[bytes] = []
        library.net_pull_row.restype = ctypes.c_void_p

        def pull_ready() -> None:
            while place := library.net_pull_row(pointer):
                ready.append(ctypes.string_at(place, row_bytes))

        if generated.pushed_rows:
            library.net_next_row.restype = ctypes.c_void_p
            library.net_start(pointer)
            for row in next(iter(inputs.values())).reshape(generated.pushed_rows, -1):
                pull_ready()
                ctypes.memmove(library.net_next_row(pointer), np.ascontiguousarray(row).ctypes.data, row.size)
                library.net_push_row(pointer)
            pull_ready()
            assert library.net_next_row(pointer) is None
            assert library.net_push_row(pointer) == 1
        else:
            for port in generated.inputs:
                arena[port.offset_bytes : port.offset_bytes + port.size_bytes] = inputs[port.name].reshape(-1)
            library.net_start(pointer)
            pull_ready()
        assert library.net_pull_row(pointer) is None
        names = [tensor.name for tensor in generated.tapped]
        results = dict(zip(names, np.split(self.record.copy(), self.offsets[1:]), strict=False))
        assert np.array_equal(np.frombuffer(b"".join(ready), np.int8), results[output.name])
        return results


def segmentation(seed: int) -> tuple[GraphBuilder, Graph]:
    """Down and up again: a small U-net whose output has as many rows as its input."""
    builder = GraphBuilder(seed)
    x = builder.input(12, 6, 3)
    down = builder.conv(x, 4, Window((3, 3), (2, 2), (1, 1), (0, 0, 1, 1)))
    inner = builder.conv(builder.conv(down, 4, SAME), 4, SAME)
    up = builder.conv_transpose(builder.add(down, inner), 3, Window((2, 2), (1, 1), (1, 1), (1, 1, 1, 1)), (2, 2))
    return builder, builder.graph([builder.conv(up, 8, SAME)])


def assert_same_pulled(made: Plan, samples: dict[str, Array], folder: Path) -> None:
    check(made)
    assert_computes_every_row_once(made)
    graph = made.graph
    expected = engine.trace(graph, samples)
    found = PulledNetwork(generate(made, "net", target_name="host"), folder).run(samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)
    selftest = Selftest(tuple(samples.values()), tuple(expected[name] for name in graph.outputs))
    assert_selftest_passes(made, selftest, folder)


@pytest.mark.parametrize("pushed", [False, True])
@pytest.mark.parametrize("cuts", ["searched", "layer by layer", "random", "one stage"])
def test_the_output_is_a_ring(cuts: str, pushed: bool, tmp_path: Path) -> None:
    needs("gcc")
    builder, graph = segmentation(5)
    nodes = len(RowGraph(graph).nodes)
    if cuts == "searched":
        made = candidates(graph, pushed=pushed, pulled=True)[-1]
    else:
        chosen = {"layer by layer": list(range(nodes)), "random": random_cuts(builder.rng, nodes), "one stage": [0]}
        made = in_stages(graph, chosen[cuts], pushed=pushed, pulled=True)
    assert made.places[graph.outputs[0]].held_rows < 12
    assert_same_pulled(made, builder.samples(2), tmp_path)


def test_an_output_that_is_read_on_and_rows_ready_before_any_input(tmp_path: Path) -> None:
    """The output is an input of another node; its first row is padding alone and does not wait for the image."""
    needs("gcc")
    builder = GraphBuilder(3)
    x = builder.input(6, 4, 2)
    y = builder.conv(x, 3, Window((1, 3), (1, 1), (1, 1), (2, 1, 1, 1)))
    builder.conv(y, 2, SAME)
    graph = builder.graph([y])
    for pushed in (False, True):
        made = in_stages(graph, [0], pushed=pushed, pulled=True)
        assert_same_pulled(made, builder.samples(2), tmp_path / str(pushed))


def test_a_pulled_output_takes_less_memory() -> None:
    _, graph = segmentation(5)
    sizes = [
        [candidates(graph, pushed=pushed, pulled=pulled)[-1].arena_bytes for pulled in (False, True)]
        for pushed in (False, True)
    ]
    assert all(pulled < stored for stored, pulled in sizes)
    assert sizes[1][1] < sizes[0][1]


def test_what_cannot_be_pulled_is_refused() -> None:
    builder = GraphBuilder(1)
    x = builder.input(4, 4, 2)
    y = builder.conv(x, 2, SAME)
    with pytest.raises(UnsupportedError, match="several outputs"):
        plan(builder.graph([y, builder.conv(y, 2, SAME)]), pulled=True)
    with pytest.raises(UnsupportedError, match="another shape"):
        plan(builder.graph([builder.reshape(y, 32)]), pulled=True)


def test_bench_and_verify_pull_the_rows() -> None:
    """On the emulator, pulled alone and together with pushing."""
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    _, graph = segmentation(5)
    samples = np.random.default_rng(1).uniform(-1, 1, (2, 3, 12, 6)).astype(np.float32)
    target = tinycnn.load_target("cortex-m4")
    counts = []
    for pushed in (False, True):
        (compared,) = tinycnn.verify(graph, samples, ["cortex-m4"], 1_000, pushed=pushed, pulled=True)
        assert compared.mismatches == 0
        assert compared.compared_bytes > 0
        found = measure.bench(graph, samples, target, 1_000, pushed=pushed, pulled=True)
        assert sum(layer.macs for layer in found.layers) == graph.total_macs
        counts.append(found.instructions)
    assert abs(counts[0] - counts[1]) < 0.02 * counts[0]
