"""Verification where only PyPI can be reached: zig builds, unicorn runs, and their counts are QEMU's."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from small_networks import mnist_net

import tinycnn
from tinycnn.runners import count_instructions, install_line, measure_code, missing_tools
from tinycnn.runners.toolchain import with_installed_tools
from tinycnn.target import load_target
from tinycnn_codegen import generate


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make programs of these names impossible to find."""
    really = shutil.which

    def hide(*names: str) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None if name in names else really(name))

    return hide


@pytest.fixture
def network(tmp_path: Path) -> tinycnn.Graph:
    path = tmp_path / "mnist_net.onnx"
    path.write_bytes(mnist_net().SerializeToString())
    return tinycnn.quantize(tinycnn.load(path), samples())


def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (4, 1, 28, 28)).astype(np.float32)


def test_nothing_but_pypi_verifies_on_cortex_m0_and_m4_and_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, network: tinycnn.Graph
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    results = tinycnn.verify(network, samples()[:2], ["cortex-m0", "cortex-m4", "host"])
    for result in results:
        assert result.mismatches == 0
        assert result.compared_bytes == 2 * (13 * 13 * 4 + 6 * 6 * 8 + 10 + 10)
        assert "clang" in result.version
    assert ["unicorn" in result.version for result in results] == [True, True, False]
    assert all(result.stack_bytes and result.stack_bytes < 1024 for result in results[:2])
    size = measure_code(generate(tinycnn.plan(network), "network", target_name="cortex-m0"), load_target("cortex-m0"))
    assert size.code_bytes > 500


def test_unicorn_executes_as_many_instructions_as_qemu(hide: Callable[..., None], network: tinycnn.Graph) -> None:
    needs("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    stored = tinycnn.to_stored(network.tensors[network.inputs[0]], samples())
    for name in ("cortex-m0", "cortex-m4"):
        target = load_target(name)
        generated = generate(tinycnn.plan(network), "network", target_name=name)
        hide()
        expected = count_instructions(generated, [stored], target)
        hide("qemu-system-arm")
        assert missing_tools(target) == ()
        assert count_instructions(generated, [stored], target) == expected


def test_debian_s_tools_come_first_and_what_is_missing_is_named(hide: Callable[..., None]) -> None:
    target = load_target("cortex-m0")
    hide("arm-none-eabi-gcc", "qemu-system-arm", "cc", "gcc", "clang")
    assert missing_tools(target) == ()
    chosen = with_installed_tools(target)
    assert chosen.compiler is not None
    assert Path(chosen.compiler.command).name == "zig"
    assert chosen.emulator is not None
    assert chosen.emulator.command == sys.executable
    assert os.access(chosen.compiler.command, os.X_OK)
    # No processor of PyPI's is a Cortex-M55.
    assert missing_tools(load_target("cortex-m55"))[:2] == ("arm-none-eabi-gcc", "qemu-system-arm")
    assert install_line(load_target("cortex-m55")).startswith("apt-get install gcc-arm-none-eabi qemu-system-arm")
