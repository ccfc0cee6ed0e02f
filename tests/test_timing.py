"""Classes of instructions against GNU's disassembler; prices of sequences against sums by hand."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from needs import needs
from tiny_network import TINY

from tinycnn.runners import i486, powerpc, riscv, thumb
from tinycnn.runners.elf import CodeSection, read_elf
from tinycnn.runners.emulated import build_image
from tinycnn.runners.timing import Decode, Instruction, Price, decoded, prices
from tinycnn.target import load_target

# Mnemonics of Arm's without conditions and widths; the rest is "other".
THUMB = {
    "vector_memory": r"(ldc|stc)2?l?",  # as which GNU's shows Helium's
    "load": r"ldr(b|h|sb|sh)?|vldr",
    "store": r"str(b|h)?|vstr",
    "jump_table": r"tbb|tbh",
    "multiple": r"ldm\w*|stm\w*|push|pop|ldrd|strd|vpush|vpop|vldm\w*|vstm\w*",
    "loop": r"le|letp|dls|dlstp|wls|wlstp",
    "branch": r"b|bl|bx|blx|cbn?z|bxns|b(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)",
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
POWERPC = {
    "load": r"l(bz|hz|ha|wz)u?x?|lhbrx|lwbrx|lwarx",
    "store": r"st[bhw]u?x?|sthbrx|stwbrx|stwcx\.",
    "multiple": r"lmw|stmw",
    "jump": r"b|bl|blr|bctr|bctrl|blrl",
    "branch": r"(b|bdn?z|bdn?z[tf]|b(lt|gt|eq|ne|ge|le|so|ns))(l|lr|ctr)?[+-]?",
    "multiply": r"mullwo?\.?|mulli",
    "multiply_long": r"mulhwu?\.?",
    "divide": r"divwu?o?\.?",
}
LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t([\w.]+)\t?([^;@]*)")

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
    str r0, [r1, r2] ; strb.w r9, [r10, r11, lsl #1] ; str r0, [r1, #-4]! ; ldr r0, [r1, #4]! ; ldr r0, [r1, #-4]
    ldrb r0, [r1, #1]! ; ldr.w pc, [r1, r2, lsl #2] ; ldr pc, [r1], #4 ; tbh [pc, r3, lsl #1] ; tbb [r1, r2]
    cmp r0, r1 ; cmp r8, r1 ; cmp.w r0, #3 ; cmn r0, r1 ; tst r0, r1 ; tst.w r0, r1, lsl #2 ; teq r0, #5 ; cmp r0, #1
    adds r0, #1 ; adds r0, r1, #1 ; add r8, r1 ; add r0, sp, #8 ; subw r7, r6, #4095 ; mov.w r9, #5 ; mvns r1, r2
    lsls r0, r1, #3 ; asr.w r0, r1, r2 ; rsbs r0, r1, #0 ; bfi r0, r1, #2, #3 ; movt r3, #5 ; ssat r4, #8, r1
    sub.w sp, sp, #1024 ; ldrsb r0, [r1, r2] ; ldrh.w r0, [r9, r2, lsl #1] ; strd r0, r1, [sp, #8] ; stmdb r9!, {r1, r2}
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
POWERPC_ASSEMBLY = """
    lwz 3, 8(4) ; lwzu 3, 8(4) ; lbz 3, 1(4) ; lbzu 3, 1(4) ; lhz 3, 2(4) ; lha 3, 2(4) ; lhau 3, 2(4) ; lmw 28, 8(1)
    lwzx 3, 4, 5 ; lbzx 3, 4, 5 ; lbzux 3, 4, 5 ; lhzx 3, 4, 5 ; lhax 3, 4, 5 ; lwbrx 3, 4, 5 ; lhbrx 3, 4, 5
    stw 3, 8(4) ; stwu 1, -16(1) ; stb 3, 1(4) ; stbu 3, 1(4) ; sth 3, 2(4) ; sthu 3, 2(4) ; stmw 28, 8(1)
    stwx 3, 4, 5 ; stbx 3, 4, 5 ; stwux 3, 4, 5 ; sthx 3, 4, 5 ; stwbrx 3, 4, 5 ; sthbrx 3, 4, 5
    mullw 3, 4, 5 ; mullwo 3, 4, 5 ; mulli 3, 4, 7 ; mulhw 3, 4, 5 ; mulhwu. 3, 4, 5 ; divw 3, 4, 5 ; divwuo 3, 4, 5
    1: beq 1b ; bdnz 1b ; bdz 1b ; b 1b ; bl 1b ; blr ; bctr ; bctrl ; bgelr ; bnectr ; mtctr 3 ; mflr 0 ; mtcrf 8, 12
    add 3, 4, 5 ; subf 3, 4, 5 ; addic. 3, 4, -1 ; li 3, 1 ; lis 3, 1 ; slwi 3, 4, 2 ; srawi 3, 4, 2 ; sraw 3, 4, 5
    slw 3, 4, 5 ; srw 3, 4, 5 ; neg 3, 4 ; extsb 3, 4 ; extsh 3, 4 ; cntlzw 3, 4 ; cmpw 3, 4 ; cmplwi 3, 4 ; nop
    and 3, 4, 5 ; or 3, 4, 5 ; xori 3, 4, 5 ; adde 3, 4, 5 ; addze 3, 4 ; crclr 6 ; mfcr 3 ; rlwimi 3, 4, 5, 6, 7
