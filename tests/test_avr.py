"""Instructions of an AVR, which simavr counts, against those that QEMU executes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from needs import needs
from tiny_network import TINY, some_inputs

from tinycnn.runners import count_instructions, toolchain
from tinycnn.runners.elf import read_elf
from tinycnn.target import load_target

MAIN = """
#include "tiny.h"

int main(void);

int main(void)
{
    static tiny_arena_t arena;

    tiny_run(&arena);
    for (;;) {
    }
}
"""
EXECUTED = re.compile(r"^Trace .*\[\w+/(\w+)/(\w+)/\w+\]")
SKIPPED = 2
"""QEMU's flag of an instruction that a skip before it, such as SBRC, keeps from being executed."""


def test_instructions_are_those_that_qemu_executes(tmp_path: Path) -> None:
    target = load_target("atmega2560")
    assert target.compiler is not None
    needs(target.compiler.command, "simavr", "qemu-system-avr")
    zeros = tuple(np.zeros_like(array) for array in some_inputs(1))
    for name, text in {**TINY.files, "main.c": MAIN}.items():
        (tmp_path / name).write_text(text)
    command = [
        target.compiler.command,
        *target.compiler.flags,
        "-std=c99",
        "-O2",
        "tiny.c",
        "main.c",
        "-o",
        "image.elf",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    functions = {symbol.name: symbol for symbol in read_elf(tmp_path / "image.elf").symbols}
    begin, main = functions["tiny_run"].address, functions["main"]
    executed = 0
    for address, flags in trace(tmp_path / "image.elf"):
        if main.address <= address < main.address + main.size_bytes and executed:
            break
        executed += bool(executed or address == begin) and not flags & SKIPPED
    assert executed == count_instructions(TINY, zeros, target).total > 100


def trace(image: Path) -> Iterator[tuple[int, int]]:
    """Address and flags of every instruction that comes by, without end."""
    old = toolchain.version("qemu-system-avr").startswith("QEMU emulator version 7.")
    one_by_one = ["-singlestep"] if old else ["-accel", "tcg,one-insn-per-tb=on"]
    command = ["qemu-system-avr", "-machine", "mega2560", "-nodefaults", "-display", "none", *one_by_one]
    with subprocess.Popen(
        [*command, "-d", "exec,nochain", "-D", "/dev/stdout", "-bios", str(image)], stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        try:
            for line in emulator.stdout:
                if found := EXECUTED.match(line):
                    yield int(found[1], 16), int(found[2], 16)
        finally:
            emulator.kill()
