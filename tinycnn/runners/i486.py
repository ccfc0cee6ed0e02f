"""Which class of instructions an i486 instruction belongs to, as far as its time depends on it.

The instructions come from GNU's disassembler, which is installed with every gcc: their lengths alone take more code
than all of this. The classes follow the table of clock counts in Intel's i486 Microprocessor data sheet.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tinycnn.runners.timing import Instruction
from tinycnn.runners.toolchain import run

_LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.+)$", re.MULTILINE)
_PREFIX_BYTES = bytes.fromhex("66 67 f2 f3 f0 2e 36 3e 26 64 65")
_PREFIX_WORDS = {"rep", "repz", "repnz", "lock", "data16", "addr16", "cs", "ds", "es", "fs", "gs", "ss"}
_MEMORY = re.compile(r"\[[^]]*\]|\b[c-gs]s:0x")
_REGISTERS = {
    name: number
    for number, names in enumerate(
        ("eax ax al ah", "ecx cx cl ch", "edx dx dl dh", "ebx bx bl bh", "esp sp", "ebp bp", "esi si", "edi di")
    )
    for name in names.split()
}
_STACK = _REGISTERS["esp"]

_COMPARISONS = {"cmp", "test"}
_ARITHMETIC = {"add", "or", "adc", "sbb", "and", "sub", "xor", "inc", "dec", "neg", "not"}
_SHIFTS = {"shl", "shr", "sar", "sal", "rol", "ror", "rcl", "rcr", "shld", "shrd"}
_STRINGS = {"movs", "stos", "lods", "scas", "cmps"}
_FIXED = {
    "lea": "other",
    "imul": "multiply",
    "mul": "multiply_long",
    "div": "divide",
    "idiv": "divide",
    "movsx": "extend",
    "movzx": "extend",
    "cbw": "extend",
    "cwde": "extend",
    "cwd": "extend",
    "cdq": "extend",
    "xchg": "exchange",
    "ret": "jump_indirect",
    "leave": "jump_indirect",
}


def instructions(image: Path, objdump: str) -> Iterator[tuple[int, Instruction]]:
    """Every instruction of the code in `image` and its address. Raises ToolError."""
    command = [objdump, "-d", "-M", "intel", "--insn-width=15", image.name]
    for address, code, text in _LINE.findall(run(command, image.parent, f"disassembling {image.name}").stdout):
        yield int(address, 16), classify(bytes.fromhex(code), text)


def classify(code: bytes, text: str) -> Instruction:
    """An instruction by its bytes and by what the disassembler calls them in Intel's syntax."""
    words = text.partition("#")[0].partition("<")[0].split()
    while len(words) > 1 and words[0] in _PREFIX_WORDS:
        words = words[1:]
    name, operands = words[0], " ".join(words[1:]).split(",")
    memory = [operand for operand in operands if _MEMORY.search(operand)]
    kind = _kind(name, operands, memory, repeated=text.startswith("rep"))
    return Instruction(
        size_bytes=len(code),
        kind=kind,
        needs=_needs(name, memory),
        late=frozenset({_REGISTERS[operands[0]]} if operands[0] in _REGISTERS and name not in _COMPARISONS else ()),
        extras=len(code) - len(code.lstrip(_PREFIX_BYTES)) + _complications(operands, memory),
    )


def _kind(name: str, operands: list[str], memory: list[str], *, repeated: bool) -> str:
    if name in _FIXED:
        # One operand: the product takes two registers. Of two equal ones it is the instruction that does nothing.
        if name == "imul" and len(operands) == 1:
            return "multiply_long"
        return "other" if name == "xchg" and len(set(operands)) == 1 else _FIXED[name]
    if name in _STRINGS:
        return "string_repeated" if repeated else "string"
    if name == "mov" and memory:
        return "store" if operands[0] in memory else "load"
    if name in ("push", "pop"):
        return "push_memory" if memory else "other"
    if name in _COMPARISONS and memory:
        return "load_operate"
    if name in _ARITHMETIC and memory:
        return "load_operate_store" if operands[0] in memory else "load_operate"
    if name in _SHIFTS:
        by_constant = len(operands) > 1 and operands[-1] not in ("cl", "1")
        return "shift_memory" if memory else "shift" if by_constant else "shift_variable"
    if name in ("jmp", "call"):
        return "jump_indirect" if memory or operands[0] in _REGISTERS else "jump"
    if name.startswith("set"):
        return "set"
    if name.startswith("f"):
        return "floating"
    return "branch" if name.startswith("j") else "other"


def _needs(name: str, memory: list[str]) -> frozenset[int]:
    """The registers of its addresses: they are computed while the instruction before is still at work."""
    found = {_REGISTERS[word] for operand in memory for word in re.findall(r"\be[a-z]{2}\b", operand) if word != "eiz"}
    return frozenset(found | ({_STACK} if name in ("push", "pop", "ret", "call") else set()))


def _complications(operands: list[str], memory: list[str]) -> int:
    """An index register, and a constant beside a displacement."""
    indexed = any("*" in operand for operand in memory)
    displaced = any(re.search(r"0x[0-9a-f]+", operand) for operand in memory)
    constant = any(re.fullmatch(r"0x[0-9a-f]+", operand) for operand in operands)
    return indexed + (displaced and constant)
