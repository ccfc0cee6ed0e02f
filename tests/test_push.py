"""Rows pushed in: the image is never stored, and every byte is the engine's all the same."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiled_network import STRICT, CompiledNetwork
from exactness import assert_selftest_passes
from int8_graphs import GraphBuilder
from needs import needs
from test_row_plan import SAME, assert_computes_every_row_once, random_cuts, random_graph

import tinycnn
from tinycnn import engine, measure
from tinycnn.cli.demo import examples_folder
from tinycnn.errors import BudgetError, UnsupportedError
from tinycnn.ir import Array, Graph
from tinycnn.ops import Window
from tinycnn.plan import candidates, check, in_stages, plan
from tinycnn.plan.rows import RowGraph
from tinycnn_codegen import Selftest, generate, write


class PushedNetwork(CompiledNetwork):
    """Pushes the rows of the one input."""

    def _run_one(self, inputs: dict[str, Array]) -> dict[str, Array]:
        generated, library = self.generated, self.library
        arena = np.full(generated.arena_bytes // 4, 0x55555555, np.int32).view(np.int8)
        pointer = ctypes.c_void_p(arena.ctypes.data)
        library.net_next_row.restype = ctypes.c_void_p
        (rows,) = (array.reshape(generated.pushed_rows, -1) for array in inputs.values())
        library.net_start(pointer)
        for number, row in enumerate(rows):
            place = library.net_next_row(pointer)
            assert arena.ctypes.data <= place <= arena.ctypes.data + generated.arena_bytes - row.size
            ctypes.memmove(place, np.ascontiguousarray(row).ctypes.data, row.size)
            assert library.net_push_row(pointer) == (number == len(rows) - 1)
        assert library.net_next_row(pointer) is None
        assert library.net_push_row(pointer) == 1
        names = [tensor.name for tensor in generated.tapped]
        results = dict(zip(names, np.split(self.record.copy(), self.offsets[1:]), strict=False))
        for port in generated.outputs:
            output = arena[port.offset_bytes : port.offset_bytes + port.size_bytes]
            assert np.array_equal(output, results[port.name]), "an output was overwritten"
        return results


def assert_same_pushed(graph: Graph, samples: Array, cuts: list[int] | None, folder: Path) -> None:
    made = candidates(graph, pushed=True)[-1] if cuts is None else in_stages(graph, cuts, pushed=True)
    check(made)
    assert_computes_every_row_once(made)
    expected = engine.trace(graph, samples)
    found = PushedNetwork(generate(made, "net", target_name="host"), folder).run({graph.inputs[0]: samples})
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)
    assert_selftest_passes(made, Selftest((samples,), tuple(expected[name] for name in graph.outputs)), folder)


@pytest.mark.parametrize("seed", range(6))
def test_any_cuts_of_any_graph_can_be_pushed(seed: int, tmp_path: Path) -> None:
    needs("gcc")
    builder, graph = random_graph(seed)
    samples = builder.samples(2)[graph.inputs[0]]
    for number, cuts in enumerate((None, random_cuts(builder.rng, len(RowGraph(graph).nodes)), [0])):
        assert_same_pushed(graph, samples, cuts, tmp_path / str(number))


def test_rows_that_nothing_reads_are_pushed_too(tmp_path: Path) -> None:
    needs("gcc")
    builder = GraphBuilder(7)
    x = builder.conv(builder.input(8, 5, 2), 3, Window((1, 1), (3, 1), (1, 1), (0, 0, 0, 0)))
    graph = builder.graph([x])
    assert_same_pushed(graph, builder.samples(2)[graph.inputs[0]], None, tmp_path)


@pytest.fixture(scope="module")
def lenet5() -> Graph:
    graph = tinycnn.load(examples_folder() / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(examples_folder() / "mnist_sample/mnist_sample.npz")
    return tinycnn.quantize(graph, tinycnn.as_samples(array, (1, 1, 28, 28), "sample"))


def test_lenet5_without_its_image(lenet5: Graph) -> None:
    lean = candidates(lenet5, pushed=True)[-1]
    assert lean.arena_bytes <= 1_400
    assert lean.places["image"].held_rows < 28
    assert lean.arena_bytes <= 1.1 * lean.lower_bound_bytes


def test_uint8_rows(lenet5: Graph, tmp_path: Path) -> None:
    needs("gcc")
    stored = np.random.default_rng(0).integers(-128, 128, (2, 28, 28, 1), np.int8)
    expected = engine.run(lenet5, stored)["logits"]
    given = (stored.astype(np.int16) + 128).astype(np.uint8)
    made = candidates(lenet5, pushed=True)[-1]
    generated = generate(made, "net", target_name="host", selftest=Selftest((given,), (expected,)), uint8_input=True)
    write(generated, tmp_path)
    sources = [file for file in generated.files if file.endswith(".c")]
    hosted = [option for option in STRICT if option != "-ffreestanding"]
    subprocess.run(["gcc", *hosted, "-O1", "-DNET_SELFTEST_MAIN", "-o", "t", *sources], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "t"], check=True)


def test_only_one_input_can_be_pushed() -> None:
    builder = GraphBuilder(1)
    graph = builder.graph([builder.add(builder.input(4, 4, 2, name="a"), builder.input(4, 4, 2, name="b"))])
    with pytest.raises(UnsupportedError, match="several inputs"):
        plan(graph, pushed=True)


def test_the_budget_names_pushing() -> None:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(30, 8, 4), 1, SAME)
    graph = builder.graph([builder.global_average_pool(x)])
    with pytest.raises(BudgetError, match=r"\(--push\) takes [\d,]+ bytes, which fits"):
        plan(graph, 900)


def test_bench_and_verify_push_the_rows(lenet5: Graph) -> None:
    """On the emulator: the same multiply-accumulates and bytes; what is not stored leaves room for faster kernels."""
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    samples = np.random.default_rng(1).uniform(0, 255, (2, 1, 28, 28)).astype(np.float32)
    (compared,) = tinycnn.verify(lenet5, samples, ["cortex-m4"], 2_000, pushed=True)
    assert compared.mismatches == 0
    target = tinycnn.load_target("cortex-m4")
    whole, pushed = (measure.bench(lenet5, samples, target, 2_000, pushed=push) for push in (False, True))
    assert sum(layer.macs for layer in pushed.layers) == lenet5.total_macs
    assert pushed.instructions < 1.01 * whole.instructions
    assert pushed.stack_bytes > 0
