"""A C compiler from PyPI, for machines without one: the extra `emulate` brings zig, which is also a clang."""

import importlib.util
from pathlib import Path

PROGRAM = "zig"


def zig_compiler() -> str | None:
    """The path of zig's program, which takes gcc's arguments behind the word `cc`; None without the package ziglang."""
    package = importlib.util.find_spec("ziglang")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).with_name(PROGRAM)
    return str(program) if program.is_file() else None
