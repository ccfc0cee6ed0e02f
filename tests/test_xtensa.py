"""The ESP8266's board: faults are reported, and the arithmetic that stands for the chip's ROM is right."""

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from tiny_network import changed, some_inputs

from tinycnn.errors import ToolError
from tinycnn.runners import run_emulated
from tinycnn.target import load_target
from tinycnn.toml_table import targets_folder


@pytest.mark.parametrize(
    "statement",
    [
        '__asm__ volatile ("ill");',
        "memory[1] = *(volatile int8_t *)0x20000000;",
    ],
)
def test_faults_are_reported(statement: str) -> None:
    """An invalid instruction, and an address without memory."""
    needs("xtensa-lx106-elf-gcc", "qemu-system-xtensa")
    with pytest.raises(ToolError, match=r"tiny on the emulated esp8266 failed: .*stopped with a processor fault"):
        run_emulated(changed("TINY_STEP(1);", statement), some_inputs(1), load_target("esp8266"))


def quotient(a: int, b: int) -> int:
    """As C: towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


@pytest.mark.parametrize(
    ("name", "bits", "signed", "expected"),
    [
        ("__umulsidi3", 32, False, lambda a, b: a * b),
        ("__muldi3", 64, True, lambda a, b: a * b),
        ("__udivsi3", 32, False, lambda a, b: a // b),
        ("__divsi3", 32, True, quotient),
        ("__udivdi3", 64, False, lambda a, b: a // b),
        ("__divdi3", 64, True, quotient),
    ],
)
def test_arithmetic_of_the_rom(
    name: str, bits: int, signed: bool, expected: Callable[[int, int], int], tmp_path: Path
) -> None:
    needs("gcc")
    source = targets_folder() / "boards/xtensa-lx60/rom.c"
    subprocess.run(["gcc", "-std=c99", "-O1", "-shared", "-fPIC", str(source), "-o", tmp_path / "rom.so"], check=True)
    function = getattr(ctypes.CDLL(str(tmp_path / "rom.so")), name)
    of = {(32, False): ctypes.c_uint32, (32, True): ctypes.c_int32, (64, False): ctypes.c_uint64}
    kind = of.get((bits, signed), ctypes.c_int64)
    function.argtypes = (kind, kind)
    function.restype = {"__umulsidi3": ctypes.c_uint64}.get(name, kind)
    random = np.random.default_rng(0)
    lowest = -(2 ** (bits - 1)) if signed else 0
    edges = [lowest, lowest + 1, 1, 2, 3, 2**16 - 1, 2**16, 2 ** (bits - 1) - 1, lowest + 2**bits - 1]
    numbers = edges + [
        int(n) >> int(s)
        for n, s in zip(
            random.integers(lowest, lowest + 2**bits - 1, 40, np.int64 if signed else np.uint64),
            random.integers(0, bits - 1, 40),
            strict=True,
        )
    ]
    for a in numbers:
        for b in numbers:
            if (b == 0 and "div" in name) or (a, b) == (lowest, -1):
                continue
            assert function(a, b) == function.restype(expected(a, b)).value, (a, b)
