"""The same bytes on every machine that can be emulated, and code that needs nothing but a compiler."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from onnx import ModelProto
from operator_sampler import PARTS, Part, sampler
from small_networks import ds_cnn, mnist_net, residual_net

import tinycnn
from tinycnn import engine, measure
from tinycnn.cli.demo import examples_folder
from tinycnn.errors import ToolError
from tinycnn.ir import Array, Graph
from tinycnn.ops import Reshape
from tinycnn.plan import plan
from tinycnn.runners import measure_code, missing_tools
from tinycnn.target import Target, load_target, target_names
from tinycnn_codegen import generate
from tinycnn_codegen.lower import LOWERINGS

EMULATED = [name for name in target_names() if load_target(name).emulator]
# Chips that differ in memory alone run the same code.
CORES = sorted({compiler.flags: n for n in reversed(EMULATED) if (compiler := load_target(n).compiler)}.values())


@pytest.fixture(scope="module")
def lenet5() -> tuple[Graph, Array]:
    examples = examples_folder()
    model = tinycnn.load(examples / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(f"{examples / 'mnist_sample/mnist_sample.npz'}:test_images")
    images = tinycnn.as_samples(array, (1, 1, 28, 28), "sample")[:20]
    return tinycnn.quantize(model, images), images


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[], ModelProto]], tuple[Graph, Array]]:
    """The int8 graph of a network, made once, with samples."""

    @cache
    def quantize(network: Callable[[], ModelProto]) -> tuple[Graph, Array]:
        path = tmp_path_factory.mktemp("networks") / "network.onnx"
        path.write_bytes(network().SerializeToString())
        model = tinycnn.load(path)
        shape = engine.onnx_shape(model.tensors[model.inputs[0]])
        samples = np.random.default_rng(0).normal(0, 1, (8, *shape[1:])).astype(np.float32)
        return tinycnn.quantize(model, samples), samples

    return quantize


def runnable(name: str) -> Target:
    target = load_target(name)
    assert target.compiler is not None
    assert target.emulator is not None
    needs(*missing_tools(target))
    return target


@pytest.mark.parametrize("name", [*(name for name in CORES if name != "atmega328p"), "microbit"])
def test_lenet5_is_the_same_bytes_in_every_tensor(name: str, lenet5: tuple[Graph, Array]) -> None:
    runnable(name)
    graph, images = lenet5
    assert_same_bytes(graph, images, name, at_least=8000)


@pytest.mark.parametrize("network", [mnist_net, ds_cnn, residual_net])
@pytest.mark.parametrize("name", CORES)
def test_small_networks_are_the_same_bytes_in_every_tensor(
    name: str, network: Callable[[], ModelProto], quantized: Callable[[Callable[[], ModelProto]], tuple[Graph, Array]]
) -> None:
    runnable(name)
    graph, samples = quantized(network)
    assert_same_bytes(graph, samples, name, at_least=500)


# Machines with 2 and 8 KB of RAM run the parts of the sampler one by one, the others in two halves, which plan quickly.
HALVES = (PARTS[:3], PARTS[3:])
SAMPLED = [
    (name, parts)
    for name in CORES
    for parts in (HALVES if load_target(name).ram_bytes > 8192 else [(part,) for part in PARTS])
]


def test_every_operator_is_sampled() -> None:
    sampled = {type(node.op) for node in sampler(*PARTS).nodes}
    missing = {operator.__name__ for operator in {*LOWERINGS, Reshape} - sampled}
    assert not missing, f"add {missing} to a part of tests/operator_sampler.py"


@pytest.mark.parametrize(
    ("name", "parts"),
    SAMPLED,
    ids=lambda value: value if isinstance(value, str) else "+".join(p.__name__ for p in value),
)
def test_every_operator_is_the_same_bytes_in_every_tensor(name: str, parts: tuple[Part, ...]) -> None:
    runnable(name)
    graph = sampler(*parts)
    samples = np.random.default_rng(0).normal(0, 1.5, (2, 4, 8, 6)).astype(np.float32)
    assert_same_bytes(graph, samples, name, at_least=200)


def assert_same_bytes(graph: Graph, samples: Array, name: str, at_least: int) -> None:
    (result,) = tinycnn.verify(graph, samples[:1], [name])
    assert {tensor.name: tensor.mismatches for tensor in result.tensors if tensor.mismatches} == {}
    assert result.compared_bytes > at_least
    assert result.stack_bytes is not None
    assert 0 < result.stack_bytes < 1024


def test_cycles_of_an_avr_are_exact(quantized: Callable[[Callable[[], ModelProto]], tuple[Graph, Array]]) -> None:
    target = runnable("atmega328p")
    graph, samples = quantized(mnist_net)
    found = measure.bench(graph, samples, target)
    assert found.cycles_are_exact
    # No instruction of an AVR takes less than one cycle; a return takes five (AVR Instruction Set).
    assert found.instructions < found.cycles < 2 * found.instructions
    assert measure.bench(graph, samples, target) == found


def test_a_network_too_large_for_an_avr_does_not_link(lenet5: tuple[Graph, Array]) -> None:
    runnable("atmega328p")
    with pytest.raises(ToolError, match=r"does not fit atmega328p: .*over its 32,768 bytes of flash"):
        tinycnn.verify(lenet5[0], lenet5[1][:1], ["atmega328p"])


@pytest.mark.parametrize("name", ["atmega328p", "atmega2560"])
def test_constants_that_no_assembler_takes_are_refused_in_our_words(name: str, lenet5: tuple[Graph, Array]) -> None:
    runnable(name)
    graph, images = as_int8("perceptron", lenet5[1])
    with pytest.raises(ToolError, match=rf"does not fit {name}: its constants alone take 3\d\d,\d+ bytes"):
        tinycnn.verify(graph, images[:1], [name])


def as_int8(example: str, images: Array) -> tuple[Graph, Array]:
    model = tinycnn.load(examples_folder() / f"{example}/{example}.onnx")
    images = images.reshape(len(images), *model.tensors[model.inputs[0]].shape[1:])
    return tinycnn.quantize(model, images), images


def test_the_chip_of_the_documentation_runs(tmp_path: Path, lenet5: tuple[Graph, Array]) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    text = (Path(__file__).parents[1] / "docs/targets.md").read_text(encoding="utf-8")
    (tmp_path / "stm32g071.toml").write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    assert_same_bytes(*lenet5, str(tmp_path / "stm32g071.toml"), at_least=8000)


@pytest.mark.parametrize("name", CORES)
def test_instructions_and_cycles_of_layers_add_up(
    name: str, quantized: Callable[[Callable[[], ModelProto]], tuple[Graph, Array]]
) -> None:
    """Every count is taken of two inferences, and refused unless both are the same."""
    found = measure.bench(*quantized(mnist_net), runnable(name))
    assert found.instructions == sum(layer.instructions for layer in found.layers) > found.macs // 16
    assert found.cycles == sum(layer.cycles for layer in found.layers) > found.instructions // 2


@pytest.mark.parametrize("name", ["i486", "esp8266", "cortex-m55"])
def test_a_benchmark_repeats_exactly(
    name: str, quantized: Callable[[Callable[[], ModelProto]], tuple[Graph, Array]]
) -> None:
    graph, samples = quantized(mnist_net)
    assert measure.bench(graph, samples, runnable(name)) == measure.bench(graph, samples, runnable(name))


@pytest.mark.parametrize("name", target_names())
def test_generated_c_needs_no_library(name: str, lenet5: tuple[Graph, Array]) -> None:
    """memcpy, memset and what the compiler itself calls for arithmetic: names that C reserves for it."""
    target = load_target(name)
    assert target.compiler is not None
    needs(target.compiler.command)
    graph, _ = lenet5
    size = measure_code(generate(plan(graph), "net", target_name=name), target, optimize="-O2")
    assert [symbol for symbol in size.library_symbols if not re.fullmatch(r"memcpy|memset|_\w+", symbol)] == []
    # Where code may be loaded anywhere, constants that hold addresses are relocated, hence writable.
    assert size.data_bytes == 0 or name == "host"


def test_an_image_over_256_kb_does_not_link(lenet5: tuple[Graph, Array]) -> None:
    runnable("i486")
    graph, images = as_int8("perceptron", lenet5[1])
    with pytest.raises(ToolError, match=r"does not fit i486: its constants alone .* over its 262,144 bytes of memory"):
        tinycnn.verify(graph, images[:1], ["i486"])
