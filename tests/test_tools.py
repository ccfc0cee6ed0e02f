"""Programs that runners start: which are missing, which comes first, and one that does not end."""

import sys
from pathlib import Path

import pytest
from needs import needs
from tiny_network import TINY, some_inputs

from tinycnn.errors import ToolError
from tinycnn.runners import (
    install_line,
    measure_code,
    missing_tools,
    run_emulated,
    run_on_host,
    toolchain,
)
from tinycnn.target import Target, load_target


@pytest.fixture
def cortex_m4() -> Target:
    needs("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    return load_target("cortex-m4")


def test_missing_tools_and_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # neither zig nor unicorn
    target = load_target("cortex-m4")
    assert missing_tools(target) == ("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    assert install_line(target) == "apt-get install gcc-arm-none-eabi qemu-system-arm gcc"
    with pytest.raises(
        ToolError, match=r"arm-none-eabi-gcc is not installed: apt-get .* pip install 'tinycnn.emulate.'"
    ):
        run_emulated(TINY, some_inputs(1), target)
    with pytest.raises(ToolError, match="avr-gcc is not installed: apt-get install gcc-avr gives it"):
        measure_code(TINY, load_target("atmega2560"))
    with pytest.raises(ToolError, match=r"No C compiler was found .* apt-get install gcc gives one"):
        run_on_host(TINY, some_inputs(1))


def test_nothing_is_missing_where_the_tools_are(cortex_m4: Target) -> None:
    assert missing_tools(cortex_m4) == ()
    assert install_line(cortex_m4) == ""


def test_the_environments_compiler_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "owncc"
    own.write_text("#!/bin/sh\n", encoding="ascii")
    own.chmod(0o755)
    monkeypatch.setenv("CC", str(own))
    assert toolchain.host_compiler() == str(own)
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    assert toolchain.host_compiler() != str(tmp_path / "none")


def test_a_program_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(ToolError, match=r"did not end within 0\.05 seconds while waiting for ever"):
        toolchain.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, "waiting for ever")


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs("cc")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_on_host(TINY, some_inputs(1))
    assert list(tmp_path.iterdir()) == []
