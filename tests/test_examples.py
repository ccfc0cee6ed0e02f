"""The examples that run by themselves check their own figures: a wrong one ends the program."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import needs

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RUNS = sorted(path.parent.name for path in EXAMPLES.glob("*/run.py"))


@pytest.mark.parametrize("name", RUNS)
def test_an_example_finds_its_figures(name: str) -> None:
    needs("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    command = [sys.executable, str(EXAMPLES / name / "run.py")]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not counted" not in done.stderr


def test_the_table_of_all_examples_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change: python examples/compare.py."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    specification = importlib.util.spec_from_file_location("compare", EXAMPLES / "compare.py")
    assert specification is not None
    assert specification.loader is not None
    compare = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(compare)
    assert RUNS
    assert compare.stated_in(EXAMPLES / "README.md") == compare.comparison()
