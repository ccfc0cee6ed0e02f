"""Run a graph in numpy: float32, or int8 with the exact bytes of numerics.md, in batches of any size."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import DataError, UnsupportedError
from tinycnn.ir import Array, Graph, Shape, Tensor
from tinycnn.ops import call_of, dequantize_array, is_int8, quantize_array

Samples = Array | Mapping[str, Array]
"""Samples [N, ...] of the one input of a graph, or of each input by its name."""
CHUNK_BYTES = 8 * 2**20
"""Activations of a chunk of samples take about this much in the widest layer; convolutions take smaller parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A graph made ready to run: one function per node, weights converted and bound. Threads may share it."""

    graph: Graph
    steps: tuple[tuple[Callable[..., Any], tuple[str, ...], str], ...]
    last_use: Mapping[str, int]
    chunk_samples: int


def prepare(graph: Graph) -> Program:
    """Bind the constants of `graph`; UnsupportedError lists nodes that have no int8 form, all at once."""
    if graph.is_quantized:
        check_int8(graph)
    steps: list[tuple[Callable[..., Any], tuple[str, ...], str]] = []
    for node in graph.nodes:
        op = node.op
        if graph.is_quantized and is_int8(op):
            steps.append((op.int8_kernel(call_of(graph, node)), graph.activations(node), node.outputs[0]))
        else:
            steps.append((_float_kernel(graph, node), graph.activations(node), node.outputs[0]))
    last_use = {name: index for index, (_, inputs, _) in enumerate(steps) for name in inputs}
    activations = (tensor for tensor in graph.tensors.values() if tensor.name not in graph.constants)
    widest = max(int(np.prod(tensor.shape)) for tensor in activations)
    return Program(graph, tuple(steps), last_use, max(1, min(64, CHUNK_BYTES // max(4 * widest, 1))))


def check_int8(graph: Graph) -> None:
    """UnsupportedError with every node whose operator the engine cannot run on int8.

    It runs more than can be exported or planned, which `passes.check_int8_form` judges.
    """
    problems = [f"node {n.name!r} ({n.op.label}) has no int8 form" for n in graph.nodes if not is_int8(n.op)]
    if problems:
        raise UnsupportedError(graph.name, problems)


def _float_kernel(graph: Graph, node: Any) -> Callable[..., Array]:
    constants = [graph.constants.get(name) for name in node.inputs]

    def kernel(*computed: Array) -> Array:
        values = iter(computed)
        arguments = [next(values) if constant is None else constant for constant in constants]
        (output,) = node.op.run_float(*arguments)
        return np.asarray(output)

    return kernel


def run(graph: Graph | Program, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """The graph's outputs for samples [N, ...] as stored in the graph (`to_stored`): float32 or int8.

    One array serves a graph with one input, a mapping by name any graph.
    """
    program = graph if isinstance(graph, Program) else prepare(graph)
    return _run(program, inputs, frozenset(program.graph.outputs))


def trace(graph: Graph | Program, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Like `run`, but every activation, inputs included."""
    program = graph if isinstance(graph, Program) else prepare(graph)
    return _run(program, inputs, None)


def _run(program: Program, inputs: Array | Mapping[str, Array], kept: frozenset[str] | None) -> dict[str, Array]:
    parts = [_run_chunk(program, chunk, kept) for chunk in _chunks(program, _named(program.graph, inputs))]
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _run_chunk(program: Program, values: dict[str, Array], kept: frozenset[str] | None) -> dict[str, Array]:
    for index, (kernel, sources, output) in enumerate(program.steps):
        values[output] = kernel(*(values[name] for name in sources))
        if kept is not None:
            for name in sources:
                if program.last_use[name] == index and name not in kept:
                    values.pop(name, None)
    return values if kept is None else {name: values[name] for name in program.graph.outputs}


def _chunks(program: Program, values: dict[str, Array]) -> Iterator[dict[str, Array]]:
    if _is_as_declared(program.graph, values):
        yield values
        return
    count = len(next(iter(values.values())))
    for start in range(0, count, program.chunk_samples):
        yield {name: array[start : start + program.chunk_samples] for name, array in values.items()}


