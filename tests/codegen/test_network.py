"""Whole generated networks: what the files look like, what compilers say of them, and that nothing can break them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from compiled_network import STRICT, CompiledNetwork
from int8_graphs import GraphBuilder, spacious_plan
from needs import needs

from tinycnn import engine
from tinycnn.errors import DataError, OutputError
from tinycnn.ir import Array, Graph, Quantization, rebuild
from tinycnn.ops import Concat, DepthToSpace, SpaceToDepth, Take, Transpose, Window
from tinycnn.plan import plan
from tinycnn_codegen import Generated, Selftest, constants_bytes, generate, write
from tinycnn_codegen.network import MARKER

SAME = Window.of((3, 3), pads=(1, 1, 1, 1))


def small() -> GraphBuilder:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(6, 5, 2), 5, SAME)
    x = builder.max_pool(x, Window.of((2, 2), (2, 2)))
    builder.softmax(builder.dense(builder.reshape(x, 30), 3))
    return builder


def sampler() -> GraphBuilder:
    """Every kernel, and every variant of how it is called."""
    builder = GraphBuilder(2)
    x = builder.input(9, 7, 6)
    a = builder.conv(x, 7, SAME)
    b = builder.conv(a, 7, SAME, 7)
    c = builder.clip(builder.add(a, b), 0.0, 2.0)
    ties = Quantization((2 * builder.scale(c),), 0)
    d = builder.add(c, c, ties)
    e = builder.average_pool(d, Window((3, 3), (2, 2), (1, 1), (1, 1, 1, 1)))
    f = builder.max_pool(e, Window.of((2, 2), pads=(0, 0, 1, 1)))
    g = builder.conv(f, 14, Window((2, 2), (1, 1), (2, 2), (1, 1, 1, 1)), 7)
    h = builder.conv(g, 6, Window.of((1, 1)), 2)
    builder.locally_connected(h, 3, Window.of((2, 2)))
    builder.reduce("ReduceMax", builder.reduce("ReduceMean", builder.resize_linear(h, 7, 9), 1), 3)
    builder.add(builder.global_average_pool(c), c, ties)
    builder.arg_max(builder.log_softmax(builder.lrn(builder.prelu(h))))
    rows = builder.reshape(h, -1, builder.shape(h)[-1])
    builder.matmul(rows, builder.move(Transpose((0, 2, 1)), rows))
    builder.lp_pool(h, Window.of((2, 2), pads=(0, 1, 0, 0)))
    builder.conv_transpose(h, 6, Window((3, 2), (1, 1), (2, 1), (3, 1, 4, 0)), (2, 3), 2)
    flat = builder.reshape(h, int(np.prod(builder.shape(h))))
    logits = builder.add_constant(builder.dense(builder.dense(flat, 2000), 70))
    builder.add_constant(logits, Quantization((2 * builder.scale(logits),), 0))
    builder.softmax(logits)
    builder.softmax_as_onnxruntime(logits)
    mean = builder.global_average_pool(h)
    builder.largest(builder.multiply(h, mean), builder.add(mean, h))
    builder.divide(h, mean)
    builder.resize_as_onnxruntime(builder.pool_and_product_on_ties(h, Window.of((2, 2))), 9)
    i = builder.move(Take((None, (1, -1, 0, 0), (1, 0), None)), h)
    i = builder.move(SpaceToDepth(2, channels_last=True), builder.move(DepthToSpace(1, channels_last=True), i))
    j = builder.move(Transpose((0, 2, 1, 3)), i)
    builder.move(Concat(3), j, builder.conv(j, 2, Window.of((1, 1))))
    return builder


def last_outputs(builder: GraphBuilder) -> Graph:
    """A graph whose outputs are the tensors that nothing reads."""
    read = {name for node in builder.nodes for name in node.inputs}
    return builder.graph([node.outputs[0] for node in builder.nodes if node.outputs[0] not in read])


def selftest_of(graph: Graph, samples: dict[str, Array]) -> Selftest:
    outputs = engine.run(graph, samples)
    return Selftest(tuple(samples[name] for name in graph.inputs), tuple(outputs[name] for name in graph.outputs))


@cache
def generated_sampler(samples: int = 3) -> Generated:
    builder = sampler()
    graph = last_outputs(builder)
    return generate(plan(graph), "net", target_name="host", selftest=selftest_of(graph, builder.samples(samples)))


def compile_c(folder: Path, compiler: str, *arguments: str) -> None:
    needs(compiler)
    done = subprocess.run([compiler, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def sources(generated: Generated) -> tuple[str, ...]:
    return tuple(name for name in generated.files if name.endswith(".c"))


@pytest.mark.parametrize("file", ["net.h", "net.c", "net_selftest.c"])
def test_golden(file: str, golden: Callable[[str, str], None]) -> None:
    builder = small()
    graph = last_outputs(builder)
    selftest = selftest_of(graph, builder.samples(2))
    golden(file, generate(plan(graph), "net", target_name="host", selftest=selftest).files[file])


def test_every_kernel_is_sampled() -> None:
    text = generated_sampler().files["net.c"]
    text += generate(plan(last_outputs(small())), "net", target_name="host", uint8_input=True).files["net.c"]
    kernels = Path(sys.modules["tinycnn_codegen"].__path__[0]) / "kernels"
    for path in kernels.glob("*.h"):
        functions = re.findall(r"^static (?:inline )?\w+ \**(tcn_\w+)\(", path.read_text("ascii"), re.M)
        assert all(f"{function}(" in text for function in functions), path.name


def test_the_same_text_whatever_the_hash_seed() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); sys.path.insert(0, 'tests/codegen');"
        "from test_network import generated_sampler; sys.stdout.write(''.join(generated_sampler().files.values()))"
    )
    root = Path(__file__).parents[2]
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {"".join(generated_sampler().files.values()).encode("ascii")}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-O3", "-Os"])
def test_compiles_without_a_warning(compiler: str, optimize: str, tmp_path: Path) -> None:
    needs(compiler)
    generated = generated_sampler(1)
    write(generated, tmp_path)
    for source in sources(generated):
        compile_c(tmp_path, compiler, *STRICT, optimize, "-c", source)


def test_compiles_where_int_has_16_bits_and_constants_have_their_own_memory(tmp_path: Path) -> None:
    needs("clang")
    generated = generated_sampler(1)
    write(generated, tmp_path)
    avr = ["--target=avr", "-mmcu=atmega2560", "-std=gnu99", "-DTCN_FLASH=__flash"]
    for source in sources(generated):
        compile_c(tmp_path, "clang", *STRICT[1:], *avr, "-fsyntax-only", "-c", source)


def test_the_header_is_cpp_too(tmp_path: Path) -> None:
    needs("g++")
    write(generated_sampler(), tmp_path)
    (tmp_path / "main.cpp").write_text(
        '#include "net.h"\n#include "net.h"\n'
        "int use(net_arena_t &arena) { net_input(&arena)[NET_INPUT_BYTES - 1] = 1; net_run(&arena); return 0; }\n"
    )
    flags = [
        "-std=c++17",
        "-pedantic",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wold-style-cast",
        "-Werror",
        "-c",
        "main.cpp",
    ]
    compile_c(tmp_path, "g++", *flags)


def test_needs_no_library(tmp_path: Path) -> None:
    """But for what compilers themselves call, even when freestanding."""
    write(generated_sampler(), tmp_path)
    compile_c(tmp_path, "gcc", *STRICT, "-O2", "-c", "net.c")
    undefined = subprocess.run(["nm", "-u", "net.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert set(undefined.split()) <= {"U", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"}
    assert set(re.findall("#include (.*)", "".join(generated_sampler().files.values()))) == {"<stdint.h>", '"net.h"'}


def test_selftest_with_sanitizers(tmp_path: Path) -> None:
    generated = generated_sampler(4)
    write(generated, tmp_path)
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    compile_c(tmp_path, "gcc", *STRICT[:-1], *sanitize, "-DNET_SELFTEST_MAIN", "-o", "selftest", *sources(generated))
    subprocess.run([tmp_path / "selftest"], check=True)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_selftest_tells_the_first_wrong_input(wrong: int, tmp_path: Path) -> None:
    builder = small()
    graph = last_outputs(builder)
    selftest = selftest_of(graph, builder.samples(3))
    changed = selftest.outputs[0].copy()
    changed[wrong:, -1] ^= 1
    selftest = replace(selftest, outputs=(changed,))
    compiled = CompiledNetwork(generate(plan(graph), "net", target_name="host", selftest=selftest), tmp_path)
    assert compiled.library.net_selftest() == 1 + wrong


def test_selftest_that_does_not_fit() -> None:
    builder = small()
    made = plan(last_outputs(builder))
    good = selftest_of(made.graph, builder.samples(2))
    for wrong in (
        Selftest((), ()),
        Selftest(good.inputs, ()),
        Selftest((good.inputs[0].astype(np.uint8),), good.outputs),
        Selftest((good.inputs[0][:, :-1],), good.outputs),
        Selftest(good.inputs, (good.outputs[0][:1],)),
    ):
        with pytest.raises(DataError):
            generate(made, "net", target_name="host", selftest=wrong)


def test_names_from_a_model_cannot_break_out(tmp_path: Path) -> None:
    """Hostile names of the model, its tensors, nodes and origins; even equal but for case or signs."""
    builder = GraphBuilder(1)
    x = builder.input(4, name="*/ #error\n/*")
    y = builder.input(4, name="*/ #ERROR\n/*")
    z = builder.add(x, y)
    graph = builder.graph([z, builder.clip(builder.dense(z, 4), 0.0, 1.0)], '??/\n" */ #error "')
    hostile = ("int", "int main(void) { */ #error", "Int")
    nodes = [
        replace(node, name=name, origins=("*/\n#error\n/*", "\\"))
        for node, name in zip(graph.nodes, hostile, strict=True)
    ]
    graph = rebuild(graph, nodes, graph.tensors, graph.constants)
    generated = generate(plan(graph), "net", target_name="*/ #error")
    samples = builder.samples(2)
    found = CompiledNetwork(generated, tmp_path).run(samples)
    expected = engine.run(graph, samples)
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], expected[name])


def test_several_inputs_and_outputs_have_names_of_their_own() -> None:
    builder = GraphBuilder(1)
    z = builder.add(builder.input(4, name="left"), builder.input(4, name="right"))
    made = generate(plan(builder.graph([z, builder.clip(z, 0.0, 1.0)])), "net", target_name="host")
    assert [port.name for port in made.inputs] == ["left", "right"]
    functions = re.findall(r"static inline int8_t \*(\w+)\(net_arena_t \*arena\)", made.files["net.h"])
    assert functions == ["net_input_left", "net_input_right", "net_output_add_0_out", "net_output_clip_1_out"]


def test_a_network_without_steps(tmp_path: Path) -> None:
    builder = GraphBuilder(1)
    graph = builder.graph([builder.reshape(builder.input(2, 3, 4), 24)])
    samples = builder.samples(3)
    compiled = CompiledNetwork(generate(plan(graph), "net", target_name="host"), tmp_path)
    np.testing.assert_array_equal(compiled.run(samples)[graph.outputs[0]], samples["input"].reshape(3, 24))


def test_what_a_runner_is_told() -> None:
    builder = small()
    made = plan(last_outputs(builder))
    generated = generate(made, "net", target_name="host")
    assert generated.name == "net"
    assert tuple(generated.files) == ("net.h", "net.c")
    assert all(text.startswith(MARKER + "\n") and text.isascii() for text in generated.files.values())
    assert generated.arena_bytes == made.arena_bytes
    assert f"#define NET_ARENA_BYTES {made.arena_bytes}\n" in generated.files["net.h"]
    assert [(t.rows, t.row_bytes) for t in generated.tapped] == [(6, 25), (3, 10), (1, 3), (1, 3)]
    assert generated.steps == ("conv_0", "maxpool_1", "dense_3", "softmax_4")
    (port,) = generated.inputs
    assert (port.name, port.size_bytes, port.offset_bytes) == ("input", 60, made.places["input"].offset_bytes)


def test_constants_bytes() -> None:
    builder = GraphBuilder(1)
    graph = builder.graph([builder.dense(builder.input(10), 3)])
    assert constants_bytes(generate(plan(graph), "net", target_name="host")) == 3 * 10 + 3 * (4 + 4 + 1)
    header = generated_sampler().files["net.h"]
    assert f"{constants_bytes(generated_sampler()):,} bytes of constants" in header


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(OutputError):
        generate(plan(last_outputs(small())), "Not-C", target_name="host")


def test_steps_of_a_node_share_their_padding() -> None:
    made = spacious_plan(last_outputs(small()))
    conv, *rest = made.steps
    assert conv.padding is not None
    other = replace(conv, first_row=3, padding=replace(conv.padding, offset_bytes=0))
    with pytest.raises(ValueError, match="same padding"):
        generate(replace(made, steps=(replace(conv, last_row=3), other, *rest)), "net", target_name="host")
