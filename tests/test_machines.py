"""The same bytes on every machine that can be emulated, and code that needs nothing but a compiler."""

import re

import pytest
from needs import needs

import tinycnn
from tinycnn import measure
from tinycnn.cli.demo import examples_folder
from tinycnn.ir import Array, Graph
from tinycnn.plan import plan
from tinycnn.runners import measure_code
from tinycnn.target import Target, load_target, target_names
from tinycnn_codegen import generate

EMULATED = [name for name in target_names() if load_target(name).emulator]


@pytest.fixture(scope="module")
def lenet5() -> tuple[Graph, Array]:
    examples = examples_folder()
    model = tinycnn.load(examples / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(f"{examples / 'mnist_sample/mnist_sample.npz'}:test_images")
    images = tinycnn.as_samples(array, (1, 1, 28, 28), "sample")[:20]
    return tinycnn.quantize(model, images), images


def runnable(name: str) -> Target:
    target = load_target(name)
    assert target.compiler is not None
    assert target.emulator is not None
    needs(target.compiler.command, target.emulator.command, "gcc")
    return target


@pytest.mark.parametrize("name", EMULATED)
def test_lenet5_is_the_same_bytes_in_every_tensor(name: str, lenet5: tuple[Graph, Array]) -> None:
    runnable(name)
    graph, images = lenet5
    (result,) = tinycnn.verify(graph, images[:1], [name])
    assert {tensor.name: tensor.mismatches for tensor in result.tensors if tensor.mismatches} == {}
    assert result.compared_bytes > 8000
    assert result.stack_bytes is not None
    assert 0 < result.stack_bytes < 1024


@pytest.mark.parametrize("name", ["rv32imc", "i486", "powerpc", "cortex-m55"])
def test_instructions_of_layers_add_up_and_repeat(name: str, lenet5: tuple[Graph, Array]) -> None:
    target = runnable(name)
    graph, images = lenet5
    found = measure.bench(graph, images, target)
    assert found.instructions == sum(layer.instructions for layer in found.layers) > graph.total_macs // 16
    assert measure.bench(graph, images, target) == found


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
    model = tinycnn.load(examples_folder() / "perceptron/perceptron.onnx")
    images = lenet5[1].reshape(20, *model.tensors[model.inputs[0]].shape[1:])
    graph = tinycnn.quantize(model, images)
    with pytest.raises(tinycnn.errors.ToolError, match=r"does not fit i486: .* bytes over its 262,144 bytes of RAM"):
        tinycnn.verify(graph, images[:1], ["i486"])
