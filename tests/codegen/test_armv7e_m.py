"""The kernels for the DSP extension: random layers against the engine, in assembly on the emulated Cortex-M4, and in
their plain C on the host."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiled_network import STRICT, CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import Window
from tinycnn.plan import Plan, in_stages
from tinycnn.runners import count_instructions, measure_code, run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate, write
from tinycnn_codegen.alternatives import alternatives
from tinycnn_codegen.generated import Generated

KERNELS = ("conv2d", "depthwise", "planar", "winograd", "dense", "add", "mean", "max_pool")
SANITIZED = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]


def layers(seed: int) -> tuple[GraphBuilder, Graph]:
    """Several images with some layers each, so that plans let kernels meet rings and bytes used again; vectors.

    Sizes that leave one to three columns, channels that leave bytes of a word, strides, pads and dilations.
    """
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number in range(3):
        channels = int(rng.choice([1, 3, 4, 6, 8, 16]))
        x = builder.input(int(rng.integers(3, 9)), int(rng.integers(3, 14)), channels, name=f"input_{number}")
        window = Window.of((3, 3), (1, 1), (1, 1, 1, 1))
        if rng.integers(2):
            kernel, stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 3))
            pads = tuple(int(rng.integers(0, k + 1)) for k in (*kernel, *kernel))
            window = Window.of(kernel, (stride, stride), pads)
        y = builder.conv(x, 2 * int(rng.integers(1, 7)), window, spread=float(rng.choice([0.1, 1.0])))
        y = builder.conv(y, 16, Window.of((1, 1)))
        y = builder.conv(y, 16, Window((3, 3), (1, 1), (2, 1), (2, 1, 2, 1), False), 16, spread=0.5)
        y = builder.conv(y, 16, Window.of((3, 3), (1, 1), (1, 1, 1, int(rng.integers(3)))), spread=0.5)
        stride = 1 + number % 2
        y = builder.conv(y, 16, Window.of((3, 3), (stride, stride), (1, 1, 1, 1)), 16, spread=0.5)
        outputs.append(builder.global_average_pool(y))
        z = builder.conv(y, 12, Window.of((1, 1)))
        y = builder.add(z, builder.conv(y, 12, Window.of((1, 1))))
        y = builder.conv(y, int(rng.integers(1, 9)), Window.of((1, 1)))
        window = Window((2, 3), (stride, stride), (1, 3 - stride), (1, 2, 0, 1), False)
        outputs += [y, builder.max_pool(z, window), builder.max_pool(builder.conv(z, 6, Window.of((1, 1))), window)]
    vector = builder.input(int(rng.integers(1, 90)), name="vector")
    y = builder.dense(vector, 4 * int(rng.integers(2, 8)))
    outputs.append(builder.dense(y, int(rng.integers(1, 12))))
    # As many inputs of -128 as 16 bits can add, and one column more.
    outputs += [
        builder.global_average_pool(builder.input(16, columns, 4, name=f"image_{columns}")) for columns in (16, 17)
    ]
    return builder, builder.graph(outputs)


def planned(graph: Graph, *, staged: bool, seed: int = 0) -> Plan:
    """Every node by one of its kernels for the instruction set, picked at random."""
    rng = np.random.default_rng(seed)
    ways = {
        output: [way for way in some if not way.paired]
        for output, some in alternatives(graph, load_target("cortex-m4")).items()
    }
    chosen = {output: some[int(rng.integers(1, len(some)))] for output, some in ways.items()}
    return in_stages(graph, [0] if staged else range(len(ways)), chosen)


def assert_every_kernel(generated: Generated) -> None:
    for kernel in KERNELS:
        assert f"tcn_dsp_{kernel}_row(&" in generated.files["net.c"]


@pytest.mark.parametrize("staged", [False, True], ids=["layer by layer", "rows"])
@pytest.mark.parametrize("seed", [2, 4])
def test_plain_c_on_the_host(seed: int, staged: bool, tmp_path: Path) -> None:
    builder, graph = layers(seed)
    generated = generate(planned(graph, staged=staged, seed=seed), "net", target_name="host")
    assert_every_kernel(generated)
    samples = builder.samples(3)
    found = CompiledNetwork(generated, tmp_path, "-DNET_PORTABLE", *SANITIZED).run(samples)
    expected = engine.trace(graph, samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize("optimize", ["-O2", "-Os"])
def test_assembly_on_the_target(optimize: str) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = layers(7)
    target = load_target("cortex-m4")
    generated = generate(planned(graph, staged=False, seed=1), "net", target_name=target.name)
    assert_every_kernel(generated)
    samples = builder.samples(3)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    assert result.tensors
    for name, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[name].reshape(3, -1), err_msg=name)


def depthwise_layers(stride: int) -> tuple[GraphBuilder, Graph]:
    """Depthwise 3 x 3 with 1 to 14 outputs a row, so with every rest behind blocks; strides down the rows differ."""
    builder = GraphBuilder(stride)
    rng = builder.rng
    outputs = []
    for width in range(1, 15):
        pads = rng.integers(0, 4, 4).tolist()
        columns = (width - 1) * stride + 3 - pads[1] - pads[3] + int(rng.integers(stride))
        if columns < 1:
            pads, columns = [1, 1, 1, 1], (width - 1) * stride + 1
        channels = 4 * int(rng.integers(1, 6))
        x = builder.input(int(rng.integers(3, 8)), columns, channels, name=f"input_{width}")
        window = Window.of((3, 3), (int(rng.integers(1, 5)), stride), tuple(pads))
        outputs.append(builder.conv(x, channels, window, channels, spread=0.5))
    return builder, builder.graph(outputs)


def planar_plan(graph: Graph) -> Plan:
    ways = alternatives(graph, load_target("cortex-m4"))
    return in_stages(graph, range(len(ways)), {output: some[-1] for output, some in ways.items()})


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_of_every_width_on_the_host(stride: int, tmp_path: Path) -> None:
    builder, graph = depthwise_layers(stride)
    generated = generate(planar_plan(graph), "net", target_name="host")
    assert generated.files["net.c"].count("tcn_dsp_planar_row(&") == len(graph.nodes)
    samples = builder.samples(3)
    expected = engine.trace(graph, samples)
    for name, array in CompiledNetwork(generated, tmp_path, "-DNET_PORTABLE", *SANITIZED).run(samples).items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize("flags", [[], ["--target=arm-none-eabi", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding"]])
def test_depthwise_alone_compiles_without_a_warning(flags: list[str], tmp_path: Path) -> None:
    """Where no other kernel uses what it does not."""
    needs("clang")
    _, graph = depthwise_layers(1)
    generated = generate(planar_plan(graph), "net", target_name="host")
    write(generated, tmp_path)
    subprocess.run(["clang", *STRICT, *flags, "-fsyntax-only", "net.c"], cwd=tmp_path, check=True)


@pytest.mark.parametrize(("stride", "optimize"), [(1, "-O2"), (2, "-O2"), (2, "-Os")])
def test_depthwise_of_every_width_on_the_target(stride: int, optimize: str) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = depthwise_layers(stride)
    target = load_target("cortex-m4")
    generated = generate(planar_plan(graph), "net", target_name=target.name)
    assert generated.files["net.c"].count("tcn_dsp_planar_row(&") == len(graph.nodes)
    samples = builder.samples(3)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    for name, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[name].reshape(3, -1), err_msg=name)


def test_the_stack_of_assembly_is_counted() -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = layers(3)
    target = load_target("cortex-m4")
    generated = generate(planned(graph, staged=False), "net", target_name=target.name)
    computed = measure_code(generated, target, optimize="-O2").stack_bytes
    inputs = [builder.samples(1)[port.name] for port in generated.inputs]
    measured = count_instructions(generated, inputs, target, optimize="-O2").stack_bytes
    assert computed is not None
    assert measured is not None
    assert measured <= computed <= measured + 64


def test_a_bound_that_is_not_proved_takes_wide_weights() -> None:
    """b = -128 with a negative a does not fit 16 bits as a + 256 b."""
    builder = GraphBuilder(1)
    y = builder.conv(builder.input(8, 8, 4), 4, Window.of((1, 1)))
    graph = builder.graph([y])
    target = load_target("cortex-m4")
    names = [way.kernel for way in alternatives(graph, target)[y]]
    assert names == ["portable", "armv7e_m", "armv7e_m lean"]
    weights = graph.constants["w0"]
    weights[0], weights[1] = -1, -128
    assert [way.kernel for way in alternatives(graph, target)[y]] == ["portable", "armv7e_m wide"]


def test_what_takes_more_flash_is_left_out_where_flash_is_short() -> None:
    builder = GraphBuilder(1)
    y = builder.conv(builder.input(8, 8, 16), 16, Window.of((3, 3), (1, 1), (1, 1, 1, 1)))
    graph = builder.graph([y])
    target = load_target("cortex-m4")
    names = ["portable", "armv7e_m", "armv7e_m lean"]
    assert [way.kernel for way in alternatives(graph, target)[y]] == [*names, "armv7e_m winograd"]
    tight = replace(target, flash_bytes=2 * (3 * 3 * 16 * 16 * 2))
    assert [way.kernel for way in alternatives(graph, tight)[y]] == names
