"""Target profiles: what a chip offers, which compiler and emulator stand for it, and what its instructions
cost.

A profile is a TOML file; targets/README.md explains the format. All sizes are bytes, clocks are hertz.
"""

import difflib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast

from tinycnn.errors import TargetError
from tinycnn.timings import Timings, read_timings
from tinycnn.toml_table import TomlTable, read_toml, targets_folder

EXTENSIONS = ("dsp", "fpu", "mve")
"""What a processor may have beside its instruction set: Arm's DSP extension, a floating-point unit, Helium."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """The C compiler that measures code size for a target, and builds for its emulator.

    `package` is the Debian package that holds `command`. `stand_in` says that the target's own compiler is
    not available and this one, for a similar processor, takes its place: sizes are then estimates.
    """

    command: str
    flags: tuple[str, ...]
    package: str
    stand_in: bool


@dataclass(frozen=True, slots=True)
class Emulator:
    """What runs images for a target: QEMU, or a program of ours around a library that simulates the processor.

    `program` is the C or Python file of such a program and `libraries` what C is linked with; `command` then only tells
    whether the library is installed. `arguments` select the machine; the name of the image follows them. `sources`
    (start-up code and port) and `linker_script` make an image, whose memory begins at `ram_origin` and, unless it is
    one for all, at `flash_origin`. Where they are None, the compiler's own start-up and script are taken.
    """

    command: str
    arguments: tuple[str, ...]
    package: str
    sources: tuple[Path, ...]
    linker_script: Path | None
    ram_origin: int | None
    flash_origin: int | None
    program: Path | None = None
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PyPI:
    """What stands in where compiler or emulator are not installed: zig and unicorn (`pip install tinycnn[emulate]`).

    `compiler_flags` select the processor for zig, `emulator_arguments` for emulators/run_cortex_m.py.
    """

    compiler_flags: tuple[str, ...]
    emulator_arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What portable generated C is expected to cost, before anything was run.

    Instructions per multiply-accumulate in the three kinds of layers, per output element on top of that (its
    requantization and store), and the mean cycles of an instruction.
    """

    convolution_instructions_per_mac: float
    depthwise_instructions_per_mac: float
    dense_instructions_per_mac: float
    instructions_per_output: float
    cycles_per_instruction: float


@dataclass(frozen=True, slots=True)
class Card:
    """A signal processor beside the main one, for which there is no compiler: what a network costs on it, by a model.

    Its instructions take equally long. `instructions_per_int8_mac` are spent where weights and activations are int8 in
    memory and the processor computes in float, `instructions_per_float_mac` where they are floats there.
    """

    title: str
    instructions_per_second: int
    word_bits: int
    address_bits: int
    instructions_per_int8_mac: float
    instructions_per_float_mac: float
    instructions_per_output: float


@dataclass(frozen=True, slots=True)
class Target:
    """One machine.

    In "separate" memory, code and constants lie in flash, arena and stack in RAM. In "unified" memory all
    four share `ram_bytes`, and `flash_bytes` is None. `architecture` is what the processor executes, `extensions`
    which of EXTENSIONS it has on top. `int_bits` is the width of C's int. `compiler` is None
    where no compiler can measure code, `emulator` where nothing can run it, `pypi` where PyPI has neither,
    `timings` where emulators are exact or nothing is known of single instructions, `card` where there is none.
    """

    name: str
    title: str
    core: str
    architecture: str
    extensions: tuple[str, ...]
    clock_hz: int
    memory: Literal["separate", "unified"]
    ram_bytes: int
    flash_bytes: int | None
    int_bits: int
    compiler: Compiler | None
    emulator: Emulator | None
    pypi: PyPI | None
    timings: Timings | None
    card: Card | None
    estimate: Estimate


def target_names() -> tuple[str, ...]:
    """The names of all profiles that come with tinycnn, sorted."""
    return tuple(sorted(path.stem for path in targets_folder().glob("*.toml")))


