"""Which class of instructions an RV32IMC instruction belongs to, as far as its time depends on it.

Encodings: RISC-V Instruction Set Manual, volume I, chapters RV32/64G and "C" Standard Extension, instruction listings.
"""

from collections.abc import Sequence

from tinycnn.runners.timing import Instruction, signed

_READ_TWO = (0x33, 0x23, 0x63)  # OP, STORE, BRANCH
_READ_NONE = (0x37, 0x17, 0x6F)  # LUI, AUIPC, JAL


def decode(code: bytes, offset: int) -> Instruction:
    """The instruction at `offset`, without regard to what surrounds it."""
    if code[offset] & 3 != 3:
        return _compressed(int.from_bytes(code[offset : offset + 2], "little"))
    word = int.from_bytes(code[offset : offset + 4], "little")
    opcode, function, target = word & 0x7F, word >> 12 & 7, word >> 7 & 31
    sources = (word >> 15 & 31, word >> 20 & 31) if opcode in _READ_TWO else (word >> 15 & 31,)
    needs = frozenset() if opcode in _READ_NONE else frozenset(sources)
    if opcode == 0x03:
        return Instruction(4, "load", needs=needs, late=frozenset((target,)))
    if opcode == 0x23:
        return Instruction(4, "store", needs=needs)
    if opcode == 0x63:
        distance = (word >> 31) << 11 | (word >> 7 & 1) << 10 | (word >> 25 & 0x3F) << 4 | word >> 8 & 15
        return Instruction(4, "branch", needs=needs, target=2 * signed(distance, 12))
    if opcode == 0x6F:
        distance = (word >> 31) << 19 | (word >> 12 & 0xFF) << 11 | (word >> 20 & 1) << 10 | word >> 21 & 0x3FF
        return Instruction(4, "jump", target=2 * signed(distance, 20))
    if opcode == 0x67:
        return Instruction(4, "jump", needs=needs)
    if opcode == 0x33 and word >> 25 == 1:
        kind = "divide" if function >= 4 else "multiply_long" if function else "multiply"
        return Instruction(4, kind, needs=needs)
    return Instruction(4, "other", needs=needs)


def _compressed(half: int) -> Instruction:
    function, full, second = half >> 13, half >> 7 & 31, half >> 2 & 31
    short, short_second = 8 + (half >> 7 & 7), 8 + (half >> 2 & 7)
    match half & 3, function:
        case 0, 2:
            return Instruction(2, "load", needs=frozenset((short,)), late=frozenset((short_second,)))
        case 0, 6:
            return Instruction(2, "store", needs=frozenset((short, short_second)))
        case 0, _:
            return Instruction(2, "other", needs=frozenset((2,)))
        case 1, 1 | 5:
            return Instruction(2, "jump", target=signed(_moved(half, (5, 1, 2, 3, 7, 6, 10, 8, 9, 4, 11)), 12))
        case 1, 6 | 7:
            target = signed(_moved(half & ~0x380, (5, 1, 2, 6, 7, 0, 0, 0, 3, 4, 8)), 9)
            return Instruction(2, "branch", needs=frozenset((short,)), target=target)
        case 1, 4:
            two = half >> 10 & 3 == 3
            return Instruction(2, "other", needs=frozenset((short, short_second) if two else (short,)))
        case 2, 2:
            return Instruction(2, "load", needs=frozenset((2,)), late=frozenset((full,)))
        case 2, 6:
            return Instruction(2, "store", needs=frozenset((2, second)))
        case 2, 4 if second == 0 and full != 0:
            return Instruction(2, "jump", needs=frozenset((full,)))
        case 2, 4:
            return Instruction(2, "other", needs=frozenset((full, second) if half >> 12 & 1 else (second,)))
        case 2, 0:
            return Instruction(2, "other", needs=frozenset((full,)))
    return Instruction(2, "other", needs=frozenset((full,) if function == 0 else ()))


def _moved(half: int, places: Sequence[int]) -> int:
    """A number whose bits stand in `half` from bit 2 on: at `places` in the number."""
    return sum((half >> 2 + bit & 1) << place for bit, place in enumerate(places))
