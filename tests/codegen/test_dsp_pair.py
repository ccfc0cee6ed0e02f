"""Pointwise and depthwise layers in one kernel: random pairs against the engine, in assembly on the emulated Cortex-M4,
and in plain C on the host."""

from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import Window, call_of
from tinycnn.plan import Alternative, Plan, in_stages
from tinycnn.plan.pairs import joined, pairs, with_pairs
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate
from tinycnn_codegen.alternatives import INSTRUCTION_SETS, alternatives

SANITIZED = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]


def separable(seed: int) -> tuple[GraphBuilder, Graph]:
    """Images of several widths with pairs of both strides, padded on all sides or none, one with wide weights."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number in range(4):
        y = builder.input(
            int(rng.integers(4, 10)), int(rng.integers(5, 14)), 4 * int(rng.integers(1, 5)), name=f"x{number}"
        )
        for stride in ((1, 2), (2, 1), (1, 1), (2, 2))[number]:
            channels = 4 * int(rng.integers(1, 6))
            pads = tuple(int(pad) for pad in rng.integers(1, 3, 4)) if rng.integers(4) else (0, 0, 0, 0)
            y = builder.conv(y, channels, Window.of((1, 1)), spread=float(rng.choice([0.1, 0.5, 1.0])))
            y = builder.conv(y, channels, Window.of((3, 3), (stride, stride), pads), channels, spread=0.5)
        outputs.append(y)
    weights = builder.constants["w0"]
    weights[0::2], weights[1::2] = -1, -128
    return builder, builder.graph(outputs)


def planned(graph: Graph, *, staged: bool) -> Plan:
    """Every pair as one step, faster or not."""
    ways = {}
    for first, second in pairs(graph):
        kernel = INSTRUCTION_SETS["armv7e_m pair"].lower(call_of(graph, joined(graph, first, second)), whole=False)
        assert kernel is not None
        ways[second.outputs[0]] = Alternative("armv7e_m pair", 0, kernel.scratch_bytes, kernel.keeps_scratch)
    assert len(ways) == 8
    form = with_pairs(graph, ways)
    return in_stages(form, [0] if staged else range(len(form.nodes)), ways)


@pytest.mark.parametrize("staged", [False, True], ids=["layer by layer", "rows"])
@pytest.mark.parametrize("seed", [0, 1])
def test_plain_c_on_the_host(seed: int, staged: bool, tmp_path: Path) -> None:
    builder, graph = separable(seed)
    samples = builder.samples(3)
    generated = generate(planned(graph, staged=staged), "net", target_name="host")
    found = CompiledNetwork(generated, tmp_path, "-DNET_PORTABLE", *SANITIZED).run(samples)
    expected = engine.trace(graph, samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize("optimize", ["-O2", "-Os"])
def test_assembly_on_the_target(optimize: str) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = separable(2)
    samples, target = builder.samples(3), load_target("cortex-m4")
    generated = generate(planned(graph, staged=False), "net", target_name=target.name)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    assert len(result.tensors) == 16
    for name, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[name].reshape(3, -1), err_msg=name)


def test_pairs_are_offered_where_they_are_faster() -> None:
    for width, is_faster in ((6, True), (5, False)):
        builder = GraphBuilder(3)
        x = builder.conv(builder.input(12, width, 64), 64, Window.of((1, 1)), spread=0.5)
        y = builder.conv(x, 64, Window.of((3, 3), (1, 1), (1, 1, 1, 1)), 64, spread=0.5)
        ways = alternatives(builder.graph([y]), load_target("cortex-m4"))[y]
        assert any(way.paired for way in ways) == is_faster
