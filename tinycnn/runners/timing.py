"""Estimated clock cycles: every instruction of an image priced by its class, from a processor's published timings.

The emulator adds up the prices of what it executes, so that the estimate is of the executed instructions, step by step.
What it leaves out: wait states of flash, caches, and what depends on the values (a division has one price).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tinycnn.runners.elf import CodeSection, Symbol
from tinycnn.timings import Timings

UNITS_PER_CYCLE = 100
"""Prices are whole hundredths of a cycle."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """`kind` is a price of `Timings`, or "vector_memory". `registers` are how many a load or store of several moves.

    Where the next one may have to wait: `late` are the registers whose values come late, `needs` those whose values
    must be there early. `loaded` are those of a load with which the next load may overlap, if it `needs` none of them,
    and `updates` says that it changes its base. `target` is where a branch goes, in bytes from its own address, if that
    is known. `extras` counts what makes the instruction longer by `Timings.extra`.
    """

    size_bytes: int
    kind: str
    registers: int = 0
    needs: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    loaded: frozenset[int] = frozenset()
    updates: bool = False
    target: int | None = None
    extras: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """Units of an instruction, and what is added when control does not go on behind it."""

    units: int
    taken_units: int


Decode = Callable[[bytes, int], Instruction]


def signed(number: int, bits: int) -> int:
    """The lowest `bits` of `number` as two's complement."""
    half = 1 << bits - 1
    return (number & 2 * half - 1 ^ half) - half


def decoded(
    sections: Sequence[CodeSection], symbols: Sequence[Symbol], decode: Decode
) -> Iterator[tuple[int, Instruction]]:
    """Every instruction of the code and its address."""
    # Mapping symbols: $d begins data among code, $t and $x end it (ELF for the Arm Architecture, 5.5.5).
    data_begins = {symbol.address & ~1: symbol.name.startswith("$d") for symbol in symbols if symbol.name[:1] == "$"}
    for section in sections:
        is_data, offset = False, 0
        while offset + 2 <= len(section.content):
            is_data = data_begins.get(section.address + offset, is_data)
            if is_data:
                offset += 2
                continue
            instruction = decode(section.content, offset)
            yield section.address + offset, instruction
            offset += instruction.size_bytes


def prices(instructions: Iterable[tuple[int, Instruction]], timings: Timings) -> dict[int, Price]:
    """The price of the instruction at every address; addresses ascend within a section of code."""
    found: dict[int, Price] = {}
    branches: dict[int, int] = {}
    more_if_entered: dict[int, int] = {}
    before: Instruction | None = None
    end = None
    for address, instruction in instructions:
        found[address] = _price(before if address == end else None, instruction, timings)
        more_if_entered[address] = _price(None, instruction, timings).units - found[address].units
        if instruction.target is not None:
            branches[address] = address + instruction.target
        before, end = instruction, address + instruction.size_bytes
    # Behind a branch an instruction neither overlaps with the one that stands before it nor waits for it.
    for address, target in branches.items():
        taken_units = found[address].taken_units + more_if_entered.get(target, 0)
        found[address] = Price(found[address].units, taken_units)
    return found


def _price(before: Instruction | None, instruction: Instruction, timings: Timings) -> Price:
    cycles = _cycles(before, instruction, timings) + timings.extra * instruction.extras
    if before is not None and before.late & instruction.needs:
        cycles += timings.dependent
    taken = {"branch": timings.branch_taken, "jump": timings.jump_taken}.get(instruction.kind, 0.0)
    # A load of several registers that jumps, POP {..., PC}, refills the pipeline like any other jump.
    taken = timings.branch_taken if instruction.kind in ("multiple", "other") else taken
    unit = UNITS_PER_CYCLE * timings.scale
    return Price(round(cycles * unit), round(taken * unit))


def _cycles(before: Instruction | None, instruction: Instruction, timings: Timings) -> float:
    kind = instruction.kind
    if kind in ("load", "store_indexed"):
        if before is None or before.kind != "load" or before.loaded & instruction.needs:
            return timings.load if kind == "load" else timings.store_indexed
        overlapped = timings.load_behind_load if kind == "load" else timings.store
        return overlapped + (timings.update if before.updates or instruction.updates else 0)
    if kind == "multiple":
        return timings.multiple + timings.multiple_register * instruction.registers
    if kind in ("vector", "vector_memory"):
        # Two units work on alternate instructions at the same time.
        return timings.vector_again if before is not None and before.kind == kind else timings.vector
    return float(getattr(timings, kind))
