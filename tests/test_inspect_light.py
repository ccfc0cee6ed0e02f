"""Models of the onnx wheel whose weights are only described: figures from their papers, and no memory taken."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MAX_RISE_BYTES = 40 * 2**20
"""The process may grow by this much: VGG19's weights alone are 575 MB."""
SCRIPT = """
import resource, sys
from tinycnn import load, summarize
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = summarize(load(sys.argv[1]))
rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(summary.parameters, summary.macs, sum(layer.op.startswith("Conv") for layer in summary.layers), 1024 * rise)
"""
# Parameters and multiply-accumulates: VGG19's are those of Simonyan and Zisserman (2014), table 2 (144 million).
FIGURES = {
    "light_resnet50": (25_610_152, 4_100_298_240, 53),
    "light_vgg19": (143_667_240, 19_632_062_464, 16),
}


@pytest.mark.parametrize("name", FIGURES)
def test_described_weights_are_counted_and_never_made(name):
    command = [sys.executable, "-c", SCRIPT, str(LIGHT / f"{name}.onnx")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    *figures, rise_bytes = map(int, result.stdout.split())
    assert tuple(figures) == FIGURES[name]
    assert rise_bytes < MAX_RISE_BYTES
