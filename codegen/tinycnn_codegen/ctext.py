"""Numbers, comments, arrays and structs as C text. Knows nothing of networks."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

LINE_WIDTH = 118
INDENT = "    "

ElementType = Literal["int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t"]
ELEMENT_BYTES: Mapping[ElementType, int] = {
    "int8_t": 1,
    "uint8_t": 1,
    "int16_t": 2,
    "uint16_t": 2,
    "int32_t": 4,
    "uint32_t": 4,
    "int64_t": 8,
}


@dataclass(frozen=True, slots=True, eq=False)
class ConstantArray:
    """Integers of one C type in memory order. `per_line` of them, a unit that means something, begin a new line."""

    element: ElementType
    values: npt.NDArray[np.integer]
    per_line: int

    @property
    def size_bytes(self) -> int:
        return int(self.values.size) * ELEMENT_BYTES[self.element]


_NO_ARRAYS: "Mapping[ConstantArray, str]" = MappingProxyType({})

Field: TypeAlias = "int | ConstantArray | Mapping[str, Field] | None"
"""The value of a struct's field: a number, a pointer to an array, a null pointer or a struct."""


def integer(value: int) -> str:
    """A C constant of any int64. The least int32 and int64 have none of their own type, so they are differences."""
    return f"({value + 1} - 1)" if value in (-(2**31), -(2**63)) else str(value)


def real(value: float) -> str:
    """A float32 with the nine digits that identify it."""
    return f"{value:.9g}"


def plain(text: str) -> str:
    """`text` as it may stand in a comment: other than printable ASCII, and * ? \\ too, becomes _.

    So no text from a model can end a comment, begin one, join two lines or form a trigraph.
    """
    return re.sub(r"[^ -~]|[*?\\]", "_", text)


def comment(*paragraphs: str) -> str:
    """A block comment; each paragraph begins a line and is wrapped. Any text is made `plain`."""
    lines = [
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(plain(paragraph), LINE_WIDTH - 6, break_on_hyphens=False) or [""]
    ]
    return "/* " + "\n * ".join(lines) + " */"


def array_definition(name: str, array: ConstantArray) -> str:
    """`static const` with its elements; one unit a line, wrapped where it is longer."""
    numbers = [integer(value) for value in array.values.tolist()]
    width = max(map(len, numbers))
    units = [numbers[first : first + array.per_line] for first in range(0, len(numbers), array.per_line)]
    lines = [line for unit in units for line in _number_lines(unit, width)]
    head = f"static const TCN_FLASH {array.element} {name}[{len(numbers)}] = {{"
    return "\n".join([head, *lines, "};"])


def _number_lines(numbers: Sequence[str], width: int) -> Iterator[str]:
    at_once = max((LINE_WIDTH - len(INDENT)) // (width + 2) // 4, 1) * 4  # kernels take weights by fours
    for first in range(0, len(numbers), at_once):
        yield INDENT + ", ".join(number.rjust(width) for number in numbers[first : first + at_once]) + ","


def struct_definition(
    c_type: str, name: str, *structs: Mapping[str, Field], array_names: Mapping[ConstantArray, str] = _NO_ARRAYS
) -> str:
    """`static const` of a struct with designated initializers, or of an array of structs when there are several.

    `array_names` are the C names of the arrays among the fields.
    """
    head = f"static const TCN_FLASH {c_type} {name}"
    if len(structs) == 1:
        return "\n".join(_struct_lines(f"{head} = ", structs[0], array_names, "", ";"))
    lines = [f"{head}[{len(structs)}] = {{"]
    for struct in structs:
        lines += [INDENT + "{", *_field_lines(struct, array_names, 2 * INDENT), INDENT + "},"]
    return "\n".join([*lines, "};"])


def _struct_lines(
    head: str, fields: Mapping[str, Field], array_names: Mapping[ConstantArray, str], indent: str, end: str
) -> Iterator[str]:
    """`head` and a struct in braces: one line where it fits."""
    one_line = f"{indent}{head}{_value(fields, array_names)}{end}"
    if len(one_line) <= LINE_WIDTH:
        yield one_line
    else:
        yield f"{indent}{head}{{"
        yield from _field_lines(fields, array_names, indent + INDENT)
        yield f"{indent}}}{end}"


def _field_lines(fields: Mapping[str, Field], array_names: Mapping[ConstantArray, str], indent: str) -> Iterator[str]:
    """The fields in order, as many to a line as fit; a struct among them that fits no line has lines of its own."""
    line = indent
    for name, value in fields.items():
        item = f".{name} = {_value(value, array_names)},"
        if line != indent and len(line) + len(item) > LINE_WIDTH:
            yield line.rstrip()
            line = indent
        if isinstance(value, Mapping) and len(indent) + len(item) > LINE_WIDTH:
            yield from _struct_lines(f".{name} = ", value, array_names, indent, ",")
        else:
            line += item + " "
    if line != indent:
        yield line.rstrip()


def _value(value: Field, array_names: Mapping[ConstantArray, str]) -> str:
    if isinstance(value, Mapping):
        items = (f".{name} = {_value(inner, array_names)}" for name, inner in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, ConstantArray):
        return array_names[value]
    return "0" if value is None else integer(value)


def constant_arrays(fields: Mapping[str, Field]) -> Iterator[tuple[tuple[str, ...], ConstantArray]]:
    """Every array in the fields and in the structs among them, with the names of the fields that lead to it."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from (((name, *path), array) for path, array in constant_arrays(value))
        elif isinstance(value, ConstantArray):
            yield (name,), value
