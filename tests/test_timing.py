"""Classes of instructions against GNU's disassembler; prices of sequences against sums by hand."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from needs import needs
from test_runners import TINY

from tinycnn.runners import riscv, thumb
from tinycnn.runners.elf import CodeSection, read_elf
from tinycnn.runners.emulated import build_image
from tinycnn.runners.timing import Decode, Instruction, Price, prices
from tinycnn.target import load_target

# Mnemonics of Arm's without conditions and widths; the rest is "other".
THUMB = {
    "vector_memory": r"(ldc|stc)2?l?",  # as which GNU's shows Helium's
    "load": r"ldr(b|h|sb|sh)?|vldr",
    "store": r"str(b|h)?|vstr",
    "multiple": r"ldm\w*|stm\w*|push|pop|ldrd|strd|vpush|vpop|vldm\w*|vstm\w*",
    "loop": r"le|letp|dls|dlstp|wls|wlstp",
    "branch": r"b|bl|bx|blx|cbn?z|tbb|tbh|bxns|b(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)",
    "multiply_accumulate": r"mla|mls|smlad|smmla|smmlar|smla[bt][bt]|smlaw[bt]|smlsd|usada8",
    "multiply": r"muls?|smul[bt][bt]|smmulr?|smuad|smulw[bt]",
    "multiply_long": r"smull|umull|smlal\w*|umlal|umaal",
    "divide": r"sdiv|udiv",
}
RISCV = {
    "load": r"l[bhw]u?",
    "store": r"s[bhw]",
    "branch": r"b\w+",
    "jump": r"j|jal|jr|jalr|ret|call|tail",
    "multiply": r"mul",
    "multiply_long": r"mulhs?u?",
    "divide": r"(div|rem)u?",
}
LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t([\w.]+)")

# What a small network seldom has: each class, and forms that are easily taken for another.
ARM_ASSEMBLY = """
    tbb [pc, r0] ; cbz r0, 1f ; 1: ldrd r0, r1, [r2], #8 ; strd r0, r1, [r2] ; ldmia r0!, {r1, r2, r8}
    push {r4, lr} ; ldr r0, [r1, r2, lsl #2] ; ldrsb.w r0, [r1, #-3] ; ldrb.w r9, [r1], #1 ; ldrsh.w r9, [r1, #4]
    str.w r0, [r1, #300] ; strb.w r9, [r1], #1 ; ldr r0, [sp, #8] ; str r0, [sp, #8] ; ldrh r0, [r1, #2]
    strh r0, [r1, #2] ; mul r0, r1, r2 ; muls r0, r1 ; mla r0, r1, r2, r3 ; mls r0, r1, r2, r3
    smull r0, r1, r2, r3 ; umull r0, r1, r2, r3 ; sdiv r0, r1, r2 ; umlal r0, r1, r2, r3 ; udiv r0, r1, r2
    beq.w 1b ; b.w 1b ; bl 1b ; bx lr ; it eq ; moveq r0, #1 ; ubfx r0, r1, #2, #3 ; sxtb r0, r1 ; sxtb.w r9, r1
    movw r0, #65535 ; add.w r0, r1, r2, lsl #3 ; orr.w r0, r1, #256 ; clz r0, r1 ; rev r0, r1 ; mrs r0, apsr
    nop.w ; dsb ; isb ; mov r8, r0 ; add sp, #8 ; adr r0, 1b ; pop {r4, pc} ; blx r3
"""
DSP_ASSEMBLY = """
    smlad r0, r1, r2, r3 ; smuad r0, r1, r2 ; smmlar r0, r1, r2, r3 ; smmul r0, r1, r2 ; sxtb16 r0, r1, ror #8
    pkhbt r0, r1, r2, lsl #16 ; ssat r0, #8, r1 ; smlabb r0, r1, r2, r3 ; smulbb r0, r1, r2
    smlalbb r0, r1, r2, r3 ; uadd8 r0, r1, r2 ; sadd16 r0, r1, r2 ; qadd r0, r1, r2 ; sxtab16 r0, r1, r2
"""
HELIUM_ASSEMBLY = """
    dls lr, r0 ; 2: vldrb.u8 q0, [r0], #16 ; vldrw.u32 q1, [r1] ; vstrb.8 q0, [r2] ; le lr, 2b ; wls lr, r0, 3f ; nop
    3:
"""
RISCV_ASSEMBLY = """
    lw a0, 4(a1) ; lb t0, 1(a1) ; lhu a0, 2(t1) ; lw ra, 12(sp) ; sw a0, 4(a1) ; sw ra, 12(sp) ; sb t0, 1(a1)
    mul a0, a1, a2 ; mulh a0, a1, a2 ; mulhu a0, a1, a2 ; mulhsu a0, a1, a2 ; div a0, a1, a2 ; remu a0, a1, a2
    1: beqz a0, 1b ; bnez t0, 1b ; blt a0, a1, 1b ; j 1b ; jal ra, 1b ; jr a0 ; jalr a0 ; lui a0, 4 ; auipc a0, 4
    addi sp, sp, -16 ; mv a0, a1 ; addi a0, sp, 8 ; sub a0, a0, a1 ; srai a0, a0, 3 ; andi a0, a0, 7
    nop ; add t0, t0, a1 ; slli t0, t0, 3
"""


def classes(table: dict[str, str], mnemonic: str) -> str:
    name = mnemonic.removesuffix(".n").removesuffix(".w")
    return next((kind for kind, pattern in table.items() if re.fullmatch(pattern, name)), "other")


@pytest.mark.parametrize(
    ("name", "tools", "decode", "table", "assembly"),
    [
        ("cortex-m4", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY + DSP_ASSEMBLY),
        ("cortex-m3", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY),
        ("cortex-m55", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY + DSP_ASSEMBLY + HELIUM_ASSEMBLY),
        ("rv32imc", "riscv64-unknown-elf-", riscv.decode, RISCV, RISCV_ASSEMBLY),
    ],
)
def test_every_instruction_is_of_the_class_that_the_disassembler_names(
    name: str,
    tools: str,
    decode: Callable[[bytes, int], Instruction],
    table: dict[str, str],
    assembly: str,
    tmp_path: Path,
) -> None:
    target = load_target(name)
    assert target.compiler is not None
    assert target.emulator is not None
    needs(target.compiler.command, target.emulator.command, f"{tools}objdump")
    lines = "".join(f'    "{line.strip()}\\n"\n' for line in re.split("[;\n]", assembly) if line.strip())
    syntax = '".syntax unified\\n"' if "arm" in tools else ""
    text = TINY.files["tiny.c"] + f"void never(void);\nvoid never(void)\n{{\n__asm__({syntax}{lines});\n}}\n"
    folder = build_image(replace(TINY, files={**TINY.files, "tiny.c": text}), target, "none", "-O2", tmp_path).parent
    image = read_elf(folder / "image.elf")
    (section,) = [section for section in image.code if section.content]
    listing = subprocess.run(
        [f"{tools}objdump", "-d", "image.elf"], cwd=folder, check=True, capture_output=True, text=True
    )
    compared = set()
    for line in listing.stdout.splitlines():
        found = LINE.match(line)
        if not found or found[3].startswith((".word", ".short", ".byte")):
            continue
        wanted = classes(table, found[3])
        actual = decode(section.content, int(found[1], 16) - section.address)
        assert actual.size_bytes == len(found[2].replace(" ", "")) // 2, line
        assert actual.kind == wanted or (actual.kind in ("vector", "floating") and wanted == "other"), (line, actual)
        compared.add(actual.kind)
    assert compared >= {"other", "load", "store", "branch", "multiply", "multiply_long", "divide"}


def priced(words: list[int], name: str, decode: Decode) -> list[Price]:
    timings = load_target(name).timings
    assert timings is not None
    content = b"".join(word.to_bytes(4 if word > 0xFFFF else 2, "little") for word in words)
    return list(prices([CodeSection(0, content)], [], timings, decode).values())


def test_prices_are_those_of_the_tables() -> None:
    # ldr r0, [r1]; ldr r2, [r1]; str r0, [r1]; push {r0, r1, lr}; beq; adds r0, #1
    m4 = priced([0x6808, 0x680A, 0x6008, 0xB503, 0xD0FE, 0x3001], "cortex-m4", thumb.decode)
    assert [price.units for price in m4] == [200, 100, 100, 400, 100, 100]
    assert m4[4].taken_units == 200
    m0 = priced([0x6808, 0x680A, 0x6008, 0xD0FE], "cortex-m0", thumb.decode)
    assert [price.units for price in m0] == [200, 200, 200, 100]
    # lw a0, 4(a1); c.addi a0, 1 waits for it; lw a0, 4(a1); c.addi a2, 1 does not; mulh
    rv32 = priced([0x0045A503, 0x0505, 0x0045A503, 0x0605, 0x02C59533], "rv32imc", riscv.decode)
    assert [price.units for price in rv32] == [100, 200, 100, 100, 500]
