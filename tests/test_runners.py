"""Runners: a network written by hand in place of a generated one: known bytes, instructions and faults."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from tinycnn.errors import DataError, ToolError
from tinycnn.runners import (
    InstructionCount,
    count_instructions,
    install_line,
    measure_code,
    missing_tools,
    run_emulated,
    run_on_host,
    toolchain,
)
from tinycnn.runners.elf import read_elf
from tinycnn.runners.emulated import build_image, run_image
from tinycnn.runners.harness import pack_inputs, unpack_results
from tinycnn.runners.size import deepest_stack_bytes
from tinycnn.target import Target, load_target
from tinycnn_codegen.generated import ArenaBuffer, Generated, TappedTensor

Int8Array = npt.NDArray[np.int8]

ROWS, ROW_BYTES = 4, 3

HEADER = """
#ifndef TINY_H
#define TINY_H
#include <stdint.h>
#define TINY_ARENA_BYTES 64
typedef union { int32_t align; int8_t bytes[TINY_ARENA_BYTES]; } tiny_arena_t;
void tiny_run(tiny_arena_t *arena);
#endif
"""

# in (4 rows of 3) at 0, gain (1) at 12; flipped = ~in at 16; out = flipped * gain, low byte, at 32.
SOURCE = """
#include "tiny.h"

#ifndef TINY_TAP
#define TINY_TAP(tensor, row, pointer, bytes) ((void)0)
#endif
#ifndef TINY_STEP
#define TINY_STEP(step) ((void)0)
#endif

enum { IN_AT = 0, GAIN_AT = 12, FLIPPED_AT = 16, OUT_AT = 32 };

static const int8_t offsets[3] = {1, 2, 3};

static void flip_row(const int8_t *in, int8_t *out)
{
    int32_t i;

    for (i = 0; i < 3; i++) {
        out[i] = (int8_t)(-1 - in[i]);
    }
}

static void scale_row(const int8_t *in, int8_t gain, int8_t *out)
{
    int32_t i;

    for (i = 0; i < 3; i++) {
        out[i] = (int8_t)(((int32_t)in[i] * gain + offsets[i]) / 256);
    }
}

