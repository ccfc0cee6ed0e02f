"""Compilers and emulators as programs: finding and running them, saying what is missing or went wrong."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tinycnn.errors import ToolError
from tinycnn.runners import zig
from tinycnn.target import Compiler, Emulator, Target
from tinycnn.toml_table import targets_folder

STRICT_FLAGS = (
    *("-std=c99", "-pedantic", "-Wall", "-Wextra"),
    *("-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"),
)

# Generous: the slowest thing done here, a large network under an emulator that counts, takes seconds.
TIMEOUT_SECONDS = 600

_HOST_PACKAGE = "gcc"
_PYPI_PACKAGE = "tinycnn[emulate]"
_ERROR_LINES = 6
# What compilers, linkers (phrases of GNU ld, before its "error: ld returned 1") and sanitizers say.
_ERROR = re.compile(r"error:|undefined reference|overflowed by|not within region|will not fit")


def host_compiler() -> str:
    """The C compiler of this machine: $CC, or the first of cc, gcc, clang, or zig from PyPI.

    Raises ToolError if there is none.
    """
    for command in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if command and shutil.which(command):
            return command
    substitute = zig.zig_compiler()
    if substitute is not None:
        return substitute
    raise ToolError(
        f"No C compiler was found ($CC, cc, gcc, clang): {_install_line([_HOST_PACKAGE])} gives one, and without"
        f" root pip install '{_PYPI_PACKAGE}'."
    )


def with_installed_tools(target: Target) -> Target:
    """`target` with zig and unicorn in place of a compiler and an emulator that are not installed, if it may."""
    if target.pypi is None or target.compiler is None or target.emulator is None:
        return target
    compiler, emulator = target.compiler, target.emulator
    substitute = zig.zig_compiler()
    if substitute and not shutil.which(compiler.command):
        compiler = Compiler(substitute, target.pypi.compiler_flags, _PYPI_PACKAGE, stand_in=False)
    if importlib.util.find_spec("unicorn") and not shutil.which(emulator.command):
        program = targets_folder() / "emulators" / "run_cortex_m.py"
        arguments = target.pypi.emulator_arguments
        emulator = replace(emulator, command=sys.executable, arguments=arguments, program=program)
    return replace(target, compiler=compiler, emulator=emulator)


def is_python(emulator: Emulator) -> bool:
    """Whether images are run by a Python program, which needs no compiler of this machine."""
    return emulator.program is not None and emulator.program.suffix == ".py"


def emulator_version(emulator: Emulator) -> str:
    """Name and, where it tells, version of what runs images."""
    if is_python(emulator):
        return f"unicorn {importlib.metadata.version('unicorn')}"
    return emulator.command


def missing_tools(target: Target) -> tuple[str, ...]:
    """The programs that measuring code for `target` and running it take, and that are not installed."""
    return tuple(command for command, _ in _needed(target) if not shutil.which(command))


def install_line(target: Target) -> str:
    """The command that installs the missing tools of `target` on Debian and Ubuntu; empty if none is."""
    packages = [package for command, package in _needed(target) if not shutil.which(command)]
    return _install_line(packages) if packages else ""


def _needed(target: Target) -> list[tuple[str, str]]:
    target = with_installed_tools(target)
    needed: list[tuple[str, str]] = []
    if target.compiler is not None:
        needed.append((target.compiler.command, target.compiler.package))
    if target.emulator is not None:
        needed.append((target.emulator.command, target.emulator.package))
        if is_python(target.emulator):
            return needed
        try:
            host_compiler()  # builds the plugin that counts instructions
        except ToolError:
            needed.append(("cc", _HOST_PACKAGE))
    return needed


def _install_line(packages: Iterable[str]) -> str:
    return "apt-get install " + " ".join(dict.fromkeys(packages))


def require(command: str, package: str, *, pypi: bool = False) -> None:
    """Raises ToolError unless the program `command`, of the Debian package `package`, is installed.

    `pypi` says that packages from PyPI can stand in.
    """
    if not shutil.which(command):
        instead = f", and without root pip install '{_PYPI_PACKAGE}' a substitute" if pypi else ""
        raise ToolError(f"{command} is not installed: {_install_line([package])} gives it{instead}.")


def companion(compiler: str, program: str) -> str:
    """The program that goes with a GNU compiler, such as its disassembler. Raises ToolError."""
    found = run([compiler, f"-print-prog-name={program}"], Path.cwd(), f"asking {compiler} for its {program}").stdout
    return found.strip()


def version(command: str) -> str:
    """The first line that `command --version` prints: name and version."""
    lines = run([command, "--version"], Path.cwd(), f"asking {command} for its version").stdout.splitlines()
    name = "zig, " if Path(command).name == zig.PROGRAM else ""
    return f"{name}{lines[0].strip()}" if lines else command


def run(
    command: Sequence[str],
    folder: Path,
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    statuses: Mapping[int, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` without a shell, with `environment` added to ours.

    Raises ToolError, which says what we were `doing`, if the program is missing, does not end, or fails;
    `statuses` puts known exit statuses in words, else the first lines of its errors are shown.
    """
    if Path(command[0]).name == zig.PROGRAM:
        command = [command[0], "cc", *command[1:]]
        with tempfile.TemporaryDirectory() as cache:
            # Shared, its cache takes headers of the same name in another folder for those that it knows.
            cached = {"ZIG_LOCAL_CACHE_DIR": cache, **(environment or {})}
            return _run(command, folder, doing, cached, statuses or {})
    return _run(command, folder, doing, environment or {}, statuses or {})


def _run(
    command: Sequence[str], folder: Path, doing: str, environment: Mapping[str, str], statuses: Mapping[int, str]
) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{command[0]} cannot be started while {doing}: {error.strerror or error}.") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} did not end within {TIMEOUT_SECONDS} seconds while {doing}.") from error
    if done.returncode == 0:
        return done
    if done.returncode in statuses:
        raise ToolError(f"{doing[0].upper()}{doing[1:]} failed: {statuses[done.returncode]}.")
    if done.returncode < 0:
        ending = f"was stopped by signal {-done.returncode}"
    else:
        ending = f"ended with status {done.returncode}"
    shown = "".join(f"\n  {line}" for line in _error_lines(done.stderr or done.stdout))
    raise ToolError(f"{Path(command[0]).name} {ending} while {doing}{':' if shown else '.'}{shown}")


def _error_lines(text: str) -> list[str]:
    """The lines from the first error on: compilers print context and warnings before it."""
    lines = [line for line in text.splitlines() if line.strip()]
    first = next((index for index, line in enumerate(lines) if _ERROR.search(line)), 0)
    return lines[first : first + _ERROR_LINES]


def compile_object(
    compiler: str, source: Path | str, flags: Sequence[str], folder: Path, name: str | None = None
) -> Path:
    """Compile one C file to `folder`/`name`.o (by default its own name), without a warning.

    Raises ToolError.
    """
    result = f"{name or Path(source).stem}.o"
    command = [compiler, *STRICT_FLAGS, *flags, "-c", str(source), "-o", result]
    run(command, folder, f"compiling {Path(source).name}")
    return folder / result