def load_target(name: str) -> Target:
    """The profile called `name`, or the one in the file `name` if that ends in .toml.

    Raises TargetError if there is no such profile, or its file does not hold exactly the keys it should.
    """
    if name.endswith(".toml"):
        return _read_target(Path(name))
    names = target_names()
    if name not in names:
        close = difflib.get_close_matches(name.lower(), names, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        raise TargetError(
            f"There is no target called {name!r}{guess}; the targets are {', '.join(names)}, or give the "
            "path of a .toml file."
        )
    return _read_target(targets_folder() / f"{name}.toml")


def _read_target(path: Path) -> Target:
    top = read_toml(path)
    memory = cast(Literal["separate", "unified"], top.choice("memory", ("separate", "unified")))
    if memory == "unified" and top.has("flash_bytes"):
        raise TargetError(f"{path}: flash_bytes has no place in unified memory, where ram_bytes holds everything.")
    target = Target(
        name=path.stem,
        title=top.text("title"),
        core=top.text("core"),
        architecture=top.text("architecture"),
        extensions=top.texts("extensions") if top.has("extensions") else (),
        clock_hz=top.count("clock_hz"),
        memory=memory,
        ram_bytes=top.count("ram_bytes"),
        flash_bytes=top.count("flash_bytes") if memory == "separate" else None,
        int_bits=top.count("int_bits"),
        compiler=_read_compiler(top.table("compiler")) if top.has("compiler") else None,
        emulator=_read_emulator(top.table("emulator"), memory) if top.has("emulator") else None,
        pypi=_read_pypi(top.table("pypi")) if top.has("pypi") else None,
        timings=read_timings(top.file("timings", top.text("timings"))) if top.has("timings") else None,
        card=_read_card(top.table("card")) if top.has("card") else None,
        estimate=_read_estimate(top.table("estimate")),
    )
    top.refuse_the_rest()
    if target.int_bits not in (16, 32, 64):
        raise TargetError(f"{path}: int_bits must be 16, 32 or 64, but is {target.int_bits}.")
    for extension in target.extensions:
        if extension not in EXTENSIONS:
            raise TargetError(f"{path}: {extension!r} is no extension; there are {', '.join(EXTENSIONS)}.")
    if target.emulator is not None and target.compiler is None:
        raise TargetError(f"{path}: an [emulator] needs a [compiler] that builds for it.")
    return target


def _read_compiler(table: TomlTable) -> Compiler:
    compiler = Compiler(
        command=table.text("command"),
        flags=table.texts("flags"),
        package=table.text("package"),
        stand_in=table.has("stand_in") and table.flag("stand_in"),
    )
    table.refuse_the_rest()
    return compiler


def _read_emulator(table: TomlTable, memory: str) -> Emulator:
    scripted = table.has("linker_script")
    programmed = table.has("program")
    emulator = Emulator(
        command=table.text("command"),
        arguments=table.texts("arguments"),
        package=table.text("package"),
        sources=tuple(table.file("sources", name) for name in table.texts("sources")),
        linker_script=table.file("linker_script", table.text("linker_script")) if scripted else None,
        ram_origin=table.address("ram_origin") if scripted else None,
        flash_origin=table.address("flash_origin") if scripted and memory == "separate" else None,
        program=table.file("program", table.text("program")) if programmed else None,
        libraries=table.texts("libraries") if programmed else (),
    )
    table.refuse_the_rest()
    return emulator


def _read_pypi(table: TomlTable) -> PyPI:
    pypi = PyPI(table.texts("compiler_flags"), table.texts("emulator_arguments"))
    table.refuse_the_rest()
    return pypi


def _read_card(table: TomlTable) -> Card:
    card = Card(
        title=table.text("title"),
        instructions_per_second=table.count("instructions_per_second"),
        word_bits=table.count("word_bits"),
        address_bits=table.count("address_bits"),
        instructions_per_int8_mac=table.number("instructions_per_int8_mac"),
        instructions_per_float_mac=table.number("instructions_per_float_mac"),
        instructions_per_output=table.number("instructions_per_output"),
    )
    table.refuse_the_rest()
    return card


def _read_estimate(table: TomlTable) -> Estimate:
    estimate = Estimate(**{field.name: table.number(field.name) for field in fields(Estimate)})
    table.refuse_the_rest()
    return estimate
