"""What the time of a Thumb instruction depends on: its class, and the registers for which the next one may wait.

Encodings: Armv7-M Architecture Reference Manual (DDI 0403), A5.2 and A5.3; Armv8-M (DDI 0553), C2.3, for Helium and
the loops of Armv8.1-M.
"""

from tinycnn.runners.timing import Instruction, signed

_SP, _PC = 13, 15


def decode(code: bytes, offset: int) -> Instruction:
    """The instruction at `offset`, without regard to what surrounds it.

    `late` are the registers that data processing writes, `needs` those of an address.
    """
    first = int.from_bytes(code[offset : offset + 2], "little")
    if first >> 11 >= 0b11101:
        second = int.from_bytes(code[offset + 2 : offset + 4], "little")
        return _wide(first, second)
    return _narrow(first)


def _narrow(half: int) -> Instruction:
    top, low, base, high = half >> 11, frozenset((half & 7,)), half >> 3 & 7, half >> 8 & 7
    if top == 0b01001:
        return Instruction(2, "load", loaded=frozenset((high,)))
    if half >> 12 == 0b0101:
        needs = frozenset((base, half >> 6 & 7))
        if half >> 9 & 7 < 3:
            return Instruction(2, "store_indexed", needs=needs)
        return Instruction(2, "load", needs=needs, loaded=low)
    if top in (0b01100, 0b01110, 0b10000):
        return Instruction(2, "store", needs=frozenset((base,)))
    if top in (0b01101, 0b01111, 0b10001):
        return Instruction(2, "load", needs=frozenset((base,)), loaded=low)
    if top == 0b10010:
        return Instruction(2, "store", needs=frozenset((_SP,)))
    if top == 0b10011:
        return Instruction(2, "load", needs=frozenset((_SP,)), loaded=frozenset((high,)))
    if half & 0xFE00 == 0xB400 or half & 0xFE00 == 0xBC00:
        return Instruction(2, "multiple", registers=(half & 0x1FF).bit_count(), needs=frozenset((_SP,)))
    if half >> 12 == 0b1100:
        return Instruction(2, "multiple", registers=(half & 0xFF).bit_count(), needs=frozenset((high,)))
    if half >> 12 == 0b1101 and half >> 9 & 7 < 7:
        return Instruction(2, "branch", target=4 + 2 * signed(half, 8))
    if top == 0b11100:
        return Instruction(2, "branch", target=4 + 2 * signed(half, 11))
    if half & 0xF500 == 0xB100:  # CBZ, CBNZ
        return Instruction(2, "branch", target=4 + (half >> 3 & 0x40) + (half >> 2 & 0x3E))
    if half >> 12 == 0b1101 or half & 0xFF00 == 0x4700:
        return Instruction(2, "branch")
    return Instruction(2, "multiply" if half & 0xFFC0 == 0x4340 else "other", late=_narrow_results(half))


def _narrow_results(half: int) -> frozenset[int]:
    """Which registers data processing writes."""
    low, high = half & 7, half >> 8 & 7
    if half >> 13 == 0:
        return frozenset((low,))
    if half >> 13 == 1:
        return frozenset() if half >> 11 & 3 == 1 else frozenset((high,))
    if half >> 10 == 0b010000:
        compares = half >> 6 & 15 in (8, 10, 11)  # TST, CMP, CMN
        return frozenset() if compares else frozenset((low,))
    if half >> 10 == 0b010001:
        return frozenset() if half >> 8 & 3 == 1 else frozenset((low | half >> 4 & 8,))
    if half >> 12 == 0b1010:
        return frozenset((high,))
    if half & 0xFF00 == 0xB000:
        return frozenset((_SP,))
    return frozenset((low,)) if half & 0xFF00 in (0xB200, 0xBA00) else frozenset()  # SXTB to UXTH; REV to REVSH


