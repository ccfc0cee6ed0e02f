"""The C compiler from PyPI that stands in where a machine has none."""

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinycnn.errors import ToolError
from tinycnn.runners import toolchain, zig
from tinycnn.runners.toolchain import compile_object


def test_without_any_compiler_the_message_names_both_ways_to_get_one(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda _: None)
    monkeypatch.setattr(zig, "zig_compiler", lambda: None)
    with pytest.raises(ToolError, match=r"apt-get install gcc.*pip install 'tinycnn\[emulate\]'"):
        toolchain.host_compiler()


def test_zig_is_taken_only_when_nothing_else_is_there(monkeypatch):
    monkeypatch.setattr(zig, "zig_compiler", lambda: "/somewhere/zig")
    monkeypatch.setenv("CC", "my-compiler")
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: name if name == "my-compiler" else None)
    assert toolchain.host_compiler() == "my-compiler"
    monkeypatch.setattr(toolchain.shutil, "which", lambda _: None)
    assert toolchain.host_compiler() == "/somewhere/zig"


def test_zig_is_found_in_its_package(monkeypatch, tmp_path):
    package = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)
    assert zig.zig_compiler() is None
    Path(tmp_path / zig.PROGRAM).touch()
    assert zig.zig_compiler() == str(tmp_path / zig.PROGRAM)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert zig.zig_compiler() is None


def test_headers_of_another_folder_are_not_remembered(tmp_path: Path) -> None:
    """zig knows a file again by its path, size and time; two networks' headers may differ in their text alone."""
    compiler = zig.zig_compiler()
    assert compiler is not None
    source = tmp_path / "source.c"
    source.write_text('#include "header.h"\nint function(void);\nint function(void) { return NUMBER; }\n')
    found = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        header = folder / "header.h"
        header.write_text(f"#define NUMBER {number}\n")
        os.utime(header, ns=(10**18, 10**18))
        found.append(compile_object(compiler, source, ["-I", "."], folder).read_bytes())
    assert found[0] != found[1]


def test_zig_leaves_nothing_where_the_user_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the current folder, when it is only asked for its version, nor beside what it compiles."""
    compiler = zig.zig_compiler()
    assert compiler is not None
    monkeypatch.chdir(tmp_path)
    toolchain.version(compiler)
    assert not list(tmp_path.iterdir())
    (tmp_path / "source.c").write_text("extern int number;\nint number;\n")
    compile_object(compiler, "source.c", [], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.c", "source.o"]