def _named(graph: Graph, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    named = dict(inputs) if isinstance(inputs, Mapping) else {graph.inputs[0]: inputs}
    _check_names(graph, named)
    if not _is_as_declared(graph, named):
        _check_counts(named)
    for name, array in named.items():
        tensor = graph.tensors[name]
        if array.shape[1:] != tensor.shape[1:] or array.dtype != tensor.dtype:
            raise DataError(
                f"Input {name!r} takes {tensor.dtype} samples of {list(tensor.shape[1:])}, not {array.dtype}"
                f" {list(array.shape[1:])}."
            )
    return named


def _is_as_declared(graph: Graph, named: Mapping[str, Array]) -> bool:
    """Whether every input has just the shape in the file: then the first axis need not be a batch."""
    return all(array.shape == graph.tensors[name].shape for name, array in named.items())


def _check_names(graph: Graph, named: Mapping[str, Array]) -> None:
    if set(named) != set(graph.inputs):
        raise DataError(f"The model's inputs are {', '.join(graph.inputs)}; data was given for {', '.join(named)}.")


def _check_counts(named: Mapping[str, Array]) -> None:
    counts = {len(array) if array.ndim else 0 for array in named.values()}
    if len(counts) != 1 or counts == {0}:
        raise DataError("Every input needs the same number of samples, at least one.")


def onnx_shape(tensor: Tensor) -> Shape:
    """The tensor's shape with ONNX's axes."""
    if tensor.channels_last:
        return (tensor.shape[0], tensor.shape[-1], *tensor.shape[1:-1])
    return tensor.shape


def to_stored(tensor: Tensor, values: Array) -> Array:
    """float32 samples with ONNX's axes to what the graph stores: channels-last where it is, int8 where it is."""
    if tensor.quantization is not None:
        stored = quantize_array(values.astype(np.float32, copy=False), tensor.quantization)
    else:
        stored = values.astype(tensor.dtype, copy=False)
    if not tensor.channels_last:
        return np.ascontiguousarray(stored)
    result = np.empty((len(stored), *stored.shape[2:], stored.shape[1]), stored.dtype)
    for channel in range(stored.shape[1]):  # images have few: for three, 120 us where one transposition takes 440
        result[..., channel] = stored[:, channel]
    return result


def named_samples(graph: Graph, samples: Samples) -> dict[str, Array]:
    """float32 samples [N, ...] with ONNX's axes by the name of the input; one array serves a graph with one input.

    DataError unless every input has its samples, as many as the others.
    """
    named = dict(samples) if isinstance(samples, Mapping) else {graph.inputs[0]: samples}
    _check_names(graph, named)
    for name, array in named.items():
        shape = onnx_shape(graph.tensors[name])
        if array.shape[1:] != shape[1:] or array.ndim == 0 or len(array) == 0:
            raise DataError(
                f"Input {name!r} of {graph.name} takes samples of {list(shape[1:])}: [N, ...], not {list(array.shape)}."
            )
    _check_counts(named)
    return named


def stored_samples(graph: Graph, samples: Samples) -> dict[str, Array]:
    """`named_samples` as the graph stores them (`to_stored`), in the order of its inputs."""
    named = named_samples(graph, samples)
    return {name: to_stored(graph.tensors[name], named[name]) for name in graph.inputs}


def sample_count(samples: Mapping[str, Array]) -> int:
    return len(next(iter(samples.values())))


def first_samples(samples: Mapping[str, Array], count: int | None) -> dict[str, Array]:
    """At most `count` samples of every input."""
    return {name: array[:count] for name, array in samples.items()}


def to_real(tensor: Tensor, values: Array) -> Array:
    """The inverse of `to_stored`: float32 with ONNX's axes."""
    if tensor.quantization is not None:
        values = dequantize_array(values, tensor.quantization)
    return np.moveaxis(values, -1, 1) if tensor.channels_last else values