def _wide(first: int, second: int) -> Instruction:
    group = first >> 11 & 3
    if first >> 8 & 0b11101100 == 0b11101100 and first >> 8 & 0xF >= 0xC:
        return _coprocessor(first, second)
    if group == 1 and first & 0x0200 == 0:
        return _wide_multiple(first, second)
    if group == 2 and second & 0x8000:
        return _wide_branch(first, second)
    if group == 3 and first & 0x0E00 == 0x0800:
        return _wide_memory(first, second)
    target = second >> 8 & 15
    if group == 3 and first & 0x0F80 == 0x0B00:
        kind = "multiply" if second >> 12 == 15 else "multiply_accumulate"
        return Instruction(4, kind, late=frozenset((target,)))
    if group == 3 and first & 0x0F80 == 0x0B80:
        if first & 0x0F50 == 0x0B10 and second & 0xF0 == 0xF0:
            return Instruction(4, "divide", late=frozenset((target,)))
        return Instruction(4, "multiply_long", late=frozenset((target, second >> 12)))
    # TST, TEQ, CMN and CMP write to register 15, that is nowhere.
    return Instruction(4, "other", late=frozenset((target,)) - {_PC})


def _wide_multiple(first: int, second: int) -> Instruction:
    base = frozenset((first & 15,))
    if first & 0x0240 == 0:
        return Instruction(4, "multiple", registers=second.bit_count(), needs=base)
    if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:
        return Instruction(4, "jump_table", needs=base - {_PC} | {second & 15})  # TBB, TBH
    return Instruction(4, "multiple", registers=2, needs=base - {_PC})


def _wide_branch(first: int, second: int) -> Instruction:
    if first & 0xFF80 == 0xF000 and second & 0xD001 == 0xC001:
        return Instruction(4, "loop")  # DLS, WLS, LE
    sign, low = first >> 10 & 1, second & 0x7FF
    if second & 0x1000:  # B, BL
        near, far = 1 ^ sign ^ second >> 11 & 1, 1 ^ sign ^ second >> 13 & 1
        distance = sign << 23 | far << 22 | near << 21 | (first & 0x3FF) << 11 | low
        return Instruction(4, "branch", target=4 + 2 * signed(distance, 24))
    if first >> 7 & 7 != 7:  # B under a condition
        distance = sign << 19 | (second >> 11 & 1) << 18 | (second >> 13 & 1) << 17 | (first & 0x3F) << 11 | low
        return Instruction(4, "branch", target=4 + 2 * signed(distance, 20))
    return Instruction(4, "branch" if second & 0x4000 else "other")


def _wide_memory(first: int, second: int) -> Instruction:
    base, moved = first & 15, second >> 12
    short_form = not first & 0x80 and base != _PC
    indexed = short_form and not second & 0x800
    needs = frozenset((base, second & 15) if indexed else (base,)) - {_PC}
    if not first & 0x10:
        return Instruction(4, "store_indexed" if indexed else "store", needs=needs)
    if first & 0xFF70 == 0xF850 and moved == _PC:
        return Instruction(4, "jump_indirect", needs=needs)
    updates = short_form and second & 0x900 == 0x900
    return Instruction(4, "load", needs=needs, loaded=frozenset((moved,)), updates=updates)


def _coprocessor(first: int, second: int) -> Instruction:
    is_scalar = second >> 8 & 0xF in (10, 11) and first >> 12 == 0xE
    is_memory = first & 0xEE00 == 0xEC00 and first & 0xFFE0 != 0xEC40
    needs = frozenset((first & 15,)) - {_PC}
    if not is_scalar:
        return Instruction(4, "vector_memory" if is_memory else "vector")
    if is_memory and first & 0x0120 == 0x0100:
        return Instruction(4, "load" if first & 0x10 else "store", needs=needs)
    if is_memory:
        return Instruction(4, "multiple", registers=second & 0xFF, needs=needs)
    divides = first & 0xFFB0 == 0xEE80 or (first & 0xFFBF == 0xEEB1 and second & 0xC0 == 0xC0)
    return Instruction(4, "floating_divide" if divides else "floating")