void tiny_run(tiny_arena_t *arena)
{
    int8_t *const memory = arena->bytes;
    int32_t row;

    TINY_STEP(0);
    for (row = 0; row < 4; row++) {
        flip_row(memory + IN_AT + 3 * row, memory + FLIPPED_AT + 3 * row);
        TINY_TAP(0, row, memory + FLIPPED_AT + 3 * row, 3);
    }
    TINY_STEP(1);
    for (row = 0; row < 4; row++) {
        scale_row(memory + FLIPPED_AT + 3 * row, memory[GAIN_AT], memory + OUT_AT + 3 * row);
        TINY_TAP(1, row, memory + OUT_AT + 3 * row, 3);
    }
}
"""

TINY = Generated(
    name="tiny",
    files={"tiny.h": HEADER, "tiny.c": SOURCE},
    arena_bytes=64,
    inputs=(ArenaBuffer("in", 0, 12), ArenaBuffer("gain", 12, 1)),
    outputs=(ArenaBuffer("out", 32, 12),),
    tapped=(TappedTensor("flipped", ROWS, ROW_BYTES), TappedTensor("out", ROWS, ROW_BYTES)),
    steps=("flip", "scale"),
)


def changed(old: str, new: str) -> Generated:
    """TINY with other C."""
    assert old in SOURCE
    return replace(TINY, files={"tiny.h": HEADER, "tiny.c": SOURCE.replace(old, new)})


def some_inputs(inferences: int = 5) -> tuple[Int8Array, Int8Array]:
    random = np.random.default_rng(20)
    return (
        random.integers(-128, 128, (inferences, ROWS, ROW_BYTES), np.int8),
        random.integers(-128, 128, (inferences, 1), np.int8),
    )


def expected(inputs: tuple[Int8Array, Int8Array]) -> dict[str, Int8Array]:
    """What TINY computes, by other means: ~x is -1 - x; C truncates a quotient towards zero."""
    flipped = ~inputs[0]
    scaled = flipped.astype(np.int64) * inputs[1][:, :, None] + np.array([1, 2, 3])
    out = np.trunc(scaled / 256).astype(np.int8)
    return {"flipped": flipped.reshape(-1, 12), "out": out.reshape(-1, 12)}


@pytest.fixture
def cortex_m4() -> Target:
    needs("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    return load_target("cortex-m4")


def assert_same(actual: dict[str, Int8Array], wanted: dict[str, Int8Array]) -> None:
    assert list(actual) == list(wanted)
    for name, array in wanted.items():
        assert actual[name].dtype == np.int8
        assert actual[name].shape == array.shape
        assert np.array_equal(actual[name], array), name


# The host


@pytest.mark.parametrize(("compiler", "sanitize"), [("gcc", False), ("gcc", True), ("clang", False)])
def test_the_host_gives_every_tensor_of_every_inference(compiler: str, sanitize: bool) -> None:
    needs(compiler)
    inputs = some_inputs()
    result = run_on_host(TINY, inputs, compiler=compiler, sanitize=sanitize)
    wanted = expected(inputs)
    assert_same(result.tensors, wanted)
    assert_same(result.outputs, {"out": wanted["out"]})
    assert result.stack_bytes is None


def test_the_host_finds_a_compiler_by_itself() -> None:
    needs("cc")
    inputs = some_inputs(1)
    assert_same(run_on_host(TINY, inputs).tensors, expected(inputs))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("memory[64 + (row & 4)] = 1;", "(AddressSanitizer|out of bounds)"),
        (
            "row = memory[GAIN_AT] + 0x7FFFFF00; row += 1000; memory[1] = (int8_t)(row & 3);",
            "integer overflow",
        ),
    ],
)
def test_sanitizers_stop_at_undefined_behaviour(statement: str, message: str) -> None:
    needs("gcc")
    undefined = changed("TINY_STEP(1);", statement)
    with pytest.raises(ToolError, match=f"(?s)running tiny on this machine.*{message}"):
        run_on_host(undefined, some_inputs(1), compiler="gcc", sanitize=True)


def test_memory_that_was_never_written_differs_between_inferences() -> None:
    needs("cc")
    reads_garbage = changed("memory[GAIN_AT], memory", "memory[60], memory")
    twice = tuple(np.repeat(array, 2, axis=0) for array in some_inputs(1))
    outputs = run_on_host(reads_garbage, twice).outputs["out"]
    assert not np.array_equal(outputs[0], outputs[1])


def test_outputs_are_those_of_the_build_without_taps() -> None:
    needs("cc")
    plain = changed("#define TINY_TAP(", "#define PLAIN\n#define TINY_TAP(").files["tiny.c"]
    text = plain.rstrip().removesuffix("}") + "#ifdef PLAIN\n    memory[OUT_AT] = 7;\n#endif\n}\n"
    inputs = some_inputs(2)
    result = run_on_host(replace(TINY, files={"tiny.h": HEADER, "tiny.c": text}), inputs)
    assert_same(result.tensors, expected(inputs))
    assert result.outputs["out"][:, 0].tolist() == [7, 7]


# What a wrong program is told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "TINY_TAP(1, row,",
            "if (row != 2) TINY_TAP(1, row,",
            "row 2 of out was computed 0 times instead of once",
        ),
        ("TINY_TAP(1, row,", "TINY_TAP(1, row / 2,", "row 0 of out was computed 2 times instead of once"),
        ("TINY_TAP(1, row,", "TINY_TAP(1, row + 1,", "a row that does not exist .tensor 1, row 4, 3 bytes"),
        ("TINY_TAP(1, row,", "TINY_TAP(2, row,", "a row that does not exist .tensor 2, row 0, 3 bytes"),
        (
            "OUT_AT + 3 * row, 3)",
            "OUT_AT + 3 * row, 2)",
            "a row that does not exist .tensor 1, row 0, 2 bytes",
        ),
    ],
)
def test_a_row_that_does_not_arrive_exactly_once_is_an_error(old: str, new: str, message: str) -> None:
    needs("cc")
    with pytest.raises(ToolError, match=f"tiny did not run as planned: .*{message}"):
        run_on_host(changed(old, new), some_inputs(2))


def test_results_that_are_cut_off_are_an_error() -> None:
    record = np.array([0xFFFFFFFF, 0, 12], "<u4").tobytes() + bytes(12)
    assert unpack_results(TINY, record, 1, tapped=False)[1]["out"].shape == (1, 12)
    for data, message in (
        (record[:-1], "cut off"),
        (record[:7], "cut off"),
        (b"", "results of 0 inferences instead of 1"),
        (record + record, "more results than inferences"),
        (record[:8] + b"\x0b" + record[9:-1], "11 bytes of outputs instead of 12"),
    ):
        with pytest.raises(ToolError, match=message):
            unpack_results(TINY, data, 1, tapped=False)


def test_a_warning_is_an_error_and_shows_the_compilers_words() -> None:
    needs("gcc")
    with pytest.raises(ToolError, match=r"(?s)gcc ended with status 1 while compiling tiny\.c:.*conversion"):
        run_on_host(changed("(int8_t)(-1 - in[i])", "in[i] + i"), some_inputs(1), compiler="gcc")


def test_a_crash_is_named() -> None:
    needs("cc")
    with pytest.raises(ToolError, match="program was stopped by signal"):
        run_on_host(changed("TINY_STEP(1);", "__builtin_trap();"), some_inputs(1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image, gain: (image,), "tiny has 2 inputs, but 1 arrays were given"),
        (lambda image, gain: (image, gain[:2]), "Input gain of tiny must be int8 with 3 times 1 values"),
        (lambda image, gain: (image[:, :2], gain), "Input in of tiny must be int8 with 3 times 12 values"),
        (
            lambda image, gain: (image.astype(np.int16), gain),
            r"Input in of tiny must be int8 .* but is int16",
        ),
        (lambda image, gain: (image[:0], gain[:0]), "nothing to run tiny on"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    spoil: Callable[[Int8Array, Int8Array], tuple[Int8Array, ...]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        pack_inputs(TINY, spoil(*some_inputs(3)))


# The emulated Cortex-M4


def test_the_emulated_cortex_m4_gives_every_tensor_of_every_inference(cortex_m4: Target) -> None:
    inputs = some_inputs()
    result = run_emulated(TINY, inputs, cortex_m4)
    wanted = expected(inputs)
    assert_same(result.tensors, wanted)
    assert_same(result.outputs, {"out": wanted["out"]})


ASSEMBLY = """
#include "tiny.h"
__asm__(
    ".syntax unified\\n"
    ".thumb\\n"
    ".global tiny_run\\n"
    ".type tiny_run, %function\\n"
    "tiny_run:\\n"
    "    movs r1, #5\\n"           /* entry belongs to the first step */
    "tinycnn_step_0_0:\\n"
    "    nop\\n"
    "0:  subs r1, r1, #1\\n"       /* 5 times 2 */
    "    bne 0b\\n"
    "tinycnn_step_1_0:\\n"
    "    push {r1, lr}\\n"         /* 8 bytes of stack */
    "    sub sp, #32\\n"           /* and 32, of which only the lowest word is written */
    "    str r1, [sp]\\n"
    "    add sp, #32\\n"
    "    bl helper\\n"
    "    pop {r1, pc}\\n"
    "    .type helper, %function\\n"
    "helper:\\n"
    "    bx lr\\n"
    "    .size tiny_run, . - tiny_run\\n"
);
"""
COUNTED_BY_HAND = replace(TINY, files={"tiny.h": HEADER, "tiny.c": ASSEMBLY}, tapped=())


def test_instructions_are_those_counted_by_hand(cortex_m4: Target) -> None:
    count = count_instructions(COUNTED_BY_HAND, some_inputs(1), cortex_m4)
    assert count.total == 1 + 1 + 5 * 2 + 6 + 1
    # The first build has the same labels here, but is not asked for them.
    assert count.per_step == (1 + 1 + 5 * 2, 6 + 1)
    assert count.unattributed == 0
    # Cortex-M4 TRM, 3.3.1: a taken branch adds 2, PUSH and POP take 1 + N.
    assert count.cycles_per_step == (1 + 1 + 5 * 2 + 4 * 2, 3 + 1 + 1 + 1 + 3 + 5 + 3)
    assert count.cycles == 20 + 17
    assert not count.cycles_are_exact


def test_stack_is_that_counted_by_hand(cortex_m4: Target) -> None:
    result = run_emulated(COUNTED_BY_HAND, some_inputs(2), cortex_m4)
    assert result.stack_bytes == 8 + 32


def test_instructions_repeat_exactly_and_steps_add_up(cortex_m4: Target) -> None:
    inputs = some_inputs(1)
    for optimize in ("-Os", "-O2"):
        count = count_instructions(TINY, inputs, cortex_m4, optimize=optimize)
        assert count_instructions(TINY, inputs, cortex_m4, optimize=optimize) == count
        assert len(count.per_step) == 2
        assert min(count.per_step) > ROWS * ROW_BYTES
        assert sum(count.per_step) == count.total
        assert count.unattributed == 0


def test_instructions_are_those_that_the_emulator_logs(cortex_m4: Target, tmp_path: Path) -> None:
    """Another way to count: QEMU's own log of all blocks that it executes, of one instruction each."""
    inputs = some_inputs(1)
    image = build_image(TINY, cortex_m4, "none", "-O2", tmp_path)
    network = [symbol for symbol in read_elf(image).symbols if symbol.name in ("tiny_run", "flip_row", "scale_row")]
    ranges = ",".join(f"{symbol.address:#x}+{symbol.size_bytes:#x}" for symbol in network)
    old = toolchain.version("qemu-system-arm").startswith("QEMU emulator version 7.")
    one_by_one = ["-singlestep"] if old else ["-accel", "tcg,one-insn-per-tb=on"]
    log = ["-d", "exec,nochain", "-dfilter", ranges, "-D", "exec.log"]
    run_image(TINY, cortex_m4, pack_inputs(TINY, inputs)[0], tmp_path, [*one_by_one, *log])
    lines = (tmp_path / "exec.log").read_text(encoding="ascii").splitlines()
    executed = sum(line.startswith("Trace ") for line in lines)
    assert executed == count_instructions(TINY, inputs, cortex_m4).total


