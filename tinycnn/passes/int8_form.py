"""Which nodes of a channels-last graph can run on int8: more than a class with an int8 form is needed."""

from collections.abc import Sequence

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph, Node
from tinycnn.ops import (
    Add,
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    LocallyConnected,
    LpPool,
    MaxPool,
    Softmax,
    Take,
    Transpose,
    broadcasts,
    is_int8,
)
from tinycnn.ops.softmax import MAX_CLASSES


def check_int8_form(graph: Graph) -> None:
    """UnsupportedError with every node that cannot run on int8, in a float graph or an int8 graph."""
    problems = [
        f"input {name!r} has a batch of {graph.tensors[name].shape[0]}; export the model with an open batch, or with 1"
        for name in graph.inputs
        if graph.tensors[name].shape[:1] != (1,)
    ]
    problems += [
        f"input {name!r} is {graph.tensors[name].dtype}; only models that compute in float32 are quantized"
        for name in graph.inputs
        if graph.tensors[name].dtype not in ("float32", "int8")
    ]
    for node in graph.nodes:
        why = _why_not(graph, node)
        if why:
            problems.append(f"node {node.name!r} ({node.op.label}) {why}")
    if problems:
        raise UnsupportedError(graph.name, problems)


def _why_not(graph: Graph, node: Node) -> str:
    inputs = graph.shapes(node.inputs)
    (output,) = graph.shapes(node.outputs)
    if 0 in output:
        return f"makes a tensor without elements: {list(output)}"
    match node.op:
        case Transpose(permutation) if permutation[0] != 0:
            return "mixes the samples of a batch"
        case Take(tables) if tables[0] is not None:
            return "mixes the samples of a batch"
        case Concat(axis) if axis == 0:
            return "mixes the samples of a batch"
        case Concat() if len(graph.activations(node)) != len(node.inputs):
            return "joins a constant, which has no int8 form"
        case op if not is_int8(op):
            return "has no int8 form"
        case Add() if len(graph.activations(node)) != 2:
            return _why_not_constant(graph, node)
        case op if broadcasts(op) and len(graph.activations(node)) != 2:
            return "has a constant operand, which has an int8 form only as one number, or one per channel of an image"
        case op if broadcasts(op) and (len(inputs[0]) != len(inputs[1]) or inputs[0][0] != inputs[1][0]):
            return f"has an int8 form only for two tensors with as many axes, not {_show(inputs)}"
        case op if broadcasts(op) and inputs[0] != inputs[1] and len(output) > 4:
            return f"has an int8 form over more than four axes only for two tensors of one shape, not {_show(inputs)}"
        case (
            AveragePool(window)
            | Conv(window)
            | ConvTranspose(window)
            | LocallyConnected(window)
            | LpPool(window)
            | MaxPool(window)
        ) if window.rank > 2:
            return f"has an int8 form only over one or two axes, not {window.rank}"
        case LpPool() as pool if not pool.is_exact:
            return "has an int8 form only for the powers 1 and 2 and windows of at most 258 elements (65,793 for 1)"
        case AveragePool(window, with_padding) if set(window.dilations) != {1} or (window.ceil_mode and with_padding):
            return "has no int8 form in onnxruntime with dilations, or with ceil_mode and count_include_pad together"
        case Softmax(axis) if axis % len(output) != len(output) - 1 or output[-1] > MAX_CLASSES:
            return f"has an int8 form only along the channels, at most {MAX_CLASSES:,}"
    if output[:1] != inputs[0][:1]:
        return f"mixes the samples of a batch: {_show(inputs[:1])} becomes {list(output)}"
    return ""


def _why_not_constant(graph: Graph, node: Node) -> str:
    """An addend that came quantized with the file: int8, one number or one for each channel."""
    for name in node.inputs:
        value = graph.constants.get(name)
        if value is not None and (value.dtype != np.int8 or value.size not in (1, *value.shape[-1:])):
            return "adds a constant, which has an int8 form only for one number a channel right behind a Conv or Dense"
    if graph.shapes(graph.activations(node)) != graph.shapes(node.outputs):
        return f"has an int8 form only for a constant that fits its other input, not {_show(graph.shapes(node.inputs))}"
    return ""


def _show(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
