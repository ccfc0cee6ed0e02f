"""Convolutions and dense layers for the DSP extension: every number of channels, columns and bytes in a window's row,
in assembly on the emulated Cortex-M4 and in plain C on the host, against the engine."""

from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import Window
from tinycnn.plan import Plan, in_stages
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate
from tinycnn_codegen.alternatives import alternatives, kernel_notes

SANITIZED = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]


def layers(seed: int) -> tuple[GraphBuilder, Graph]:
    """Outputs of 1 to 12 channels and of 1 to 12 columns, windows with rows of 1 to 18 bytes; dense layers.

    Some layers have weights that do not fit 16 bits in pairs, and some channels no weights at all, but a bias of 2^30.
    """
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number, columns in enumerate(rng.permutation(12) + 1):
        kernel, stride = rng.integers(1, 6, 2).tolist(), int(rng.integers(1, 3))
        pads = [int(rng.integers(0, size)) for size in (*kernel, *kernel)] if number % 3 else [0, 0, 0, 0]
        width = (int(columns) - 1) * stride + kernel[1] - pads[1] - pads[3] + int(rng.integers(stride))
        if width < 1:
            pads[1] = pads[3] = 0
            width = (int(columns) - 1) * stride + kernel[1]
        channels = [1, 2, 3, 4, 6, 10][number % 6]
        x = builder.input(int(rng.integers(5, 8)), width, channels, name=f"image_{number}")
        window = Window.of(tuple(kernel), (1, stride), tuple(pads))
        outputs.append(builder.conv(x, number + 1, window, spread=float(rng.choice([0.05, 1.0]))))
    for number, inputs in enumerate((1, 6, 37, 64)):
        outputs.append(builder.dense(builder.input(inputs, name=f"vector_{number}"), 3 * number + 2))
    for number in range(len(outputs)):
        weights = builder.constants[f"w{number}"]
        if number % 4 == 1:
            weights[0::2], weights[1::2] = -1, -128
        if number % 4 == 2:
            weights[-1] = 0
            builder.constants[f"b{number}"][-1] = 2**30
    return builder, builder.graph(outputs)


def planned(graph: Graph, kernel: str) -> Plan:
    """Every node by the named kernel, with its wide weights where it has no other."""
    ways = alternatives(graph, load_target("cortex-m4"))
    chosen = {output: next((way for way in some if way.kernel == kernel), some[-1]) for output, some in ways.items()}
    assert {way.kernel for way in chosen.values()} == {kernel, "armv7e_m wide"} | (
        {"armv7e_m"} if kernel == "armv7e_m lean" else set()
    )
    return in_stages(graph, range(len(ways)), chosen)


def test_kinds_of_layers() -> None:
    """What the layers are meant to have, they have."""
    _, graph = layers(1)
    notes = kernel_notes(graph, load_target("cortex-m4")).values()
    assert any("a + 256 b" in note for note in notes)
    assert any("have no proved rescale" in note for note in notes)
    assert len(notes) < len(graph.nodes)


@pytest.mark.parametrize("kernel", ["armv7e_m", "armv7e_m lean"])
def test_plain_c_on_the_host(kernel: str, tmp_path: Path) -> None:
    builder, graph = layers(1)
    generated = generate(planned(graph, kernel), "net", target_name="host")
    samples = builder.samples(3)
    expected = engine.trace(graph, samples)
    for name, array in CompiledNetwork(generated, tmp_path, "-DNET_PORTABLE", *SANITIZED).run(samples).items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize(
    ("kernel", "seed", "optimize"), [("armv7e_m", 2, "-O2"), ("armv7e_m", 3, "-Os"), ("armv7e_m lean", 4, "-O3")]
)
def test_assembly_on_the_target(kernel: str, seed: int, optimize: str) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = layers(seed)
    target = load_target("cortex-m4")
    generated = generate(planned(graph, kernel), "net", target_name=target.name)
    samples = builder.samples(3)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    for name, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[name].reshape(3, -1), err_msg=name)
