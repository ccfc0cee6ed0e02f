"""The int8 engine against onnxruntime on the exported QOperator model, in one run, on the same images, on one thread.

Both get float32 images, 16 at once, and give float32 outputs. They take turns, five times; a turn is as many batches
as last a tenth of a second, and the median turn counts. Without arguments: LeNet-5 and the perceptron on MNIST, and
the architectures of MLPerf Tiny (tiny_models.py).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits
from tiny_models import MODELS

import tinycnn
from tinycnn import engine, nn
from tinycnn.cli.demo import examples_folder
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io.load import import_model
from tinycnn.runners import onnxruntime as ort

BATCH = 16
TURNS = 5
TURN_SECONDS = 0.1
SYNTHETIC_SAMPLES = 64
EXAMPLES = ("lenet5", "perceptron")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.onnx", help="float or quantized models; else the examples")
    parser.add_argument("--inputs", metavar="DATA", help="samples for these models; without, seeded random numbers")
    arguments = parser.parse_args()
    graphs: list[tuple[Graph, str | None]] = [(tinycnn.load(model), arguments.inputs) for model in arguments.models]
    if not graphs:
        folder = examples_folder()
        digits = str(folder / "mnist_sample/mnist_sample.npz")
        graphs += [(tinycnn.load(folder / name / f"{name}.onnx"), digits) for name in EXAMPLES]
        graphs += [(import_model(nn.to_onnx(build(), name=name), name), None) for name, build in MODELS.items()]
    print(f"batches of {BATCH} on one thread, median of {TURNS} turns; NumPy {np.__version__}, {ort.version()}")
    print(f"{'model':<32} {'engine ms':>10} {'onnxruntime ms':>15} {'ratio':>6}")
    for graph, inputs in graphs:
        samples = samples_for(graph, inputs)
        if not graph.is_quantized:
            graph = tinycnn.quantize(graph, samples)
        ours, theirs = measure(graph, np.resize(samples, (BATCH, *samples.shape[1:])))
        print(f"{graph.name:<32} {1e3 * ours:10.3f} {1e3 * theirs:15.3f} {ours / theirs:6.2f}")


def samples_for(graph: Graph, source: str | None) -> Array:
    """float32 samples [N, ...] with the model's axes."""
    shape = engine.onnx_shape(graph.tensors[graph.inputs[0]])
    if source is not None:
        return tinycnn.as_samples(tinycnn.load_array(source), shape, source)
    return np.random.default_rng(0).uniform(0, 1, (SYNTHETIC_SAMPLES, *shape[1:])).astype(np.float32)


def measure(graph: Graph, batch: Array) -> tuple[float, float]:
    """Seconds that the engine and onnxruntime take for `batch`."""
    (name,), program = graph.inputs, engine.prepare(graph)
    session = ort.session(tinycnn.export(graph, "qoperator"), threads=1)

    def run_engine() -> list[Array]:
        values = engine.run(program, engine.to_stored(graph.tensors[name], batch))
        return [engine.to_real(graph.tensors[output], values[output]) for output in graph.outputs]

    def run_onnxruntime() -> list[Array]:
        outputs: list[Array] = session.run(list(graph.outputs), {name: batch})
        return outputs

    with threadpool_limits(1):
        both = [(run, batches_in_a_turn(run)) for run in (run_engine, run_onnxruntime)]
        turns = [[seconds(run, count) / count for run, count in both] for _ in range(TURNS)]
    ours, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
    return ours, theirs


def batches_in_a_turn(run: Callable[[], list[Array]]) -> int:
    seconds(run, 3)
    return max(1, round(TURN_SECONDS / (seconds(run, 3) / 3)))


def seconds(run: Callable[[], list[Array]], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
