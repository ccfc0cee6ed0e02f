"""Accuracy of a model on labelled samples, and how far each int8 tensor is from its float original."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinycnn import engine
from tinycnn.errors import DataError
from tinycnn.ir import Array, Graph
from tinycnn.ops import ArgMax, Reshape
from tinycnn.passes import FLOAT_PASSES, run_passes

ERROR_SAMPLES = 256
"""Samples that the errors per tensor are taken over."""


@dataclass(frozen=True, slots=True)
class TensorError:
    """An int8 tensor against its float original: signal to noise in dB, largest error in steps of its scale."""

    name: str
    signal_to_noise_db: float
    largest_error_steps: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`accuracy` is the part of samples whose largest output is the label, 0..1; `accuracy_float` that of `against`."""

    model: str
    samples: int
    accuracy: float
    accuracy_float: float | None = None
    tensors: tuple[TensorError, ...] = ()


def evaluate(graph: Graph, samples: engine.Samples, labels: Array, against: Graph | None = None) -> Evaluation:
    """Classify `samples` (float32 [N, ...], ONNX's axes) with `graph`, float or int8, and compare with `labels` [N].

    With `against`, the float graph that an int8 `graph` was quantized from, also its accuracy and the error of every
    tensor that both have.
    """
    named = engine.named_samples(graph, samples)
    count = engine.sample_count(named)
    accuracy = _accuracy(graph, named, labels)
    if against is None:
        return Evaluation(graph.name, count, accuracy)
    floats = run_passes(against, FLOAT_PASSES)
    errors = _errors(graph, floats, engine.first_samples(named, ERROR_SAMPLES))
    return Evaluation(graph.name, count, accuracy, _accuracy(floats, named, labels), errors)


def _accuracy(graph: Graph, samples: Mapping[str, Array], labels: Array) -> float:
    (name, *_) = graph.outputs
    scores = engine.run(graph, engine.stored_samples(graph, samples))[name].reshape(len(labels), -1)
    if scores.shape[1] == 1 and _is_index(graph, name):
        return float(np.mean(engine.to_real(graph.tensors[name], scores)[:, 0] == labels))
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise DataError(f"Labels go from {labels.min()} to {labels.max()}; the model has {scores.shape[1]} classes.")
    return float(np.mean(scores.argmax(axis=1) == labels))


def _is_index(graph: Graph, name: str) -> bool:
    """Whether an output is the class itself, by an ArgMax."""
    maker = graph.producers.get(name)
    while maker is not None and isinstance(maker.op, Reshape):
        maker = graph.producers.get(maker.inputs[0])
    return maker is not None and isinstance(maker.op, ArgMax)


def _errors(graph: Graph, floats: Graph, samples: Mapping[str, Array]) -> tuple[TensorError, ...]:
    exact = engine.trace(floats, engine.stored_samples(floats, samples))
    traced = engine.trace(graph, engine.stored_samples(graph, samples))
    found = []
    for name, values in traced.items():
        tensor = graph.tensors[name]
        if name in exact and tensor.quantization is not None and tensor.shape == floats.tensors[name].shape:
            wanted = engine.to_real(floats.tensors[name], exact[name]).astype(np.float64)
            error = engine.to_real(tensor, values) - wanted
            noise, signal = float(np.mean(error**2)), float(np.mean(wanted**2))
            decibels = 10 * np.log10(signal / noise) if noise and signal else np.inf
            found.append(TensorError(name, float(decibels), float(np.abs(error).max() / tensor.quantization.scale[0])))
    return tuple(found)
