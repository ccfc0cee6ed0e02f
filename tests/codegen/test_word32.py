"""The kernels for processors with 32-bit registers: random layers against the engine, in plain C on the host and as
they are compiled for the Cortex-M0, the Cortex-M3 and RV32IMC."""

import re
from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph, Quantization
from tinycnn.ops import Window
from tinycnn.plan import Plan, in_stages, plan
from tinycnn.plan.choose import fastest
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate
from tinycnn_codegen.alternatives import alternatives
from tinycnn_codegen.word32 import pack_pairs

SANITIZED = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]
COMPILERS = {
    "cortex-m0": "arm-none-eabi-gcc",
    "cortex-m3": "arm-none-eabi-gcc",
    "rv32imc": "riscv64-unknown-elf-gcc",
}
EMULATORS = {"cortex-m0": "qemu-system-arm", "cortex-m3": "qemu-system-arm", "rv32imc": "qemu-system-riscv32"}


def layers(seed: int) -> tuple[GraphBuilder, Graph]:
    """Images of all widths with four layers each, so that plans let kernels meet rings and bytes used again; vectors.

    Odd numbers of channels and columns, strides, pads and dilations, small weights that make long chunks.
    """
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number in range(4):
        channels = int(rng.choice([1, 3, 4, 7, 16]))
        width = int(rng.integers(1, 12))
        x = builder.input(int(rng.integers(3, 9)), width, channels, name=f"input_{number}")
        dilations = (1, int(rng.integers(1, 3)) if width > 3 else 1)
        kernel, stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 3))
        pads = tuple(int(rng.integers(k // 2, k + 1)) for k in (*kernel, *kernel))
        y = builder.conv(x, int(rng.integers(1, 12)), Window(kernel, (1, stride), dilations, pads, False))
        y = builder.conv(y, int(rng.integers(1, 12)), Window.of((1, 1)), spread=float(rng.choice([0.1, 1.0])))
        builder.constants[f"w{len(builder.nodes) - 1}"] //= int(rng.choice([1, 16]))
        depth = builder.shape(y)[-1]
        stride = int(rng.integers(1, 3))
        pads = (1, int(rng.integers(0, 2)) if builder.shape(y)[2] > 2 else 1, 1, 1)
        y = builder.conv(y, depth, Window.of((3, 3), (stride, stride), pads), depth, spread=0.5)
        outputs.append(builder.conv(y, int(rng.integers(1, 9)), Window.of((3, 3), pads=(1, 1, 1, 1))))
    vector = builder.input(int(rng.integers(1, 90)), name="vector")
    y = builder.dense(vector, int(rng.integers(2, 28)))
    outputs.append(builder.dense(y, int(rng.integers(1, 12))))
    return builder, builder.graph(outputs)


def planned(graph: Graph, target: str, *, staged: bool) -> Plan:
    ways = alternatives(graph, load_target(target))
    return in_stages(graph, [0], fastest(ways)) if staged else plan(graph, alternatives=ways)


@pytest.mark.parametrize(
    ("target", "staged"),
    [("cortex-m0", True), ("cortex-m0", False), ("cortex-m3", False), ("rv32imc", True), ("powerpc", True)],
)
def test_plain_c_on_the_host(staged: bool, target: str, tmp_path: Path) -> None:
    builder, graph = layers(int(staged))
    generated = generate(planned(graph, target, staged=staged), "net", target_name="host")
    source = generated.files["net.c"]
    dense = "short_dense" if target == "cortex-m0" else "block_dense"
    for kernel in ("block_conv2d", "word_depthwise", dense):
        assert f"tcn_{kernel}_row(&" in source
    samples = builder.samples(3)
    flags = ["-DTCN_NARROW_MULTIPLY"] if staged else []
    found = CompiledNetwork(generated, tmp_path, *flags, *SANITIZED).run(samples)
    expected = engine.trace(graph, samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize("optimize", ["-O2", "-Os"])
@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m3", "rv32imc"])
def test_on_the_target(name: str, optimize: str) -> None:
    needs(COMPILERS[name], EMULATORS[name])
    builder, graph = layers(7)
    target = load_target(name)
    generated = generate(planned(graph, name, staged=False), "net", target_name=name)
    samples = builder.samples(3)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    assert result.tensors
    for tensor, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[tensor].reshape(3, -1), err_msg=tensor)


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m3", "rv32imc"])
def test_depthwise_at_every_edge(name: str) -> None:
    """In assembly: strides, pads, widths from the least, windows that end before and after the row; channels that
    saturate and that are rescaled otherwise."""
    needs(COMPILERS[name], EMULATORS[name])
    builder = GraphBuilder(3)
    outputs = []
    for width in (3, 4, 7):
        for stride in (1, 2):
            for pads in ((1, 0, 1, 0), (1, 1, 1, 0), (0, 0, 0, 1), (1, 1, 1, 1)):
                channels = int(builder.rng.integers(2, 9))
                x = builder.input(4, width, channels, name=f"input_{len(outputs)}")
                window = Window.of((3, 3), (stride, stride), pads)
                outputs.append(
                    builder.conv(x, channels, window, channels, spread=float(builder.rng.choice([0.2, 1.0])))
                )
    graph = builder.graph(outputs)
    generated = generate(planned(graph, name, staged=False), "net", target_name=name)
    source = generated.files["net.c"]
    assert source.count("tcn_word_depthwise_row(&") == len(outputs)
    multipliers = [
        int(word) for words in re.findall(r"_constants\[\d+\] = {([^}]*)}", source) for word in words.split(",")[1::2]
    ]
    assert 0 in multipliers
    assert np.count_nonzero(multipliers) > len(multipliers) / 2
    samples = builder.samples(2)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], load_target(name))
    expected = engine.trace(graph, samples)
    assert len(result.tensors) == len(outputs)
    for tensor, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(2, -1), expected[tensor].reshape(2, -1), err_msg=tensor)


def test_add_of_any_length() -> None:
    """On RV32IMC: rows of no to three elements beside those by fours, many saturated."""
    needs(COMPILERS["rv32imc"], EMULATORS["rv32imc"])
    builder = GraphBuilder(5)
    outputs = []
    for bytes_of_row in (1, 2, 3, 4, 7, 12, 17, 50):
        a, b = (builder.input(3, 1, bytes_of_row, name=f"{name}_{bytes_of_row}") for name in "ab")
        scale = float(builder.rng.choice([0.3, 1.0])) * (builder.scale(a) + builder.scale(b))
        outputs.append(builder.add(a, b, Quantization((scale,), int(builder.rng.integers(-128, 128)))))
    graph = builder.graph(outputs)
    generated = generate(planned(graph, "rv32imc", staged=False), "net", target_name="rv32imc")
    assert generated.files["net.c"].count("tcn_riscv_add_row(&") == len(outputs)
    samples = builder.samples(2)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], load_target("rv32imc"))
    expected = engine.trace(graph, samples)
    for tensor, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(2, -1), expected[tensor].reshape(2, -1), err_msg=tensor)


def test_chunks_end_before_a_half_could_overflow() -> None:
    """Weights of -128 and inputs of -128 add 2^14 each: the first chunk has one of them, not two."""
    weights = np.zeros((1, 4, 1, 9), np.int64)
    weights[0, 2] = [-128, -128, 1, 1, 1, 1, 1, 1, 1]
    packed = pack_pairs(weights)
    assert packed.words[[0, 3, 20]].tolist() == [4 + 8 * 1, (4 + 8 * 8) | (68 * 7 << 16), 1 << 16]
    assert len(packed.words) == 21
    assert packed.excess.tolist() == [2 << 15, 0, 2 << 15, 0]
