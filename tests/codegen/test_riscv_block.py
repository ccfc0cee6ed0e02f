"""Convolutions and dense layers in assembly for RV32IM at the sizes and weights where it takes another way."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiled_network import STRICT, CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import Window, call_of
from tinycnn.plan import Alternative, Plan, candidates, in_stages, plan
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate, winograd
from tinycnn_codegen.alternatives import alternatives
from tinycnn_codegen.word32 import pack_pairs


def make_extreme(builder: GraphBuilder, *, large: bool) -> None:
    """The weights of the last layer."""
    weights = builder.constants[f"w{len(builder.nodes) - 1}"]
    weights[...] = np.where(weights < 0, -128, 127) if large else np.sign(weights)


def rows_of_all_widths() -> tuple[GraphBuilder, Graph]:
    """Rows of 1 to 7 outputs, read in place and gathered, whole blocks of channels and not; chunks of 1 to 8 inputs.

    The bounds of a chunk are reached: weights of -128 and 127, or -1 and 1, and many inputs of -128.
    """
    builder = GraphBuilder(11)
    outputs = []
    for width in range(1, 8):
        x = builder.input(3, width, 8, name=f"input_{width}")
        y = builder.conv(x, 4 + 4 * (width % 3), Window.of((2, 2), pads=(0, 0, 1, 1)))
        make_extreme(builder, large=width % 2 == 1)
        y = builder.conv(y, 8, Window.of((3, 3), pads=(1, 1, 1, 1)), spread=3.0)
        outputs.append(builder.conv(y, 9, Window.of((1, 1))))
        outputs.append(builder.dense(builder.input(31 + width, name=f"vector_{width}"), 7 + width))
        make_extreme(builder, large=width % 2 == 0)
    return builder, builder.graph(outputs)


@pytest.mark.parametrize("optimize", ["-O3", "-Os"])
def test_rows_of_all_widths(optimize: str) -> None:
    needs("riscv64-unknown-elf-gcc", "qemu-system-riscv32")
    builder, graph = rows_of_all_widths()
    target = load_target("rv32imc")
    generated = generate(plan(graph, alternatives=alternatives(graph, target)), "net", target_name="rv32imc")
    samples = builder.samples(2)
    for array in samples.values():
        array.reshape(-1)[::3] = -128
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    assert result.tensors
    for tensor, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(2, -1), expected[tensor].reshape(2, -1), err_msg=tensor)


def test_chunks_have_no_more_inputs_than_code_has_copies() -> None:
    """The upper half of a chunk's first word is the code of all inputs but one: 68 bytes each."""
    packed = pack_pairs(np.ones((1, 4, 2, 10), np.int64))
    at = np.cumsum([0, 1 + 2 * 8, 1 + 2 * 2, 1, 1 + 2 * 8, 1 + 2 * 2])
    run = [(4 + 8 * 8) | (68 * 7 << 16), (4 + 8 * 2) | (68 << 16)]
    assert packed.words[at].tolist() == [*run, 0, *run, 1 << 16]


def tiles() -> tuple[GraphBuilder, Graph]:
    """3 x 3 with stride 1: whole tiles of 4 x 4 outputs and parts of them, and the largest weights."""
    builder = GraphBuilder(5)
    outputs = []
    sizes = [(4, 8), (9, 5), (3, 4), (6, 13), (1, 1), (8, 16)]
    for number, (height, width) in enumerate(sizes):
        pad = 1 if number != 1 else 0
        x = builder.input(height, width, 2 + 2 * (number % 4), name=f"input_{number}")
        y = builder.conv(x, 8, Window.of((3, 3), pads=(pad,) * 4), spread=0.5 + number % 2)
        if number % 2:
            make_extreme(builder, large=True)
        outputs.append(builder.conv(y, 16, Window.of((3, 3), pads=(1, 1, 1, 1)), spread=0.5))
    return builder, builder.graph(outputs)


