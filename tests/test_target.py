"""Target profiles: the ones that come with tinycnn, and what is said about a wrong one."""

import re
from pathlib import Path

import pytest

from tinycnn.errors import TargetError
from tinycnn.target import load_target, target_names
from tinycnn.toml_table import targets_folder

PROFILE = """
title = "A chip"
core = "Core"
architecture = "avr5"
clock_hz = 1_000_000
memory = "separate"
ram_bytes = 1024
flash_bytes = 4096
int_bits = 16

[compiler]
command = "cc"
flags = ["-O1"]
package = "gcc"

[estimate]
convolution_instructions_per_mac = 1
depthwise_instructions_per_mac = 2.5
dense_instructions_per_mac = 3
instructions_per_output = 4
cycles_per_instruction = 0.5
"""


def write(folder: Path, text: str) -> str:
    path = folder / "chip.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_targets_that_issue_and_readme_promise_are_there() -> None:
    assert target_names() == (
        "atmega2560",
        "atmega328p",
        "cortex-m0",
        "cortex-m3",
        "cortex-m33",
        "cortex-m33-soft",
        "cortex-m4",
        "cortex-m4-soft",
        "cortex-m55",
        "cortex-m7",
        "dsp32c-486",
        "esp32-c3",
        "esp8266",
        "host",
        "i486",
        "microbit",
        "nrf52840",
        "powerpc",
        "rp2040",
        "rv32imc",
        "stm32f446",
    )


@pytest.mark.parametrize("name", target_names())
def test_every_profile_loads_under_its_name(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert (target.flash_bytes is None) == (target.memory == "unified")
    assert target.compiler is not None


@pytest.mark.parametrize("name", target_names())
def test_every_number_of_the_machine_has_a_source(name: str) -> None:
    lines = (targets_folder() / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    numbers = [line for line in lines if re.match(r"(clock_hz|ram_bytes|flash_bytes|int_bits|cycles\w*) = \d", line)]
    assert len(numbers) >= 4
    for line in numbers:
        above = lines[lines.index(line) - 1]
        assert "# " in line or above.startswith("# "), f"no source: {line}"


def test_the_486_with_a_dsp32c_has_one_memory_of_256_kb_and_a_compiler_that_stands_in() -> None:
    target = load_target("dsp32c-486")
    assert (target.memory, target.ram_bytes, target.flash_bytes) == ("unified", 256 * 1024, None)
    assert target.clock_hz == 66_000_000
    assert target.compiler is not None
    assert target.compiler.stand_in
    assert "-march=i486" in target.compiler.flags


def test_only_a_stand_in_is_one() -> None:
    stand_ins = [name for name in target_names() if (c := load_target(name).compiler) is not None and c.stand_in]
    assert stand_ins == ["dsp32c-486"]


def test_board_files_of_an_emulator_are_found() -> None:
    emulator = load_target("cortex-m4").emulator
    assert emulator is not None
    assert all(path.is_file() for path in (*emulator.sources, emulator.linker_script))


def test_a_users_own_file_is_a_target(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, PROFILE))
    assert (target.name, target.int_bits, target.ram_bytes, target.flash_bytes) == ("chip", 16, 1024, 4096)
    assert target.compiler is not None
    assert target.compiler.flags == ("-O1",)
    assert not target.compiler.stand_in
    assert target.emulator is None
    assert target.estimate.depthwise_instructions_per_mac == 2.5


def test_an_unknown_name_gets_a_guess_and_the_list() -> None:
    with pytest.raises(TargetError, match=r"'nrf5284' \(did you mean nrf52840\?\).*atmega2560, atmega328p"):
        load_target("nrf5284")
    with pytest.raises(TargetError, match=r"called 'zzz'; the targets are"):
        load_target("zzz")


def test_a_name_is_no_way_out_of_the_folder() -> None:
    with pytest.raises(TargetError, match="There is no target"):
        load_target("../targets/host")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"Cannot read the target file .*none\.toml: No such file"):
        load_target(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz = 1_000_000", "", r"chip\.toml: clock_hz is missing\."),
        ("ram_bytes = 1024", 'ram_bytes = "1K"', "ram_bytes must be a whole number above 0"),
        ("ram_bytes = 1024", "ram_bytes = 0", "ram_bytes must be a whole number above 0"),
        ("ram_bytes = 1024", "ram_bytes = true", "ram_bytes must be a whole number above 0"),
        ("ram_bytes = 1024", "ram_byte = 1024", "ram_bytes is missing"),
        ("int_bits = 16", "int_bits = 24", "int_bits must be 16, 32 or 64, but is 24"),
        ('memory = "separate"', 'memory = "shared"', 'memory must be "separate" or "unified"'),
        ('memory = "separate"', 'memory = "unified"', "flash_bytes has no place in unified memory"),
        (
            'title = "A chip"',
            'title = "A chip"\nweight_grams = 3',
            "weight_grams is not a key of a target file; the keys",
        ),
        ('flags = ["-O1"]', 'flags = "-O1"', r"compiler\.flags must be a list"),
        ('package = "gcc"', 'packge = "gcc"', r"compiler\.package is missing"),
        (
            'package = "gcc"',
            'package = "gcc"\nstandin = true',
            r"compiler\.standin .*\(did you mean stand_in\?\)",
        ),
        (
            "cycles_per_instruction = 0.5",
            "cycles_per_instruction = -1",
            r"estimate\.cycles_\w+ must be a number",
        ),
        (
            "cycles_per_instruction = 0.5",
            "cycles_per_instruction = nan",
            r"estimate\.cycles_\w+ must be a number",
        ),
        (
            "cycles_per_instruction = 0.5",
            "cycles_per_instruction = inf",
            r"estimate\.cycles_\w+ must be a number",
        ),
        ("[estimate]", "[estimates]", "estimate is missing"),
        ("[estimate]", "estimate", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PROFILE
    with pytest.raises(TargetError, match=message):
        load_target(write(tmp_path, PROFILE.replace(old, new)))


EMULATOR = """
[emulator]
command = "qemu-system-arm"
arguments = []
package = "qemu-system-arm"
sources = ["start.c"]
linker_script = "boards/common/link.ld"
ram_origin = 0x2000
flash_origin = 0
"""


def test_board_files_lie_beside_the_profile_or_come_with_tinycnn(tmp_path: Path) -> None:
    (tmp_path / "start.c").touch()
    emulator = load_target(write(tmp_path, PROFILE + EMULATOR)).emulator
    assert emulator is not None
    assert emulator.sources == ((tmp_path / "start.c").resolve(),)
    assert emulator.linker_script.parent.name == "common"


def test_a_missing_board_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"emulator\.sources names the file start\.c, which is neither"):
        load_target(write(tmp_path, PROFILE + EMULATOR))


def test_an_emulator_without_a_compiler_is_refused(tmp_path: Path) -> None:
    (tmp_path / "start.c").touch()
    without = re.sub(r"\[compiler\].*?\n\n", "", PROFILE, flags=re.DOTALL)
    assert "[compiler]" not in without
    with pytest.raises(TargetError, match=r"an \[emulator\] needs a \[compiler\]"):
        load_target(write(tmp_path, without + EMULATOR))
