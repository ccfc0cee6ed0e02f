"""Runs an image on unicorn, a Cortex-M emulator from PyPI, with semihosting, and counts.

    python run_cortex_m.py [MARKS COUNTS CYCLES PRICES] MODEL IMAGE

It stands in for QEMU's boards where only PyPI is at hand: it has the processor, memory at the two addresses at which
the boards have it, and the four semihosting operations of port_semihosting.c. With the four files it counts the
instructions of every step and adds up their prices as count_instructions.c does, in the same formats.
"""

import struct
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Segment:
    """Instructions in sequence without a mark, or with one at their start, whose counter is `mark`.

    `taken_units` is the price that is added when another instruction than that at `end` follows.
    """

    mark: int | None
    begin: int
    end: int
    instructions: int
    units: int
    taken_units: int


class Counter:
    """Counts instructions and their prices by the counter that the last mark switched to."""

    def __init__(self, machine: Machine, marks: Path, counts: Path, cycles: Path, prices: Path) -> None:
        head, *pairs = marks.read_text(encoding="ascii").splitlines()
        self.outside = int(head)
        self.marks = {int(a, 16): int(c) for a, c in (pair.split() for pair in pairs)}
        self.cpu = machine.cpu
        self.prices = {
            int(address, 16): (int(units), int(taken))
            for address, units, taken in (line.split() for line in prices.read_text(encoding="ascii").splitlines())
        }
        self.counts, self.cycles = [0] * (self.outside + 1), [0] * (self.outside + 1)
        self.current = self.outside
        self.before: Segment | None = None
        self.blocks: dict[tuple[int, int], list[Segment]] = {}
        self.files = [counts.open("w", encoding="ascii"), cycles.open("w", encoding="ascii")]
        self.cpu.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, _: unicorn.Uc, address: int, size_bytes: int, __: object) -> None:
        """A block is executed: instructions in sequence, of which only the last may jump."""
        key = (address, size_bytes)
        if key not in self.blocks:
            self.blocks[key] = self._segments(address, size_bytes)
        for segment in self.blocks[key]:
            if self.before is not None and self.before.end != segment.begin:
                self.cycles[self.current] += self.before.taken_units
            self.before = segment
            if segment.mark is not None and segment.mark != self.current:
                if segment.mark == self.outside:
                    self._end_inference()
                self.current = segment.mark
            self.counts[self.current] += segment.instructions
            self.cycles[self.current] += segment.units

    def _segments(self, address: int, size_bytes: int) -> list[Segment]:
        code = bytes(self.cpu.mem_read(address, size_bytes))
        segments: list[Segment] = []
        offset = 0
        while offset < size_bytes:
            begin = address + offset
            mark = self.marks.get(begin)
            if mark is not None or not segments:
                segments.append(Segment(mark, begin, begin, 0, 0, 0))
            # 32-bit instructions begin with 0b11101, 0b11110 or 0b11111 (Armv7-M ARM, A5.1).
            offset += 4 if code[offset + 1] >> 3 >= 0b11101 else 2
            units, taken = self.prices.get(begin, (0, 0))
            last = segments[-1]
            segments[-1] = Segment(
                last.mark, last.begin, address + offset, last.instructions + 1, last.units + units, taken
            )
        return segments

    def _end_inference(self) -> None:
        for file, numbers in zip(self.files, (self.counts, self.cycles), strict=True):
            file.write(" ".join(map(str, numbers[: self.outside])) + "\n")
            numbers[:] = [0] * (self.outside + 1)

    def close(self) -> None:
        for file in self.files:
            file.close()


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 6) or arguments[-2] not in MODELS:
        usage = "usage: run_cortex_m.py [MARKS COUNTS CYCLES PRICES] MODEL IMAGE"
        print(f"{usage}; models are {', '.join(MODELS)}", file=sys.stderr)
        return 1
    machine = Machine(arguments[-2], Path(arguments[-1]).read_bytes())
    counter = Counter(machine, *map(Path, arguments[:4])) if len(arguments) == 6 else None
    try:
        return machine.run()
    except OSError:
        return STATUS_FILE
    finally:
        if counter is not None:
            counter.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
