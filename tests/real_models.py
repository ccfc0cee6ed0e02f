"""The MLPerf Tiny models on their real inputs: `make test-models MODELS=folder DATA=folder`; exit code 1 on a failure.

Float files quantize and verify without a mismatch, and int8 ResNet8 loses at most half a point of accuracy. Files that
came quantized give onnxruntime's bytes on the file itself at every tensor, and in C on the host.
"""

import sys
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn import engine
from tinycnn.imported import compare_with_file
from tinycnn.ir import Array, Graph

MAX_POINTS_LOST = 0.5
COMPARED = 20
ON_TARGETS = ("resnet8", "vww")
"""Models that run on every kind of core too, on one sample, where they come as float in NCHW."""
TARGETS = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32imc")
QUANTIZED = ("_qdq", "_qop")


def inputs_of(model: str, data: Path) -> Array:
    """float32 samples, channels last, by the name of the model."""
    if model.startswith("resnet8"):
        return np.load(data / "cifar10/calibration_500.npz")["x"].astype(np.float32)
    if model.startswith("ad01"):
        return np.load(data / "mlperf_inputs/ad01_windows_f32_196x640.npy")
    if model.startswith("kws"):
        return np.concatenate([np.load(path) for path in sorted((data / "mlperf_inputs").glob("mlperf_kws*.npy"))])
    return np.repeat(np.load(data / "mlperf_inputs/vww_inputs_gray_f32_96x96x1.npy"), 3, axis=-1)


def as_input(graph: Graph, samples: Array) -> Array:
    shape = engine.onnx_shape(graph.tensors[graph.inputs[0]])
    return samples if samples.shape[1:] == shape[1:] else np.ascontiguousarray(np.moveaxis(samples, -1, 1))


def accuracy(graph: Graph, images: Array, labels: Array) -> float:
    stored = engine.to_stored(graph.tensors[graph.inputs[0]], as_input(graph, images))
    scores = engine.run(graph, stored)[graph.outputs[0]].reshape(len(images), -1)
    return 100 * float((scores.argmax(axis=1) == labels).mean())


def points_lost(graph: Graph, int8: Graph, data: Path) -> float:
    test = np.load(data / "cifar10/test_2000.npz")
    images, labels = test["x"].astype(np.float32), test["y"].reshape(-1)
    return accuracy(graph, images, labels) - accuracy(int8, images, labels)


def check(path: Path, data: Path) -> bool:
    """Print what was compared; whether all of it is as it should be."""
    graph = tinycnn.load(path)
    samples = as_input(graph, inputs_of(path.name, data))
    results = []
    good = True
    if graph.is_quantized:
        results.append(compare_with_file(path, graph, samples))
        int8 = graph
        results += tinycnn.verify(int8, samples[:COMPARED], ["host"])
    else:
        int8 = tinycnn.quantize(graph, samples)
        results += tinycnn.verify(int8, samples[:COMPARED])
        if path.name.startswith(ON_TARGETS) and path.stem.endswith("_nchw"):
            results += tinycnn.verify(int8, samples[:1], TARGETS)
    for result in results:
        print(f"{path.name}: {result.name}: {result.mismatches} of {result.compared_bytes:,} bytes differ", flush=True)
        for note in result.notes:
            print(f"  {note}")
    if path.name.startswith("resnet8") and not graph.is_quantized:
        lost = points_lost(graph, int8, data)
        print(f"{path.name}: int8 loses {lost:.2f} points on 2,000 images, at most {MAX_POINTS_LOST} are allowed")
        good = lost <= MAX_POINTS_LOST
    return good and not any(result.mismatches for result in results)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or not all(Path(argument).is_dir() for argument in arguments):
        print("Name both folders: make test-models MODELS=folder DATA=folder")
        return 2
    models, data = map(Path, arguments)
    files = sorted(models.glob("*.onnx"))
    wrong = [path.name for path in files if not check(path, data)]
    print(
        f"{len(files) - len(wrong)} of {len(files)} models are right" + "".join(f"\n  wrong: {name}" for name in wrong)
    )
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
