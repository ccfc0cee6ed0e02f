"""Cycles of short sequences on Cortex-M4 and Cortex-M3 against sums by hand, from the lists of their manuals."""

import subprocess
from pathlib import Path

import pytest
from needs import needs

from tinycnn.runners import thumb
from tinycnn.runners.elf import read_elf
from tinycnn.runners.timing import Price, decoded, prices
from tinycnn.target import load_target


def priced(assembly: str, name: str, folder: Path) -> list[Price]:
    """Of every instruction, as `name` executes it."""
    needs("arm-none-eabi-gcc")
    lines = assembly.replace(";", "\n")
    (folder / "code.s").write_text(f".syntax unified\n.thumb\n{lines}\n")
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-Ttext=0", "-o", "code.elf", "code.s"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    image, timings = read_elf(folder / "code.elf"), load_target(name).timings
    assert timings is not None
    sections = [section for section in image.code if section.content]
    return list(prices(decoded(sections, image.symbols, thumb.decode), timings).values())


@pytest.mark.parametrize(
    ("assembly", "m4", "m3"),
    [
        # The manual's examples of pairs, whose sums it gives: three, three, three and four.
        ("ldr r0, [r1] ; ldr r1, [r2]", [2, 1], None),
        ("ldr r0, [r1, r2] ; str r0, [r3, #20]", [2, 1], None),
        ("ldr r0, [r1, r2] ; str r1, [r3, r2]", [2, 1], None),
        ("ldr r0, [r1, r5] ; ldr r1, [r2] ; ldr r2, [r3, #4]", [2, 1, 1], None),
        ("nop ; ldr pc, [r0] ; nop ; tbb [r0, r1] ; tbh [r0, r1, lsl #1]", [1, 5, 1, 6, 6], None),
        # An address waits for the sum before it, a stored value does not; nor does what stands further behind.
        ("adds r0, #4 ; ldr r1, [r0] ; adds r0, #4 ; nop ; ldr r1, [r0]", [1, 3, 1, 1, 2], None),
        ("adds r0, #4 ; str r0, [r1] ; adds r2, #4 ; strb r0, [r1, r2]", [1, 1, 1, 3], None),
        ("mla r0, r1, r2, r3 ; ldm r0, {r1, r2} ; sub sp, #8 ; push {r4, lr}", [1, 4, 1, 4], [2, 4, 1, 4]),
        ("cmp r0, #4 ; ldr r1, [r0] ; add.w r10, r0, #4 ; ldrd r1, r2, [r10]", [1, 2, 1, 4], None),
        # A loaded address: the second load does not overlap. A changed base: only in the Cortex-M3's manual.
        ("ldr r0, [r1] ; ldr r2, [r0] ; ldr r2, [r1, r2]", [2, 2, 2], None),
        ("ldr r0, [r1], #4 ; ldr r2, [r1], #4 ; ldr r2, [r1] ; ldr r3, [r1]", [2, 1, 1, 1], [2, 2, 2, 1]),
        # Nothing overlaps with a store before it.
        ("nop ; str r0, [r1, r2] ; ldr r0, [r1] ; str r3, [r1, r2]", [1, 2, 2, 1], None),
        ("ldr r0, [r1] ; str r3, [r0, r2] ; str r3, [r1, r2]", [2, 2, 2], None),
    ],
)
def test_loads_and_stores_wait_as_the_manual_says(
    assembly: str, m4: list[int], m3: list[int] | None, tmp_path: Path
) -> None:
    assert [price.units for price in priced(assembly, "cortex-m4", tmp_path)] == [100 * cycles for cycles in m4]
    assert [price.units for price in priced(assembly, "cortex-m3", tmp_path)] == [100 * cycles for cycles in m3 or m4]


@pytest.mark.parametrize(
    ("assembly", "untaken", "taken"),
    [
        ("ldr r0, [r1] ; 1: ldr r2, [r1] ; bne 1b", [2, 1, 1], 3),
        ("adds r0, #4 ; 1: ldr r1, [r0] ; subs r2, #1 ; bne 1b", [1, 3, 1, 1], 1),
        ("adds r0, #4 ; 1: str r1, [r0, r3] ; b.w 1b", [1, 3, 1], 1),
        ("ldr r0, [r1] ; 1: ldr r2, [r0] ; bl 1b", [2, 2, 1], 2),
    ],
)
def test_what_a_branch_enters_neither_overlaps_nor_waits(
    assembly: str, untaken: list[int], taken: int, tmp_path: Path
) -> None:
    """Two cycles fill the pipeline again, and the instruction there takes as long as behind none."""
    found = priced(assembly, "cortex-m4", tmp_path)
    assert [price.units for price in found] == [100 * cycles for cycles in untaken]
    assert found[-1].taken_units == 100 * taken
