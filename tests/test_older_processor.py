"""Both exports on a processor without VNNI, whose int8 products saturate where the formats allow it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from needs import needs

import tinycnn
from tinycnn.cli.demo import examples_folder

RUN = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
np.save(sys.argv[3], session.run(None, {"image": np.load(sys.argv[2])})[0])
"""


def test_both_exports_give_the_engine_s_bytes_without_vnni(tmp_path: Path) -> None:
    needs("qemu-x86_64")
    examples = examples_folder()
    model = tinycnn.load(examples / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(f"{examples / 'mnist_sample/mnist_sample.npz'}:test_images")
    images = tinycnn.as_samples(array, (1, 1, 28, 28), "sample")[:20]
    int8 = tinycnn.quantize(model, images)
    scores = tinycnn.run(int8, tinycnn.to_stored(int8.tensors["image"], images))["logits"]
    expected = tinycnn.to_real(int8.tensors["logits"], scores)
    np.save(tmp_path / "images.npy", images)
    running = []
    for format in ("qoperator", "qdq"):
        tinycnn.save(int8, tmp_path / f"{format}.onnx", format)
        files = [str(tmp_path / name) for name in (f"{format}.onnx", "images.npy", f"{format}.npy")]
        running.append(subprocess.Popen(["qemu-x86_64", "-cpu", "max", sys.executable, "-c", RUN, *files]))
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    for format in ("qoperator", "qdq"):
        np.testing.assert_array_equal(np.load(tmp_path / f"{format}.npy"), expected)
