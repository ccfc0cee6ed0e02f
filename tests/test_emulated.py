"""Runners of emulated machines: bytes, instructions, stack and what goes wrong, on a network written by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from tiny_network import HEADER, ROW_BYTES, ROWS, TINY, assert_same, changed, expected, some_inputs

from tinycnn.errors import ToolError
from tinycnn.runners import (
    InstructionCount,
    count_instructions,
    measure_code,
    run_emulated,
    toolchain,
)
from tinycnn.runners.elf import read_elf
from tinycnn.runners.emulated import build_image, run_image
from tinycnn.runners.harness import pack_inputs
from tinycnn.target import Target, load_target
from tinycnn_codegen.generated import ArenaBuffer


@pytest.fixture
def cortex_m4() -> Target:
    needs("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    return load_target("cortex-m4")


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
    # Cortex-M4 TRM, 3.3.1: a taken branch adds 2, PUSH and POP take 1 + N; 3.3.2: the store waits for its address.
    assert count.cycles_per_step == (1 + 1 + 5 * 2 + 4 * 2, 3 + 1 + 2 + 1 + 3 + 5 + 3)
    assert count.cycles == 20 + 18
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
