"""What a compiler put into an object file or image: sizes of its sections and its symbols, read from the ELF
format.

Reading the file takes fewer lines than calling each toolchain's own `size` and `nm` and parsing what they
print. Sources: Tool Interface Standard (TIS) Executable and Linking Format Specification 1.2 (32 bits) and
ELF-64 Object File Format 1.5 (64 bits).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinycnn.errors import ToolError

_TYPE_PROGRAM_DATA, _TYPE_SYMBOLS, _TYPE_ZEROED = 1, 2, 8  # SHT_PROGBITS, SHT_SYMTAB, SHT_NOBITS
_FLAG_WRITE, _FLAG_LOADED, _FLAG_CODE = 1, 2, 4  # SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR
_MACHINE_ARM = 40
_KIND_FUNCTION = 2  # STT_FUNC
_BINDING_LOCAL = 0  # STB_LOCAL


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name in an ELF file. `address` is where it lies (for Arm without the bit that marks Thumb code)."""

    name: str
    address: int
    size_bytes: int
    defined: bool
    local: bool


@dataclass(frozen=True, slots=True)
class CodeSection:
    """Instructions, with the constants among them, and where they lie."""

    address: int
    content: bytes


@dataclass(frozen=True, slots=True)
class ElfFile:
    """`code_bytes` are instructions with the constants among them, `constants_bytes` read-only data,
    `data_bytes` all variables, initialized or not."""

    code_bytes: int
    constants_bytes: int
    data_bytes: int
    symbols: tuple[Symbol, ...]
    code: tuple[CodeSection, ...]


def read_elf(path: Path) -> ElfFile:
    """Raises ToolError if `path` is not an ELF file, as on systems that use another format."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF":
        raise ToolError(
            f"The compiler wrote {path.name} in another format than ELF, the only one that can be measured."
        )
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    machine = struct.unpack_from(order + "H", data, 18)[0]
    sections = list(_sections(data, wide, order))
    sizes = {"code": 0, "constants": 0, "data": 0}
    symbols: list[Symbol] = []
    code: list[CodeSection] = []
    for section in sections:
        if section.flags & _FLAG_LOADED and section.kind in (_TYPE_PROGRAM_DATA, _TYPE_ZEROED):
            writable, executable = section.flags & _FLAG_WRITE, section.flags & _FLAG_CODE
            sizes["code" if executable else "data" if writable else "constants"] += section.size_bytes
            if executable and section.kind == _TYPE_PROGRAM_DATA:
                content = data[section.offset : section.offset + section.size_bytes]
                code.append(CodeSection(section.address, content))
        if section.kind == _TYPE_SYMBOLS:
            names = sections[section.link].offset
            symbols.extend(_symbols(data, wide, order, section, names, machine))
    return ElfFile(sizes["code"], sizes["constants"], sizes["data"], tuple(symbols), tuple(code))


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    flags: int
    address: int
    offset: int
    size_bytes: int
    link: int


def _sections(data: bytes, wide: bool, order: str) -> Iterator[_Section]:
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 40 if wide else 32)
    entry_bytes, count = struct.unpack_from(order + "HH", data, 58 if wide else 46)
    for index in range(count):
        _, kind, flags, address, offset, size_bytes, link = struct.unpack_from(
            order + ("IIQQQQI" if wide else "IIIIIII"), data, table + index * entry_bytes
        )
        yield _Section(kind, flags, address, offset, size_bytes, link)


def _symbols(data: bytes, wide: bool, order: str, table: _Section, names: int, machine: int) -> Iterator[Symbol]:
    layout = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    for entry in range(table.offset + layout.size, table.offset + table.size_bytes, layout.size):
        if wide:
            name, info, _, section, address, size_bytes = layout.unpack_from(data, entry)
        else:
            name, address, size_bytes, info, _, section = layout.unpack_from(data, entry)
        if machine == _MACHINE_ARM and info & 15 == _KIND_FUNCTION:
            address &= ~1
        text = data[names + name : data.index(b"\0", names + name)].decode("utf-8", "replace")
        yield Symbol(text, address, size_bytes, defined=section != 0, local=info >> 4 == _BINDING_LOCAL)