def test_instructions_are_those_of_the_first_input(cortex_m4: Target) -> None:
    early = changed("TINY_STEP(1);", "TINY_STEP(1);\n    if (memory[GAIN_AT] == 0) {\n        return;\n    }")

    def count(*gains: int) -> InstructionCount:
        image = np.zeros((len(gains), ROWS, ROW_BYTES), np.int8)
        return count_instructions(early, (image, np.array(gains, np.int8)), cortex_m4)

    assert count(0) == count(0, 5)
    assert count(0).per_step[1] < count(5).per_step[1]


def test_a_step_without_instructions_counts_none(cortex_m4: Target) -> None:
    empty = replace(changed("TINY_STEP(1);", "TINY_STEP(1); TINY_STEP(2);"), steps=("flip", "nothing", "scale"))
    count = count_instructions(empty, some_inputs(1), cortex_m4)
    plain = count_instructions(TINY, some_inputs(1), cortex_m4)
    assert count.per_step == (plain.per_step[0], 0, plain.per_step[1])


def test_stack_measured_is_at_most_the_static_worst_path(cortex_m4: Target) -> None:
    deep = changed(
        "    TINY_STEP(0);",
        "    volatile int8_t scratch[300];\n    scratch[0] = 1;\n    (void)scratch[0];\n    TINY_STEP(0);",
    )
    size = measure_code(deep, cortex_m4, optimize="-O2")
    measured = run_emulated(deep, some_inputs(1), cortex_m4).stack_bytes
    assert size.stack_bytes is not None
    assert measured is not None
    assert 300 <= measured <= size.stack_bytes < 400


