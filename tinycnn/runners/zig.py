"""A C compiler from PyPI, for machines without one: the extra `emulate` brings zig, which is also a clang."""

import importlib.util
import os
import sys
from pathlib import Path

COMMAND = "tinycnn-zig-cc"


def zig_compiler() -> str | None:
    """The path of a program that takes gcc's arguments, or None when the package ziglang is not installed."""
    script = Path(sys.executable).parent / COMMAND
    return str(script) if script.is_file() and importlib.util.find_spec("ziglang") else None


def main() -> None:
    """The program `tinycnn-zig-cc`: become `python -m ziglang cc` with the same arguments."""
    os.execv(sys.executable, [sys.executable, "-m", "ziglang", "cc", *sys.argv[1:]])
