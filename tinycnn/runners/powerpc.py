"""Which class of instructions a 32-bit PowerPC instruction belongs to, as far as its time depends on it.

Encodings: Power ISA, book I, appendix of instructions sorted by opcode.
"""

from tinycnn.runners.timing import Instruction, signed

_LOADS = range(32, 36), range(40, 44)  # LWZ, LWZU, LBZ, LBZU; LHZ, LHZU, LHA, LHAU
_STORES = range(36, 40), range(44, 46)  # STW, STWU, STB, STBU; STH, STHU
_INDEXED_LOADS = {20, 23, 55, 87, 119, 279, 311, 343, 375, 534, 790}
_INDEXED_STORES = {150, 151, 183, 215, 247, 407, 439, 662, 918}
_LONG_PRODUCTS = {11, 75}  # MULHWU, MULHW
_DIVISIONS = {459, 491}  # DIVWU, DIVW; with overflow, 512 more

# Which fields the others read: AND to XOR and shifts the one that is the target elsewhere, some no second one.
_LOGICAL = {24, 28, 60, 124, 284, 316, 412, 444, 476, 536, 792}
_LOGICAL_OF_ONE = {26, 467, 824, 922, 954}  # CNTLZW, MTSPR, SRAWI, EXTSH, EXTSB
_ARITHMETIC = {0, 8, 10, 32, 40, 136, 138, 266}  # CMP, SUBFC, ADDC, CMPL, SUBF, SUBFE, ADDE, ADD
_ARITHMETIC_OF_ONE = {104, 200, 202, 232, 234}  # NEG, SUBFZE, ADDZE, SUBFME, ADDME


def decode(code: bytes, offset: int) -> Instruction:
    """The instruction at `offset`, without regard to what surrounds it."""
    word = int.from_bytes(code[offset : offset + 4], "big")
    opcode = word >> 26
    target, first, second = word >> 21 & 31, word >> 16 & 31, word >> 11 & 31
    base = frozenset((first,) if first else ())  # register 0 here is the number 0
    if any(opcode in codes for codes in _LOADS):
        return Instruction(4, "load", needs=base, late=frozenset((target,)))
    if any(opcode in codes for codes in _STORES):
        return Instruction(4, "store", needs=base | {target})
    match opcode:
        case 7:
            return Instruction(4, "multiply", needs=frozenset((first,)), late=frozenset((target,)))
        case 16:
            return Instruction(4, "branch", target=signed(word & 0xFFFC, 16))
        case 18:
            return Instruction(4, "jump", target=signed(word & 0x03FFFFFC, 26))
        case 19 if word >> 1 & 0x3FF in (16, 528):
            return Instruction(4, "jump" if target & 0b10100 == 0b10100 else "branch")  # BLR, BCTR; else conditional
        case 31:
            return _extended(word >> 1 & 0x3FF, target, first, second)
        case 46 | 47:
            return Instruction(4, "multiple", registers=32 - target, needs=base)
        case 14 | 15:
            return Instruction(4, "other", needs=base)
        case 8 | 10 | 11 | 12 | 13:
            return Instruction(4, "other", needs=frozenset((first,)))
        case 20 | 21 | 24 | 25 | 26 | 27 | 28 | 29:
            return Instruction(4, "other", needs=frozenset((target,)))
        case 23:
            return Instruction(4, "other", needs=frozenset((target, second)))
    return Instruction(4, "other")


def _extended(function: int, target: int, first: int, second: int) -> Instruction:
    both = frozenset((first, second))
    if function in _INDEXED_LOADS:
        return Instruction(4, "load", needs=both, late=frozenset((target,)))
    if function in _INDEXED_STORES:
        return Instruction(4, "store", needs=both | {target})
    if function in _LOGICAL:
        return Instruction(4, "other", needs=frozenset((target, second)))
    if function in _LOGICAL_OF_ONE:
        return Instruction(4, "other", needs=frozenset((target,)))
    arithmetic = function & 0x1FF  # without the bit that asks for overflow
    if arithmetic in _LONG_PRODUCTS:
        return Instruction(4, "multiply_long", needs=both, late=frozenset((target,)))
    if arithmetic == 235:
        return Instruction(4, "multiply", needs=both, late=frozenset((target,)))
    if arithmetic in _DIVISIONS:
        return Instruction(4, "divide", needs=both)
    if arithmetic in _ARITHMETIC:
        return Instruction(4, "other", needs=both)
    return Instruction(4, "other", needs=frozenset((first,) if arithmetic in _ARITHMETIC_OF_ONE else ()))
