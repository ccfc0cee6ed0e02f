"""Elementwise operators write each row over the very row that they read, in every kind of plan and in C."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs
from test_row_plan import SAME

import tinycnn
from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import OPERATORS, Unary, Window
from tinycnn.plan import Plan, candidates, in_stages, plan
from tinycnn_codegen import generate

SIGMOID = Unary("Sigmoid")
OPERATIONS: dict[str, Callable[[GraphBuilder, str, str], str]] = {
    "Add": GraphBuilder.add,
    "Add of a constant": lambda builder, x, _: builder.add_constant(x),
    "Clip": lambda builder, x, _: builder.clip(x, 0.0, 3.0),
    "Divide": GraphBuilder.divide,
    "Extremum": GraphBuilder.largest,
    "LogSoftmax": lambda builder, x, _: builder.log_softmax(x),
    "Multiply": GraphBuilder.multiply,
    "Multiply by means": lambda builder, x, y: builder.multiply(x, builder.global_average_pool(y)),
    "PRelu": lambda builder, x, _: builder.prelu(x),
    "Softmax": lambda builder, x, _: builder.softmax(x),
    "Softmax of onnxruntime": lambda builder, x, _: builder.softmax_as_onnxruntime(x),
    "Unary": lambda builder, x, _: builder.move(SIGMOID, x),
}


def all_operations() -> tuple[GraphBuilder, Graph, list[str]]:
    """Every operator on two convolutions of one image, and their outputs."""
    builder = GraphBuilder(5)
    image = builder.input(7, 5, 3)
    outputs = [
        operation(builder, builder.conv(image, 4, SAME), builder.conv(image, 4, SAME))
        for operation in OPERATIONS.values()
    ]
    return builder, builder.graph(outputs), outputs


def plans_of(graph: Graph) -> list[Plan]:
    return [plan(graph), in_stages(graph, [0]), candidates(graph)[-1]]


def is_in_place(made: Plan, output: str) -> bool:
    """Whether each row of a tensor lies where the row of an input of its node lay."""
    node = next(node for node in made.graph.nodes if output in node.outputs)
    written = made.places[output]
    rows = [written.row_offset_bytes(row) for row in range(written.rows)]
    sources = [made.places[name] for name in made.graph.activations(node)]
    return any(
        source.rows == written.rows and [source.row_offset_bytes(row) for row in range(source.rows)] == rows
        for source in sources
    )


def test_every_operator_that_works_in_place_is_here() -> None:
    known = {op.__name__ for op in OPERATORS if hasattr(op, "int8_kernel") and getattr(op, "in_place", False)}
    assert known == {name.split()[0] for name in OPERATIONS}


def test_a_row_is_written_over_the_row_that_it_is_made_of(tmp_path: Path) -> None:
    needs("gcc")
    builder, graph, outputs = all_operations()
    samples = builder.samples(3)
    expected = engine.trace(graph, samples)
    for number, made in enumerate(plans_of(graph)):
        assert [name for name in outputs if not is_in_place(made, name)] == []
        folder = tmp_path / str(number)
        found = CompiledNetwork(generate(made, "net", target_name="host"), folder, "-O2").run(samples)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


def test_an_input_that_is_still_read_is_not_overwritten() -> None:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(9, 5, 3), 4, SAME)
    later = builder.clip(x, 0.0, 3.0)
    graph = builder.graph([builder.add(builder.conv(later, 4, SAME), builder.conv(x, 4, SAME))])
    for made in (plan(graph), in_stages(graph, range(5))):
        assert not is_in_place(made, later)


def test_an_output_of_the_graph_is_not_overwritten() -> None:
    builder = GraphBuilder(2)
    x = builder.conv(builder.input(9, 5, 3), 4, SAME)
    y = builder.clip(x, 0.0, 3.0)
    for made in plans_of(builder.graph([x, y])):
        assert not is_in_place(made, y)


def test_a_chain_takes_one_tensor() -> None:
    """The image itself, then each function of it."""
    builder = GraphBuilder(3)
    x = builder.input(8, 6, 4)
    for _ in range(3):
        x = builder.prelu(builder.clip(x, -1.0, 3.0))
    graph = builder.graph([x])
    assert plan(graph).arena_bytes == 8 * 6 * 4
    assert plan(graph).lower_bound_bytes == 8 * 6 * 4
    assert candidates(graph, pushed=True, pulled=True)[-1].lower_bound_bytes - 4 * 9 == 6 * 4


def test_long_signals_share_a_ring() -> None:
    """More rows than have places of their own: tensors of a residual block are one ring."""
    builder = GraphBuilder(4)
    window = Window((3, 1), (1, 1), (1, 1), (1, 0, 1, 0))
    x = builder.conv(builder.input(400, 1, 4), 4, window)
    y = builder.add(x, builder.conv(x, 4, window))
    graph = builder.graph([builder.global_average_pool(builder.conv(builder.clip(y, 0.0, 3.0), 4, window))])
    made = candidates(graph, pushed=True)[-1]
    rings = {name: place for name, place in made.places.items() if place.rows == 400}
    assert all(place.held_rows < 8 for place in rings.values())
    assert is_in_place(made, y)
    assert made.arena_bytes <= 1.1 * made.lower_bound_bytes


def test_kernels_of_instruction_sets_work_in_place() -> None:
    """Add has kernels of its own for the DSP extension and for Helium."""
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder = GraphBuilder(5)
    image = builder.input(7, 5, 3)
    output = builder.add(builder.conv(image, 4, SAME), builder.conv(image, 4, SAME))
    graph = builder.graph([output])
    assert is_in_place(plan(graph), output)
    samples = np.random.default_rng(1).uniform(-1, 1, (2, 3, 7, 5)).astype(np.float32)
    for compared in tinycnn.verify(graph, samples, ["cortex-m4", "cortex-m55"]):
        assert compared.mismatches == 0
