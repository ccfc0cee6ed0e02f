"""Which class of instructions a Thumb instruction belongs to, as far as its time depends on it.

Encodings: Armv7-M Architecture Reference Manual (DDI 0403), A5.2 and A5.3; Armv8-M (DDI 0553), C2.3, for Helium and
the loops of Armv8.1-M.
"""

from tinycnn.runners.timing import Instruction


def decode(code: bytes, offset: int) -> Instruction:
    """The instruction at `offset`, without regard to what surrounds it."""
    first = int.from_bytes(code[offset : offset + 2], "little")
    if first >> 11 >= 0b11101:
        second = int.from_bytes(code[offset + 2 : offset + 4], "little")
        return _wide(first, second)
    return _narrow(first)


def _narrow(half: int) -> Instruction:
    top = half >> 11
    if top == 0b01001:
        return Instruction(2, "load")
    if half >> 12 == 0b0101:
        return Instruction(2, "store" if half >> 9 & 7 < 3 else "load")
    if top in (0b01100, 0b01110, 0b10000, 0b10010):
        return Instruction(2, "store")
    if top in (0b01101, 0b01111, 0b10001, 0b10011):
        return Instruction(2, "load")
    if half & 0xFE00 == 0xB400 or half & 0xFE00 == 0xBC00 or half >> 12 == 0b1100:
        mask = 0x1FF if half >> 12 == 0b1011 else 0xFF
        return Instruction(2, "multiple", registers=(half & mask).bit_count())
    if half >> 12 == 0b1101 or top == 0b11100 or half & 0xFF00 == 0x4700 or half & 0xF500 == 0xB100:
        return Instruction(2, "branch")
    return Instruction(2, "multiply" if half & 0xFFC0 == 0x4340 else "other")


def _wide(first: int, second: int) -> Instruction:
    group = first >> 11 & 3
    if first >> 8 & 0b11101100 == 0b11101100 and first >> 8 & 0xF >= 0xC:
        return _coprocessor(first, second)
    if group == 1:
        if first & 0x0240 == 0:
            return Instruction(4, "multiple", registers=second.bit_count())
        if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:
            return Instruction(4, "branch")  # TBB, TBH
        return Instruction(4, "multiple", registers=2) if first & 0x0200 == 0 else Instruction(4, "other")
    if group == 2:
        if first & 0xFF80 == 0xF000 and second & 0xD001 == 0xC001:
            return Instruction(4, "loop")  # DLS, WLS, LE
        is_branch = second & 0x8000 and (second & 0x5000 or first >> 7 & 7 != 7)
        return Instruction(4, "branch" if is_branch else "other")
    if first & 0x0E00 == 0x0800:
        return Instruction(4, "load" if first & 0x10 else "store")
    if first & 0x0F80 == 0x0B00:
        accumulates = second >> 12 != 15
        return Instruction(4, "multiply_accumulate" if accumulates else "multiply")
    if first & 0x0F80 == 0x0B80:
        return Instruction(4, "divide" if first & 0x0F50 == 0x0B10 and second & 0xF0 == 0xF0 else "multiply_long")
    return Instruction(4, "other")


def _coprocessor(first: int, second: int) -> Instruction:
    is_scalar = second >> 8 & 0xF in (10, 11) and first >> 12 == 0xE
    is_memory = first & 0xEE00 == 0xEC00 and first & 0xFFE0 != 0xEC40
    if not is_scalar:
        return Instruction(4, "vector_memory" if is_memory else "vector")
    if is_memory and first & 0x0120 == 0x0100:
        return Instruction(4, "load" if first & 0x10 else "store")
    if is_memory:
        return Instruction(4, "multiple", registers=second & 0xFF)
    divides = first & 0xFFB0 == 0xEE80 or (first & 0xFFBF == 0xEEB1 and second & 0xC0 == 0xC0)
    return Instruction(4, "floating_divide" if divides else "floating")