MEMORY = """
#include "tiny.h"

void *memcpy(void *to, const void *from, uint32_t bytes);
void *memset(void *to, int value, uint32_t bytes);

void tiny_run(tiny_arena_t *arena)
{
    int8_t *const memory = arena->bytes;
    volatile uint32_t bytes = 46; /* or the compiler would not call */

    memset(memory + 16, 9, bytes);
    bytes = 7;
    memset(memory + 17, -7, bytes);
    memcpy(memory + 45, memory + 2, bytes);
    bytes = 11;
    memcpy(memory + 32, memory, bytes);
}
"""


def test_memcpy_and_memset_of_the_board(cortex_m4: Target) -> None:
    """Whole words and single bytes; the compiler must not turn their loops into calls of themselves."""
    buffers = (ArenaBuffer("all", 16, 46),)
    network = replace(TINY, files={"tiny.h": HEADER, "tiny.c": MEMORY}, tapped=(), outputs=buffers)
    assert measure_code(network, cortex_m4).library_symbols == ("memcpy", "memset")
    inputs = some_inputs(1)
    memory = np.full(62, 9, np.int8)
    memory[:12] = inputs[0].ravel()
    memory[17:24] = -7
    memory[45:52] = memory[2:9]
    memory[32:43] = memory[:11]
    outputs = run_emulated(network, inputs, cortex_m4).outputs["all"]
    assert np.array_equal(outputs[0], memory[16:])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TINY_STEP(1);", '__asm__ volatile ("udf #0");', "stopped with a processor fault"),
        (
            "TINY_STEP(1);",
            "*(volatile int8_t *)0xE0000000 = *(volatile int8_t *)0x90000000;",
            "processor fault",
        ),
        (
            "    TINY_STEP(0);",
            "    volatile int8_t big[70000]; for (row = 0; row < 70000; row++) { big[row] = big[0]; }",
            "more stack than the board has",
        ),
    ],
)
def test_an_emulated_program_that_fails_says_why(cortex_m4: Target, old: str, new: str, message: str) -> None:
    with pytest.raises(ToolError, match=f"Running tiny on the emulated cortex-m4 failed: .*{message}"):
        run_emulated(changed(old, new), some_inputs(1), cortex_m4)


