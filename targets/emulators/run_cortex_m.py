"""Runs an image on unicorn, a Cortex-M emulator from PyPI, with semihosting, and counts.

    python run_cortex_m.py [MARKS COUNTS] MODEL IMAGE

It stands in for QEMU's boards where only PyPI is at hand: it has the processor, memory at the two addresses at which
the boards have it, and the four semihosting operations of port_semihosting.c. With the two files it counts the
instructions of every step as count_instructions.c does, in the same formats.
"""

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import unicorn
from unicorn import arm_const

MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
}
FLASH_ORIGIN, RAM_ORIGIN, MEMORY_BYTES = 0x0000_0000, 0x2000_0000, 16 << 20
SYSTEM_ORIGIN, SYSTEM_BYTES = 0xE000_E000, 0x1000  # registers of the processor, here without function
BREAKPOINT = 7  # number of the exception in QEMU, whose processor unicorn has
STATUS_FAULT, STATUS_FILE = 2, 3
OPEN, WRITE, READ, EXIT_EXTENDED = 0x01, 0x05, 0x06, 0x20
WRITE_BINARY = 5


class Machine:
    """A processor with an image in memory."""

    def __init__(self, model: str, image: bytes) -> None:
        self.cpu = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self.cpu.ctl_set_cpu_model(MODELS[model])
        self.cpu.mem_map(FLASH_ORIGIN, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.cpu.mem_map(RAM_ORIGIN, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.cpu.mem_map(SYSTEM_ORIGIN, SYSTEM_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.status = STATUS_FAULT
        self.files: list[BinaryIO] = []
        for address, content in loaded_segments(image):
            self.cpu.mem_write(address, content)
        self.cpu.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)

    def run(self) -> int:
        """From reset to the end of the program; returns its status."""
        stack_top, reset = struct.unpack("<II", self.cpu.mem_read(FLASH_ORIGIN, 8))
        self.cpu.reg_write(arm_const.UC_ARM_REG_SP, stack_top)
        try:
            self.cpu.emu_start(reset | 1, 0xFFFF_FFFF)
        except unicorn.UcError:
            self.status = STATUS_FAULT
        for file in self.files:
            file.close()
        return self.status

    def _on_exception(self, cpu: unicorn.Uc, number: int, _: object) -> None:
        if number != BREAKPOINT:
            self._stop(STATUS_FAULT)
            return
        block = cpu.reg_read(arm_const.UC_ARM_REG_R1)
        words = struct.unpack("<III", cpu.mem_read(block, 12))
        result = self._call(cpu.reg_read(arm_const.UC_ARM_REG_R0), *words)
        cpu.reg_write(arm_const.UC_ARM_REG_R0, result & 0xFFFF_FFFF)
        cpu.reg_write(arm_const.UC_ARM_REG_PC, cpu.reg_read(arm_const.UC_ARM_REG_PC) + 2 | 1)

    def _call(self, operation: int, first: int, second: int, third: int) -> int:
        """One semihosting operation on the words of its block; returns its result."""
        if operation == OPEN:
            name = self.cpu.mem_read(first, third).decode("ascii")
            if name not in ("inputs.bin", "results.bin"):
                return -1
            self.files.append(open(name, "wb" if second == WRITE_BINARY else "rb"))  # noqa: SIM115 - closed by run
            return len(self.files)
        if operation == WRITE:
            return third - self.files[first - 1].write(self.cpu.mem_read(second, third))
        if operation == READ:
            content = self.files[first - 1].read(third)
            self.cpu.mem_write(second, content)
            return third - len(content)
        self._stop(second if operation == EXIT_EXTENDED else STATUS_FAULT)
        return 0

    def _stop(self, status: int) -> None:
        self.status = status
        self.cpu.emu_stop()


def loaded_segments(image: bytes) -> list[tuple[int, bytes]]:
    """Physical addresses and contents of the loaded parts of a 32-bit ELF file."""
    (table,) = struct.unpack_from("<I", image, 28)
    entry_bytes, count = struct.unpack_from("<HH", image, 42)
    found = []
    for index in range(count):
        kind, offset, _, address, size_bytes = struct.unpack_from("<IIIII", image, table + index * entry_bytes)
        if kind == 1 and size_bytes:  # PT_LOAD
            found.append((address, image[offset : offset + size_bytes]))
    return found


class Counter:
    """Counts instructions by the counter that the last mark switched to."""

    def __init__(self, machine: Machine, marks: str, counts: Path) -> None:
        head, *pairs = marks.splitlines()
        self.outside = int(head)
        self.marks = {int(a, 16): int(c) for a, c in (pair.split() for pair in pairs)}
        self.cpu = machine.cpu
        self.counts = [0] * (self.outside + 1)
        self.current = self.outside
        self.blocks: dict[tuple[int, int], list[tuple[int | None, int]]] = {}
        self.file = counts.open("w", encoding="ascii")
        self.cpu.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, _: unicorn.Uc, address: int, size_bytes: int, __: object) -> None:
        """A block is executed: instructions in sequence, of which only the last may jump."""
        key = (address, size_bytes)
        if key not in self.blocks:
            self.blocks[key] = self._segments(address, size_bytes)
        for mark, instructions in self.blocks[key]:
            if mark is not None and mark != self.current:
                if mark == self.outside:
                    self._end_inference()
                self.current = mark
            self.counts[self.current] += instructions

    def _segments(self, address: int, size_bytes: int) -> list[tuple[int | None, int]]:
        """Runs of instructions without a mark or with one at their start: the mark's counter and how many they are."""
        code = bytes(self.cpu.mem_read(address, size_bytes))
        segments: list[tuple[int | None, int]] = []
        offset = 0
        while offset < size_bytes:
            mark = self.marks.get(address + offset)
            if mark is not None or not segments:
                segments.append((mark, 0))
            segments[-1] = (segments[-1][0], segments[-1][1] + 1)
            # 32-bit instructions begin with 0b11101, 0b11110 or 0b11111 (Armv7-M ARM, A5.1).
            offset += 4 if code[offset + 1] >> 3 >= 0b11101 else 2
        return segments

    def _end_inference(self) -> None:
        self.file.write(" ".join(map(str, self.counts[: self.outside])) + "\n")
        self.counts = [0] * (self.outside + 1)

    def close(self) -> None:
        self.file.close()


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 4) or arguments[-2] not in MODELS:
        print(f"usage: run_cortex_m.py [MARKS COUNTS] MODEL IMAGE; models are {', '.join(MODELS)}", file=sys.stderr)
        return 1
    machine = Machine(arguments[-2], Path(arguments[-1]).read_bytes())
    close: Callable[[], None] = lambda: None  # noqa: E731
    if len(arguments) == 4:
        close = Counter(machine, Path(arguments[0]).read_text("ascii"), Path(arguments[1])).close
    try:
        return machine.run()
    except OSError:
        return STATUS_FILE
    finally:
        close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
