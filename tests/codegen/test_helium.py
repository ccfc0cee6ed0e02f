"""The kernels for Helium: random layers against the engine, in assembly on an emulated Cortex-M55 and in plain C."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from compiled_network import CompiledNetwork
from int8_graphs import GraphBuilder
from needs import needs

from tinycnn import engine
from tinycnn.ir import Graph
from tinycnn.ops import Concat, Take, Window
from tinycnn.plan import Plan, in_stages, plan
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn_codegen import generate
from tinycnn_codegen.alternatives import alternatives

Maker = Callable[[int], tuple[GraphBuilder, Graph]]
SANITIZED = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]


def layers(seed: int) -> tuple[GraphBuilder, Graph]:
    """Images and vectors through every kernel: windows that are read in place and copied, of one piece and several,
    with bytes left over, strides, pads, dilations, and odd widths."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number in range(5):
        channels = int(rng.choice([1, 3, 8, 16, 40, 48, 144]))
        width = int(rng.integers(3, 10))
        x = builder.input(int(rng.integers(3, 6)), width, channels, name=f"input_{number}")
        window = Window.of((3, 3), (1, 1), (1, 1, 1, 1))
        if rng.integers(2):
            kernel, stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 3))
            pads = tuple(int(rng.integers(0, k + 1)) for k in (*kernel, *kernel))
            window = Window.of(kernel, (stride, stride), pads)
        y = builder.conv(x, int(rng.integers(1, 28)), window, spread=float(rng.choice([0.1, 1.0])))
        y = builder.conv(y, 16 * int(rng.integers(1, 3)), Window.of((1, 1)))
        depth, stride = builder.shape(y)[-1], int(rng.integers(1, 3))
        y = builder.conv(y, depth, Window((3, 3), (stride, stride), (1, 2), (1, 2, 1, 2)), depth, spread=0.5)
        outputs.append(builder.add(y, builder.conv(y, depth, Window.of((1, 1)))))
    x = builder.input(4, 6, 8, name="input")
    outputs.append(builder.conv(x, 8, Window.of((3, 3), pads=(1, 1, 1, 1)), 8, spread=0.5))
    for number in range(3):
        channels, height, width = int(rng.integers(1, 40)), int(rng.integers(3, 8)), int(rng.integers(9, 14))
        x = builder.input(height, width, channels, name=f"depthwise_{number}")
        kernel, stride = (int(rng.integers(1, 6)), int(rng.integers(1, 6))), int(rng.integers(1, 3))
        pads = (kernel[0] - 1, kernel[1] - 1, kernel[0] - 1, int(rng.integers(0, 3)))
        window = Window(kernel, (1, stride), (1, 1 + number % 2), pads)
        outputs.append(builder.conv(x, channels, window, channels, spread=float(rng.choice([0.1, 1.0]))))
    for number in range(3):
        channels, height, width = int(rng.integers(1, 20)), int(rng.integers(2, 5)), int(rng.integers(2, 9))
        x = builder.input(height, width, channels, name=f"transposed_{number}")
        strides = (int(rng.integers(1, 3)), int(rng.integers(1, 4)))
        kernel = (strides[0] + int(rng.integers(0, 3)), strides[1] + int(rng.integers(0, 3)))
        pads = tuple(int(rng.integers(0, k + 1)) for k in (*kernel, *kernel))
        outputs.append(builder.conv_transpose(x, int(rng.integers(1, 20)), Window.of(kernel, pads=pads), strides))
    outputs.append(builder.global_average_pool(builder.input(5, 3, int(rng.integers(1, 30)), name="image")))
    vector = builder.input(int(rng.integers(1, 300)), name="vector")
    y = builder.dense(vector, 4 * int(rng.integers(2, 8)))
    outputs.append(builder.dense(y, int(rng.integers(1, 12))))
    return builder, builder.graph(outputs)


