"""What a compiler made of a network: bytes of its sections, symbols, and the deepest chain of calls."""

import re
from dataclasses import replace

import pytest
from int8_graphs import GraphBuilder, spacious_plan
from needs import needs
from tiny_network import HEADER, SOURCE, TINY, changed

from tinycnn.errors import ToolError
from tinycnn.ops import Window
from tinycnn.runners import (
    measure_code,
)
from tinycnn.runners.size import deepest_stack_bytes
from tinycnn.target import load_target
from tinycnn_codegen import generate


@pytest.mark.parametrize("name", ["cortex-m4", "rp2040", "dsp32c-486", "host"])
def test_code_is_measured(name: str) -> None:
    target = load_target(name)
    assert target.compiler is not None
    needs(target.compiler.command)
    size = measure_code(TINY, target)
    assert 50 < size.code_bytes < 400
    assert size.constants_bytes == 3
    assert size.data_bytes == 0
    assert size.library_symbols == ()
    assert re.search(r"\d+\.\d+", size.compiler)
    assert size.stand_in == (name == "dsp32c-486")


@pytest.mark.parametrize("name", ["cortex-m4", "rp2040", "dsp32c-486", "host"])
def test_sections_and_symbols_are_told_apart(name: str) -> None:
    target = load_target(name)
    assert target.compiler is not None
    needs(target.compiler.command)
    more = changed(
        "static const int8_t offsets[3]",
        "extern int8_t other(int8_t);\nstatic int32_t kept = 5;\nstatic int32_t zeroed[7];\n"
        "extern const int16_t table[50];\nconst int16_t table[50] = {1};\n"
        "static const int8_t offsets[3]",
    )
    text = (
        more.files["tiny.c"]
        .replace(
            "    TINY_STEP(0);",
            "    kept += memory[0]; zeroed[kept & 3] = kept; memory[1] = other(memory[1]);",
        )
        .replace("    TINY_STEP(1);", "    memory[2] = (int8_t)zeroed[row & 3];")
    )
    size = measure_code(replace(more, files={"tiny.h": HEADER, "tiny.c": text}), target)
    assert size.constants_bytes >= 103
    assert size.data_bytes == 4 + 28
    assert size.library_symbols == ("other",)


def test_symbols_that_another_file_of_the_network_defines_are_none_of_the_library() -> None:
    needs("gcc")
    calls = SOURCE.replace("\nenum {", "\nvoid helper(void);\nenum {").replace("    TINY_STEP(0);", "    helper();")
    files = {"tiny.h": HEADER, "tiny.c": calls, "helper.c": "void helper(void);\nvoid helper(void)\n{\n}\n"}
    size = measure_code(replace(TINY, files=files), load_target("host"))
    assert size.library_symbols == ()


GRAPH = r"""graph: { title: "a.c"
node: { title: "a.c:leaf" label: "leaf\na.c:1:1\n40 bytes (static)" }
node: { title: "middle" label: "middle\na.c:2:1\n16 bytes (static)" }
node: { title: "net_run" label: "net_run\na.c:3:1\n24 bytes (dynamic,bounded)" }
node: { title: "memcpy" label: "__builtin_memcpy\n<built-in>" shape : ellipse }
edge: { sourcename: "middle" targetname: "a.c:leaf" label: "a.c:2:20" }
edge: { sourcename: "net_run" targetname: "middle" label: "a.c:3:20" }
edge: { sourcename: "net_run" targetname: "a.c:leaf" label: "a.c:3:30" }
edge: { sourcename: "net_run" targetname: "memcpy" label: "a.c:3:40" }
}
"""


def test_the_deepest_chain_of_calls_is_the_static_stack() -> None:
    assert deepest_stack_bytes(GRAPH, "net_run") == 24 + 16 + 40
    assert deepest_stack_bytes(GRAPH, "middle") == 16 + 40


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"middle" targetname: "a.c:leaf"',
            '"middle" targetname: "net_run"',
            "has no limit: net_run calls itself",
        ),
        (
            '"middle" targetname: "a.c:leaf"',
            '"middle" targetname: "__indirect_call"',
            "middle calls .* a pointer",
        ),
        ("16 bytes (static)", "16 bytes (dynamic)", "the frame of middle has no fixed size"),
        ('title: "net_run"', 'title: "other_run"', "does not hold the function net_run"),
    ],
)
def test_a_stack_without_a_known_limit_is_an_error(old: str, new: str, message: str) -> None:
    assert old in GRAPH
    with pytest.raises(ToolError, match=message):
        deepest_stack_bytes(GRAPH.replace(old, new), "net_run")


@pytest.mark.parametrize("groups", [1, 8])
def test_many_layers_share_a_convolution_whatever_the_optimization(groups: int) -> None:
    """A position of a convolution takes more than 600 bytes, which no further layer may bring along at -O3."""
    target = load_target("cortex-m4")
    assert target.compiler is not None
    needs(target.compiler.command)

    def code_bytes(layers: int) -> int:
        builder = GraphBuilder(1)
        x = builder.input(9, 9, 8)
        for _ in range(layers):
            x = builder.conv(x, 8, Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), False), groups)
        generated = generate(spacious_plan(builder.graph([x])), "net", target_name="cortex-m4")
        return measure_code(generated, target, optimize="-O3").code_bytes

    assert code_bytes(6) < code_bytes(3) + 3 * 500
