"""Running generated C under QEMU, on the board that a target names."""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tinycnn.errors import ToolError
from tinycnn.runners.harness import (
    STATUSES,
    Instrumentation,
    Int8Array,
    RunResult,
    common_folder,
    instrumentation_flags,
    run_network,
    write_sources,
)
from tinycnn.runners.size import too_many_constants
from tinycnn.runners.toolchain import compile_object, host_compiler, is_python, require, run, with_installed_tools
from tinycnn.target import Compiler, Emulator, Target
from tinycnn_codegen.generated import Generated

IMAGE = "image.elf"

# What GNU ld says about full memory; old ones do not say by how much.
_FULL = re.compile(r"(?:will not fit in|is not within) region [`'](\w+)'")
_OVERFLOW = re.compile(r"region [`'](\w+)' overflowed by (\d+)")


def run_emulated(
    generated: Generated, inputs: Sequence[Int8Array], target: Target, *, optimize: str = "-O2"
) -> RunResult:
    """Compile for `target` and run on its emulator; the stack is measured.

    `inputs` are int8 arrays [inferences, ...] in the order of `generated.inputs`. Raises DataError if they do
    not fit, ToolError if a tool is missing or fails, or the image does not fit the target.
    """
    emulator_of(target)

    def execute(instrumentation: Instrumentation, packed: bytes) -> bytes:
        with TemporaryDirectory(prefix="tinycnn-") as name:
            folder = Path(name)
            build_image(generated, target, instrumentation, optimize, folder)
            return run_image(generated, target, packed, folder)

    return run_network(generated, inputs, execute)


def emulator_of(target: Target) -> tuple[Compiler, Emulator]:
    """Compiler and emulator of `target`, or what stands in for them.

    Raises ToolError if it names none, or none is installed.
    """
    target = with_installed_tools(target)
    if target.compiler is None or target.emulator is None:
        raise ToolError(f"The target {target.name} has no emulator: its profile has no [emulator] table.")
    require(target.compiler.command, target.compiler.package, pypi=target.pypi is not None)
    require(target.emulator.command, target.emulator.package, pypi=target.pypi is not None)
    return target.compiler, target.emulator


def build_image(
    generated: Generated, target: Target, instrumentation: Instrumentation, optimize: str, folder: Path
) -> Path:
    """Compile and link network, harness and board into `folder`; returns the image. Raises ToolError."""
    compiler, emulator = emulator_of(target)
    flags = [*compiler.flags, *instrumentation_flags(), "-I", str(common_folder())]
    sources = write_sources(folder, generated, instrumentation)
    try:
        objects = [compile_object(compiler.command, source, [*flags, optimize], folder) for source in sources]
    except ToolError as error:
        raise too_many_constants(generated, target) or error from None
    # The harness is the same in every build, whatever the network is compiled with.
    fixed_flags = [*flags, "-O2"]
    for source in (common_folder() / "harness.c", common_folder() / "memory.c", *emulator.sources):
        objects.append(compile_object(compiler.command, source, fixed_flags, folder, f"board_{source.stem}"))
    command = [
        *(compiler.command, *compiler.flags, *_memory_flags(target, emulator, folder)),
        *(*(item.name for item in objects), "-lgcc", "-o", IMAGE),
    ]
    try:
        run(command, folder, f"linking {generated.name} for {target.name}")
    except ToolError as error:
        over = too_many_constants(generated, target) or _over_budget(generated, target, str(error))
        raise over or error from None
    return folder / IMAGE


def _memory_flags(target: Target, emulator: Emulator, folder: Path) -> list[str]:
    """What tells the linker where memory is and how much: our script with the numbers put in, since not every linker
    takes symbols there; else the symbols of avr-libc's scripts.
    """
    if emulator.linker_script is None:
        lengths = {"__DATA_REGION_LENGTH__": target.ram_bytes, "__TEXT_REGION_LENGTH__": target.flash_bytes}
        return [f"-Wl,--defsym={symbol}={value}" for symbol, value in lengths.items()]
    memory = {
        "RAM_ORIGIN": emulator.ram_origin,
        "RAM_BYTES": target.ram_bytes,
        "FLASH_ORIGIN": emulator.flash_origin,
        "FLASH_BYTES": target.flash_bytes,
    }
    text = emulator.linker_script.read_text(encoding="utf-8")
    script = re.sub("|".join(rf"\b{name}\b" for name in memory), lambda found: str(memory[found[0]]), text)
    (folder / "image.ld").write_text(script, encoding="utf-8")
    # Zig's library of arithmetic is one object of 200 KB.
    return ["-nostdlib", "-static", "-Wl,--gc-sections", "-T", "image.ld"]


def _over_budget(generated: Generated, target: Target, message: str) -> ToolError | None:
    """What the linker says about full memory, as a sentence; None if that is not what it complains about."""
    flash, ram = ("flash", target.flash_bytes), ("RAM", target.ram_bytes)
    names = {"FLASH": flash, "text": flash, "RAM": ram, "data": ram}
    over = dict.fromkeys(_FULL.findall(message), "")
    over |= {region: f"{int(count):,} bytes " for region, count in _OVERFLOW.findall(message)}
    parts = [f"{count}over its {names[region][1]:,} bytes of {names[region][0]}" for region, count in over.items()]
    if not parts:
        return None
    return ToolError(
        f"{generated.name} does not fit {target.name}: with the program that runs it, it is "
        f"{' and '.join(parts)}. A smaller model, or a plan with --ram, may."
    )


def run_image(
    generated: Generated, target: Target, packed: bytes, folder: Path, arguments: Sequence[str] = ()
) -> bytes:
    """Run the image in `folder` on packed inputs; returns the packed results.

    `arguments` are added to the emulator's. Raises ToolError if the program or the emulator fails.
    """
    _, emulator = emulator_of(target)
    (folder / "inputs.bin").write_bytes(packed)
    run(
        [
            *(*_executable(emulator, folder), *arguments, *emulator.arguments, IMAGE),
        ],
        folder,
        f"running {generated.name} on the emulated {target.name}",
        statuses=STATUSES,
    )
    return (folder / "results.bin").read_bytes()


def _executable(emulator: Emulator, folder: Path) -> list[str]:
    """What to start: the emulator's command, or its program, which in C is built into `folder` first."""
    if emulator.program is None:
        return [emulator.command]
    if is_python(emulator):
        return [emulator.command, str(emulator.program)]
    name = emulator.program.stem
    command = [host_compiler(), "-std=c99", "-O2", str(emulator.program), *emulator.libraries, "-o", name]
    run(command, folder, f"compiling {emulator.program.name}, which takes apt-get install {emulator.package}")
    return [f"./{name}"]
