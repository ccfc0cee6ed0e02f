"""Executed instructions per layer of the examples on the emulated Cortex-M4: exact, the same at every run."""

import tempfile
from pathlib import Path

from tinycnn.cli import main
from tinycnn.cli.demo import examples_folder

EXAMPLES = ("lenet5", "perceptron")
TARGET = "cortex-m4"


def run() -> None:
    """Quantize each example on the MNIST sample and print its table."""
    examples = examples_folder()
    sample = examples / "mnist_sample/mnist_sample.npz"
    with tempfile.TemporaryDirectory() as folder:
        for name in EXAMPLES:
            int8 = str(Path(folder) / f"{name}_int8.onnx")
            main(["quantize", str(examples / name / f"{name}.onnx"), "--calibration", str(sample), "-o", int8])
            main(["bench", int8, "--target", TARGET, "--inputs", f"{sample}:test_images"])


if __name__ == "__main__":
    run()