"""


# Arm's mnemonics of which the first operands are not results of data processing.
NO_RESULTS = r"(cmp|cmn|tst|teq)([a-z]{2})?|nop|it\w*|dsb|isb|dmb|msr|mrs|bkpt|svc|udf|cps\w+|wf[ei]|sev|yield"
REGISTERS = {f"r{number}": number for number in range(13)} | {
    "sl": 10,
    "fp": 11,
    "ip": 12,
    "sp": 13,
    "lr": 14,
    "pc": 15,
}


def classes(table: dict[str, str], mnemonic: str, operands: str) -> str:
    name = mnemonic.removesuffix(".n").removesuffix(".w")
    kind = next((kind for kind, pattern in table.items() if re.fullmatch(pattern, name)), "other")
    if table is THUMB and kind == "load" and operands.startswith("pc,"):
        return "jump_indirect"
    if table is THUMB and kind == "store" and re.search(r"\[\w+, [a-z]", operands):
        return "store_indexed"
    return kind


def registers(text: str) -> list[int]:
    return [REGISTERS[word] for word in re.findall(r"\w+", text) if word in REGISTERS]


def thumb_registers(kind: str, mnemonic: str, operands: str) -> Instruction:
    """Which registers an instruction concerns, as its disassembly says."""
    name, moved = mnemonic.removesuffix(".n").removesuffix(".w"), registers(operands)
    if kind == "multiple" and "[" not in operands:
        base = 13 if name in ("push", "pop", "vpush", "vpop") else moved[0]
        return Instruction(0, kind, needs=frozenset((base,)))
    if "[" in operands:
        needs = frozenset(registers(operands[operands.index("[") : operands.index("]")])) - {15}
        if kind != "load":
            return Instruction(0, kind, needs=needs)
        loaded = frozenset(() if name == "vldr" else moved[:1])
        updates = "]!" in operands or "], #" in operands
        return Instruction(0, kind, needs=needs, loaded=loaded, updates=updates)
    if kind == "branch":
        return Instruction(0, kind)
    if re.fullmatch(NO_RESULTS, name) or kind == "loop":
        return Instruction(0, kind)
    return Instruction(0, kind, late=frozenset(moved[: 2 if kind == "multiply_long" else 1]))


@pytest.mark.parametrize(
    ("name", "tools", "decode", "table", "assembly"),
    [
        ("cortex-m4", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY + DSP_ASSEMBLY),
        ("cortex-m3", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY),
        ("cortex-m55", "arm-none-eabi-", thumb.decode, THUMB, ARM_ASSEMBLY + DSP_ASSEMBLY + HELIUM_ASSEMBLY),
        ("rv32imc", "riscv64-unknown-elf-", riscv.decode, RISCV, RISCV_ASSEMBLY),
        ("powerpc", "powerpc-linux-gnu-", powerpc.decode, POWERPC, POWERPC_ASSEMBLY),
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
        wanted = classes(table, found[3], found[4])
        address = int(found[1], 16)
        actual = decode(section.content, address - section.address)
        assert actual.size_bytes == len(found[2].replace(" ", "")) // 2, line
        assert actual.kind == wanted or (actual.kind in ("vector", "floating") and wanted == "other"), (line, actual)
        if table is THUMB and not actual.kind.startswith(("vector", "floating")):
            concerned = thumb_registers(wanted, found[3], found[4])
            assert replace(actual, size_bytes=0, registers=0, target=None) == concerned, line
        if actual.kind in ("branch", "jump"):
            to = re.search(r"([0-9a-f]+) <", found[4])
            assert actual.target == (int(to[1], 16) - address if to else None), line
        compared.add(actual.kind)
    assert compared >= {"other", "load", "store", "branch", "multiply", "multiply_long", "divide"}


def priced(words: list[int], name: str, decode: Decode) -> list[Price]:
    timings = load_target(name).timings
    assert timings is not None
    order: Literal["big", "little"] = "big" if name == "powerpc" else "little"
    content = b"".join(word.to_bytes(4 if word > 0xFFFF else 2, order) for word in words)
    return list(prices(decoded([CodeSection(0, content)], [], decode), timings).values())


def test_prices_are_those_of_the_tables() -> None:
    # ldr r0, [r1]; ldr r2, [r1]; str r0, [r1]; ldr r0, [r1]; push {r0, r1, lr}; beq; adds r0, #1
    m4 = priced([0x6808, 0x680A, 0x6008, 0x6808, 0xB503, 0xD0FE, 0x3001], "cortex-m4", thumb.decode)
    assert [price.units for price in m4] == [200, 100, 100, 200, 400, 100, 100]
    assert m4[5].taken_units == 200
    m0 = priced([0x6808, 0x680A, 0x6008, 0xD0FE], "cortex-m0", thumb.decode)
    assert [price.units for price in m0] == [200, 200, 200, 100]
    # lw a0, 4(a1); c.addi a0, 1 waits for it; lw a0, 4(a1); c.addi a2, 1 does not; mulh
    rv32 = priced([0x0045A503, 0x0505, 0x0045A503, 0x0605, 0x02C59533], "rv32imc", riscv.decode)
    assert [price.units for price in rv32] == [100, 200, 100, 100, 500]
    # lbz 9, 0(10); extsb 9, 9 waits; mullw 8, 9, 7; add 3, 3, 8 waits; lwz 9, 0(10); addi 9, 3, 1 does not; mulhw; bdnz
    words = [0x892A0000, 0x7D290774, 0x7D0939D6, 0x7C634214, 0x812A0000, 0x39230001, 0x7C642896, 0x4200FFE4]
    ppc = priced(words, "powerpc", powerpc.decode)
    assert [price.units for price in ppc] == [100, 200, 100, 200, 100, 100, 400, 100]
    assert ppc[-1].taken_units == 100


# Clock counts of the manual's table, added by hand; behind a comma what is added when it jumps.
I486_CLOCKS = """
    mov eax, [ebx] = 1           ; mov ecx, [eax+4] = 2 address late     ; mov ecx, [esi+edi*4] = 2 index
    add eax, [ebx] = 2           ; mov [eax], ecx = 2 address late       ; add [ebx], eax = 3
    mov dword ptr [ebx+8], 1 = 2 constant beside displacement            ; mov dword ptr [ebx], 1 = 1
    movsx eax, byte ptr [ebx+esi] = 4 index ; movzx eax, cl = 3          ; lea eax, [ebx+8] = 1
    lea eax, [ebx+esi*2+8] = 2 index ; imul eax, ecx = 15                ; imul ecx = 41 ; cdq = 3 ; idiv ebx = 43
    push ebx = 1                 ; pop ebx = 1 ; push dword ptr [esi] = 4 ; sub esp, 8 = 1 ; push eax = 2 stack moved
    shl eax, 3 = 2               ; sar eax, cl = 3 ; shl eax, 1 = 3      ; shrd eax, edx, 5 = 2
    shl dword ptr [esi], 2 = 4
    cmp eax, [esi] = 2           ; cmp eax, ecx = 1 ; test byte ptr [esi], 1 = 2 ; inc dword ptr [esi] = 3 ; inc eax = 1
    1: je 1b = 1,2               ; jmp 1b = 3 ; call 1b = 3 ; call eax = 5 ; jmp dword ptr [esi] = 5
    ret = 5                      ; leave = 5 ; sete al = 3.5 ; xchg eax, ecx = 3 ; nop = 1 ; neg edx = 1
    mov ax, [ebx] = 2 prefix     ; rep movsd = 4 prefix ; movsb = 7      ; add eax, 100000 = 1
    cmp dword ptr [esi], 0 = 2
    mov eax, [esp+4] = 1         ; mov ebx, 5 = 1 ; mul byte ptr [esi] = 41 ; adc edx, 0 = 1
