"""Tests that need a program: skipped where it is missing, with the line that installs it."""

import os
import shutil

import pytest

_PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-objdump": "binutils-arm-none-eabi",
    "avr-gcc": "gcc-avr",
    "cc": "gcc",
    "simavr": "simavr libsimavr-dev libelf-dev avr-libc",
    "xtensa-lx106-elf-gcc": "gcc-xtensa-lx106",
    "objdump": "binutils",
    "powerpc-linux-gnu-gcc": "gcc-powerpc-linux-gnu",
    "powerpc-linux-gnu-objdump": "binutils-powerpc-linux-gnu",
    "qemu-i386": "qemu-user",
    "qemu-ppc": "qemu-user",
    "qemu-system-avr": "qemu-system-misc",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-system-xtensa": "qemu-system-misc",
    "qemu-x86_64": "qemu-user",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "riscv64-unknown-elf-objdump": "binutils-riscv64-unknown-elf",
}


def needs(*programs: str) -> None:
    """Skip the running test unless all `programs` are installed; with TINYCNN_NO_SKIP=1 it fails instead."""
    missing = [program for program in programs if not shutil.which(program)]
    if not missing:
        return
    packages = dict.fromkeys(_PACKAGES.get(program, program) for program in missing)
    reason = f"needs {', '.join(missing)}: apt-get install {' '.join(packages)}"
    if os.environ.get("TINYCNN_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