@pytest.mark.parametrize(("flash_bytes", "ram_bytes", "region"), [(600, 4096, "flash"), (65536, 1000, "RAM")])
def test_an_image_over_the_budget_does_not_link(
    cortex_m4: Target, flash_bytes: int, ram_bytes: int, region: str
) -> None:
    small = replace(cortex_m4, flash_bytes=flash_bytes, ram_bytes=ram_bytes)
    with pytest.raises(ToolError, match=f"tiny does not fit cortex-m4: .* bytes over its [0-9,]+ bytes of {region}"):
        run_emulated(TINY, some_inputs(1), small)


def test_an_image_just_within_the_budget_runs(cortex_m4: Target) -> None:
    inputs = some_inputs(2)
    small = replace(cortex_m4, flash_bytes=2048, ram_bytes=1200)
    assert_same(run_emulated(TINY, inputs, small).tensors, expected(inputs))


def test_library_calls_other_than_memcpy_and_memset_do_not_link(cortex_m4: Target) -> None:
    calls = changed("    TINY_STEP(0);", '    extern int puts(const char *);\n    puts("");\n    TINY_STEP(0);')
    with pytest.raises(ToolError, match=r"(?s)linking tiny.*undefined reference to `puts'"):
        run_emulated(calls, some_inputs(1), cortex_m4)


def test_a_target_without_emulator_says_so() -> None:
    with pytest.raises(ToolError, match="The target host has no emulator"):
        run_emulated(TINY, some_inputs(1), load_target("host"))


# Code size


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


# Tools


def test_missing_tools_and_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # neither zig nor unicorn
    target = load_target("cortex-m4")
    assert missing_tools(target) == ("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    assert install_line(target) == "apt-get install gcc-arm-none-eabi qemu-system-arm gcc"
    with pytest.raises(
        ToolError, match=r"arm-none-eabi-gcc is not installed: apt-get .* pip install 'tinycnn.emulate.'"
    ):
        run_emulated(TINY, some_inputs(1), target)
    with pytest.raises(ToolError, match="avr-gcc is not installed: apt-get install gcc-avr gives it"):
        measure_code(TINY, load_target("atmega2560"))
    with pytest.raises(ToolError, match=r"No C compiler was found .* apt-get install gcc gives one"):
        run_on_host(TINY, some_inputs(1))


def test_nothing_is_missing_where_the_tools_are(cortex_m4: Target) -> None:
    assert missing_tools(cortex_m4) == ()
    assert install_line(cortex_m4) == ""


def test_the_environments_compiler_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "owncc"
    own.write_text("#!/bin/sh\n", encoding="ascii")
    own.chmod(0o755)
    monkeypatch.setenv("CC", str(own))
    assert toolchain.host_compiler() == str(own)
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    assert toolchain.host_compiler() != str(tmp_path / "none")


def test_a_program_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(ToolError, match=r"did not end within 0\.05 seconds while waiting for ever"):
        toolchain.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, "waiting for ever")


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs("cc")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_on_host(TINY, some_inputs(1))
    assert list(tmp_path.iterdir()) == []
