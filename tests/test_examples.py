"""The examples that run by themselves check their own figures: a wrong one ends the program."""

import os
import subprocess
import sys

import pytest
from needs import needs

from tinycnn.cli.demo import examples_folder

RUNS = sorted(path.parent.name for path in examples_folder().glob("*/run.py"))


@pytest.mark.parametrize("name", RUNS)
def test_an_example_finds_its_figures(name: str) -> None:
    needs("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    command = [sys.executable, str(examples_folder() / name / "run.py")]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not counted" not in done.stderr