def tiled(graph: Graph, *, whole: bool) -> Plan:
    """Layer by layer, or in one stage."""
    chosen = {
        call.node.outputs[0]: Alternative("rv32im winograd", 0, kernel.scratch_bytes)
        for call in (call_of(graph, node) for node in graph.nodes)
        if (kernel := winograd.riscv(call, whole=True))
    }
    return in_stages(graph, range(len(graph.nodes)) if whole else [0], chosen)


@pytest.mark.parametrize(("on_target", "whole"), [(False, True), (True, True), (False, False)])
def test_winograd(on_target: bool, whole: bool, tmp_path: Path) -> None:
    """In plain C with a sanitizer, and in assembly; where rings hold some rows only, blocks take its place."""
    builder, graph = tiles()
    generated = generate(tiled(graph, whole=whole), "net", target_name="rv32imc" if on_target else "host")
    kernels = generated.files["net.c"].count("tcn_riscv_winograd_row(&")
    assert (kernels == len(graph.nodes)) == whole
    samples = builder.samples(2)
    for array in samples.values():
        array[:, :, ::3] = -128
    expected = engine.trace(graph, samples)
    if on_target:
        needs("riscv64-unknown-elf-gcc", "qemu-system-riscv32")
        result = run_emulated(generated, [samples[port.name] for port in generated.inputs], load_target("rv32imc"))
        found = result.tensors
    else:
        sanitized = ("-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1")
        found = CompiledNetwork(generated, tmp_path, *sanitized).run(samples)
    assert found
    for tensor, array in found.items():
        np.testing.assert_array_equal(array.reshape(2, -1), expected[tensor].reshape(2, -1), err_msg=tensor)


@pytest.mark.parametrize(
    ("compiler", "processor"),
    [
        ("riscv64-unknown-elf-gcc", ["-march=rv32im", "-mabi=ilp32"]),
        ("clang", ["-march=rv32imc", "-mabi=ilp32", "--target=riscv32-unknown-elf"]),
    ],
)
def test_compilers_take_it_without_a_warning(compiler: str, processor: list[str], tmp_path: Path) -> None:
    """With and without compressed instructions; strings are no longer than C99 lets them be."""
    needs(compiler)
    rows, squares = rows_of_all_widths()[1], tiles()[1]
    of_blocks = plan(rows, alternatives=alternatives(rows, load_target("rv32imc")))
    for planned in (of_blocks, tiled(squares, whole=True)):
        for name, text in generate(planned, "net", target_name="rv32imc").files.items():
            (tmp_path / name).write_text(text, "ascii")
        command = [compiler, *processor, *STRICT, "-O2", "-c", "net.c", "-o", "net.o"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_winograd_needs_all_rows_and_sums_that_fit() -> None:
    builder = GraphBuilder(1)
    x = builder.input(4, 4, 2048)
    graph = builder.graph([builder.conv(x, 8, Window.of((3, 3), pads=(1, 1, 1, 1)))])
    call = call_of(graph, graph.nodes[0])
    weights = builder.constants["w0"]
    for value, kernels in ((14, {True: "riscv_winograd", False: "block_conv2d"}), (15, {True: None, False: None})):
        weights[...] = value
        found = {whole: winograd.riscv(call, whole=whole) for whole in (True, False)}
        assert {whole: lowered and lowered.kernel for whole, lowered in found.items()} == kernels


def test_plans_with_rings_take_other_kernels_than_winograd() -> None:
    builder = GraphBuilder(2)
    x = builder.conv(builder.input(12, 12, 16), 16, Window.of((3, 3), pads=(1, 1, 1, 1)))
    graph = builder.graph([builder.conv(x, 16, Window.of((3, 3), pads=(1, 1, 1, 1)))])
    plans = candidates(graph, alternatives(graph, load_target("rv32imc")))
    taken = [sum(way.kernel == "rv32im winograd" for way in found.chosen.values()) for found in plans]
    assert (taken[0], taken[-1]) == (2, 0)
    for number, found in zip(taken, plans, strict=True):
        source = generate(found, "net", target_name="rv32imc").files["net.c"]
        assert source.count("tcn_riscv_winograd_row(&") == number
