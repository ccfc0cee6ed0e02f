"""The examples that run by themselves check their own figures: a wrong one ends the program."""

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