def moves(seed: int) -> tuple[GraphBuilder, Graph]:
    """Images through pools, tables, concatenations and choices of rows and columns, with any number of channels, and
    through convolutions with groups and dilation, for which windows are copied in another way."""
    builder = GraphBuilder(seed)
    rng = builder.rng
    outputs = []
    for number in range(4):
        channels, height, width = int(rng.integers(1, 40)), int(rng.integers(3, 8)), int(rng.integers(3, 12))
        x = builder.input(height, width, channels, name=f"input_{number}")
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        pads = tuple(int(rng.integers(0, k)) for k in (*kernel, *kernel))
        strides, dilations = (
            (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
            (1, int(rng.integers(1, 2 + (width > 6)))),
        )
        window = Window(kernel, strides, dilations, pads)
        y = builder.max_pool(x, window)
        outputs.append(builder.average_pool(x, window, count_include_pad=bool(rng.integers(2))))
        rows, columns, _ = builder.shape(y)[1:]
        y = builder.move(Take((None, (*range(rows), -1, 0), None, None)), y)
        if number % 2:
            y = builder.move(Take((None, None, (*map(int, rng.integers(-1, columns, 5)),), None)), y)
        z = builder.clip(y, -0.5, 1.0)
        axis = int(rng.integers(1, 4))
        outputs.append(builder.move(Concat(axis), y, z, y) if number < 3 else z)
    for number in range(3):
        groups, height, width = int(rng.integers(1, 4)), int(rng.integers(3, 6)), int(rng.integers(5, 9))
        x = builder.input(height, width, groups * int(rng.integers(2, 20)), name=f"groups_{number}")
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        window = Window(kernel, (1, 1 + number % 2), (1, int(rng.integers(1, 3))), (1, 0, 2, 1))
        outputs.append(builder.conv(x, groups * int(rng.integers(1, 10)), window, groups))
    signal = builder.input(9, 5, name="signal")
    outputs.append(builder.max_pool(signal, Window.of((3,), (2,), (1, 1))))
    return builder, builder.graph(outputs)


GRAPHS = {
    layers: ("conv2d", "conv_transpose2d", "depthwise_any", "dense", "add", "global_average_pool"),
    moves: ("conv2d", "average_pool", "max_pool", "take", "lookup", "concat"),
}
"""With the kernels that are called in every one of them."""


def planned(graph: Graph, *, lean: bool) -> Plan:
    """The fastest plan, or one of rows with the kernels of the least scratch."""
    ways = alternatives(graph, load_target("cortex-m55"))
    last = {output: found[-1] for output, found in ways.items()}
    return in_stages(graph, [0], last) if lean else plan(graph, alternatives=ways)


@pytest.mark.parametrize(("seed", "lean"), [(1, False), (11, True)], ids=["fastest", "leanest"])
@pytest.mark.parametrize("made", GRAPHS)
def test_plain_c_on_the_host(made: Maker, seed: int, lean: bool, tmp_path: Path) -> None:
    builder, graph = made(seed)
    generated = generate(planned(graph, lean=lean), "net", target_name="host")
    source = generated.files["net.c"]
    for kernel in (*GRAPHS[made], *(("depthwise",) if lean and made is layers else ())):
        assert f"tcn_helium_{kernel}_row(&" in source
    assert lean == ("tcn_helium_depthwise_square_row(&" not in source) or made is moves
    samples = builder.samples(3)
    found = CompiledNetwork(generated, tmp_path, "-DNET_PORTABLE", *SANITIZED).run(samples)
    expected = engine.trace(graph, samples)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].reshape(array.shape), err_msg=name)


@pytest.mark.parametrize(("seed", "optimize", "lean"), [(1, "-O2", False), (11, "-Os", True), (0, "-O0", False)])
@pytest.mark.parametrize("made", GRAPHS)
def test_assembly_on_the_target(made: Maker, seed: int, optimize: str, lean: bool) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    builder, graph = made(seed)
    target = load_target("cortex-m55")
    generated = generate(planned(graph, lean=lean), "net", target_name=target.name)
    samples = builder.samples(3)
    result = run_emulated(generated, [samples[port.name] for port in generated.inputs], target, optimize=optimize)
    expected = engine.trace(graph, samples)
    assert result.tensors
    for name, array in result.tensors.items():
        np.testing.assert_array_equal(array.reshape(3, -1), expected[name].reshape(3, -1), err_msg=name)
