"""Compilers and emulators as programs: finding and running them, saying what is missing or went wrong."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tinycnn.errors import ToolError
from tinycnn.runners.zig import zig_compiler
from tinycnn.target import Target

STRICT_FLAGS = (
    *("-std=c99", "-pedantic", "-Wall", "-Wextra"),
    *("-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"),
)

# Generous: the slowest thing done here, a large network under an emulator that counts, takes seconds.
TIMEOUT_SECONDS = 600

_HOST_PACKAGE = "gcc"
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
    zig = zig_compiler()
    if zig is not None:
        return zig
    raise ToolError(
        f"No C compiler was found ($CC, cc, gcc, clang): {_install_line([_HOST_PACKAGE])} gives one, and without"
        " root pip install 'tinycnn[emulate]'."
    )


def missing_tools(target: Target) -> tuple[str, ...]:
    """The programs that measuring code for `target` and running it take, and that are not installed."""
    return tuple(command for command, _ in _needed(target) if not shutil.which(command))


def install_line(target: Target) -> str:
    """The command that installs the missing tools of `target` on Debian and Ubuntu; empty if none is."""
    packages = [package for command, package in _needed(target) if not shutil.which(command)]
    return _install_line(packages) if packages else ""


def _needed(target: Target) -> list[tuple[str, str]]:
    needed: list[tuple[str, str]] = []
    if target.compiler is not None:
        needed.append((target.compiler.command, target.compiler.package))
    if target.emulator is not None:
        needed.append((target.emulator.command, target.emulator.package))
        try:
            host_compiler()  # builds the plugin that counts instructions
        except ToolError:
            needed.append(("cc", _HOST_PACKAGE))
    return needed


def _install_line(packages: Iterable[str]) -> str:
    return "apt-get install " + " ".join(dict.fromkeys(packages))


def require(command: str, package: str) -> None:
    """Raises ToolError unless the program `command`, of the Debian package `package`, is installed."""
    if not shutil.which(command):
        raise ToolError(f"{command} is not installed: {_install_line([package])} gives it.")


def version(command: str) -> str:
    """The first line that `command --version` prints: name and version."""
    lines = run([command, "--version"], Path.cwd(), f"asking {command} for its version").stdout.splitlines()
    return lines[0].strip() if lines else command


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
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
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
    if statuses and done.returncode in statuses:
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
