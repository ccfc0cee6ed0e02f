"""Which nodes of a channels-last graph can run on int8: more than a class with an int8 form is needed."""

import math
from collections.abc import Sequence

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph, Node
from tinycnn.ops import (
    LRN,
    Add,
    ArgMax,
    Arithmetic,
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    Divide,
    Extremum,
    LocallyConnected,
    LogSoftmax,
    LpPool,
    MatrixProduct,
    MaxPool,
    Multiply,
    PRelu,
    Reduce,
    ResizeLinear,
    Softmax,
    Take,
    Transpose,
    broadcasts,
    is_int8,
)
from tinycnn.ops.move import MOST_INDICES
from tinycnn.ops.normalize import MAX_WINDOW
from tinycnn.ops.reduce import EXTREMA, SUMS
from tinycnn.ops.resize import neighbours
from tinycnn.ops.shape import TRANSPOSE_LOOPS, transpose_loops
from tinycnn.ops.softmax import MAX_CLASSES

MAX_INDICES = 256
"""Indices that a byte can tell apart."""
MAX_DEPTH = 2**15
"""Products of int8 values that an int32 surely holds."""
MAX_TERMS = 2**22
"""int8 values whose sum an int32 surely holds."""


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
        case Transpose(permutation) if len(transpose_loops(permutation, inputs[0])) > TRANSPOSE_LOOPS:
            return f"moves too many axes of {_show(inputs)} at once for its int8 form; make it two Transposes"
        case Take(tables) if any(table is not None and len(table) > MOST_INDICES for table in tables):
            return f"has an int8 form only for axes of at most {MOST_INDICES:,} elements"
        case Take(tables) if tables[0] is not None:
            return "mixes the samples of a batch"
        case Concat(axis) if axis == 0:
            return "mixes the samples of a batch"
        case Concat() if len(graph.activations(node)) != len(node.inputs):
            return "joins a constant, which has no int8 form"
        case Arithmetic("Pow"):
            return "has an int8 form only for one constant exponent"
        case op if not is_int8(op):
            return "has no int8 form"
        case Add() | Divide() | Extremum() | Multiply() if len(graph.activations(node)) != 2:
            return _why_not_constant(graph, node)
        case op if broadcasts(op) and not isinstance(op, PRelu) and len(graph.activations(node)) != 2:
            return "has a constant operand of several numbers, for which it has no int8 form"
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
        case MatrixProduct() if len(graph.activations(node)) != 2:
            return "has a constant first factor, or more than a matrix as its second, which has no int8 form"
        case MatrixProduct() if not (
            len(inputs[0]) == len(inputs[1]) in (3, 4) and inputs[0][:-2] in (output[:-2], ())
        ):
            return f"has an int8 form only for two tensors of three axes, or of four, not {_show(inputs)}"
        case MatrixProduct() if inputs[0][-1] > MAX_DEPTH:
            return f"has an int8 form only for sums of at most {MAX_DEPTH:,} products"
        case PRelu(slopes, axis) if not slopes or axis != len(output) - 1:
            return "has an int8 form only for constant slopes, one or one per channel; export it with those"
        case ArgMax(axis) | LogSoftmax(axis) | Softmax(axis) if axis % len(inputs[0]) == 0:
            return "mixes the samples of a batch"
        case ArgMax() if inputs[0][-1] > MAX_INDICES:
            return f"has an int8 form only over at most {MAX_INDICES} elements; take the largest output yourself"
        case LogSoftmax() | Softmax() if output[-1] > MAX_CLASSES:
            return f"has an int8 form only over at most {MAX_CLASSES:,} elements"
        case LRN(size, axis=axis) if size > MAX_WINDOW or len(output) not in (3, 4) or axis != len(output) - 1:
            return f"has an int8 form only over the channels of an image or a signal, at most {MAX_WINDOW} of them"
        case LRN(bias=bias, alpha=alpha) if bias <= 0 or alpha < 0:
            return "has an int8 form only for a positive bias and no negative alpha"
        case Reduce(function) if function not in (*EXTREMA, *SUMS):
            return f"has no int8 form; {', '.join((*EXTREMA, *SUMS))} have, and ReduceL1 and L2 over neighbouring axes"
        case Reduce(axes=axes) if 0 in axes:
            return "mixes the samples of a batch"
        case Reduce() if len(inputs[0]) > 4:
            return f"has an int8 form only over at most four axes, not {_show(inputs)}"
        case Reduce(function, axes) if function in SUMS and math.prod([inputs[0][axis] for axis in axes]) > MAX_TERMS:
            return f"has an int8 form only for sums of at most {MAX_TERMS:,} elements"
        case ResizeLinear(blends) if any(taps is not None and neighbours(taps) is None for taps in blends):
            return "has an int8 form only between neighbours, so not cubic or antialiased; make its mode linear"
        case ResizeLinear(blends) if len(blends) not in (3, 4) or blends[0] is not None or blends[-1] is not None:
            return "has an int8 form only along the rows and columns of an image or a signal"
    if output[:1] != inputs[0][:1]:
        return f"mixes the samples of a batch: {_show(inputs[:1])} becomes {list(output)}"
    return ""


def _why_not_constant(graph: Graph, node: Node) -> str:
    """Min, Max and Div take numbers, one or one for each channel; the others what came quantized with the file."""
    for name in node.inputs:
        value = graph.constants.get(name)
        if value is not None and value.size not in (1, *value.shape[-1:]):
            return "has a constant operand with an int8 form only for one number, or one for each channel"
        if value is not None and value.dtype != np.int8 and not isinstance(node.op, Divide | Extremum):
            return "has a constant operand, which has an int8 form only for a number a channel behind a Conv or Dense"
    if graph.shapes(graph.activations(node)) != graph.shapes(node.outputs):
        return f"has an int8 form only for a constant that fits its other input, not {_show(graph.shapes(node.inputs))}"
    return ""


def _show(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