"""


def test_i486_prices_are_those_of_the_manual(tmp_path: Path) -> None:
    target = load_target("i486")
    assert target.compiler is not None
    assert target.timings is not None
    needs(target.compiler.command, "objdump")
    parts = [re.split(" = ", part.strip()) for part in re.split("[;\n]", I486_CLOCKS) if part.strip()]
    (tmp_path / "code.s").write_text(".intel_syntax noprefix\n" + "".join(f"{code}\n" for code, _ in parts))
    subprocess.run(["gcc", "-m32", "-c", "code.s"], cwd=tmp_path, check=True)
    priced = prices(i486.instructions(tmp_path / "code.o", "objdump"), target.timings)
    assert len(priced) == len(parts)
    for (code, clocks), (address, price) in zip(parts, sorted(priced.items()), strict=True):
        untaken, _, taken = clocks.partition(" ")[0].partition(",")
        assert price.units == round(100 * float(untaken)), (code, address)
        assert not taken or price.taken_units == 100 * int(taken), code


def test_every_i486_instruction_of_a_network_is_known(tmp_path: Path) -> None:
    """What has no class of its own costs one clock: nothing may get there by having been forgotten."""
    target = load_target("i486")
    assert target.compiler is not None
    assert target.emulator is not None
    needs(target.compiler.command, target.emulator.command, "objdump")
    build_image(TINY, target, "none", "-O2", tmp_path)
    done = subprocess.run(
        ["objdump", "-d", "-M", "intel", "--insn-width=15", "image.elf"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    names = {
        found[2].strip().split()[0] for found in re.finditer(r"^ *\w+:\t([^\t]+)\t(.+)$", done.stdout, re.MULTILINE)
    }
    one_clock = {
        "mov",
        "lea",
        "add",
        "sub",
        "and",
        "or",
        "xor",
        "inc",
        "dec",
        "neg",
        "not",
        "cmp",
        "test",
        "adc",
        "sbb",
    }
    one_clock |= {"push", "pop", "nop", "int", "xchg", "data16", "cs"}
    others = {name for name in names if i486.classify(b"\x90", f"{name} eax,ecx").kind == "other"}
    assert others <= one_clock
