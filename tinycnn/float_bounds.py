"""How far onnxruntime's bytes of a file that came quantized may be from ours: where its floats depend on the machine.

All other operators give the same bytes. Here is the bound of each that does not; beyond it `verify` counts a mismatch.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tinycnn.ir import Array, Graph, Node, Quantization
from tinycnn.ops import (
    LRN,
    AveragePool,
    Call,
    ConvTranspose,
    GlobalAveragePool,
    LogSoftmax,
    Multiply,
    Reduce,
    ResizeLinear,
    Unary,
    call_of,
)
from tinycnn.ops.functions import FUNCTIONS
from tinycnn.ops.reduce import SUMS
from tinycnn.ops.unary import all_inputs
from tinycnn.quantize.ties import FUNCTION_ERROR, ROUNDINGS


def may_differ(graph: Graph, node: Node, inputs: Sequence[Array], ours: Array, theirs: Array) -> Array:
    """Where bytes of a node may differ from `ours`, a bool for each: by 1, and most operators only next to a tie."""
    op, call = node.op, call_of(graph, node)
    by_one = np.abs(ours.astype(np.int16) - theirs) <= 1
    if isinstance(op, LRN | LogSoftmax | ResizeLinear):
        is_exact = isinstance(op, ResizeLinear) and op.as_onnxruntime
        return np.zeros(ours.shape, np.bool_) if is_exact else np.asarray(by_one)
    if isinstance(op, ConvTranspose):
        return np.asarray(by_one & _products_are_near_tie(op, call, inputs[0]))
    if isinstance(op, GlobalAveragePool) or (isinstance(op, Reduce) and op.function in SUMS):
        return np.asarray(by_one & _sum_is_near_tie(op, call, inputs[0]))
    if isinstance(op, Unary) and not FUNCTIONS[op.function].is_exact:
        near = _function_is_near_tie(op, call.quantization(0), call.output_quantization)
        return np.asarray(by_one & near[inputs[0].astype(np.int16) + 128])
    return np.zeros(ours.shape, np.bool_)


def limited_may_differ(graph: Graph, clip: Node, values: Mapping[str, Array], ours: Array, theirs: Array) -> Array:
    """The same for a Clip behind a Mul or AveragePool, which onnxruntime leaves in float where saturation cannot clip.

    They round as often as there are elements, and four times.
    """
    node = graph.producers.get(clip.inputs[0])
    if node is None or not isinstance(node.op, AveragePool | Multiply):
        return np.zeros(ours.shape, np.bool_)
    call = call_of(graph, node)
    units = [call.quantization(index) for index in range(len(call.inputs))]
    operands = [values[name] if name in values else graph.constants[name] for name in node.inputs]
    distances = [x.astype(np.float64) - unit.zero_point for x, unit in zip(operands, units, strict=True)]
    ratio = math.prod(float(unit.scales[0]) for unit in units) / float(call.output_quantization.scales[0])
    steps = node.op.run_float(*distances)[0] * ratio
    taps, largest = (node.op.window.taps, 255 * ratio) if isinstance(node.op, AveragePool) else (0, np.abs(steps))
    by_one = np.abs(ours.astype(np.int16) - theirs) <= 1
    return np.asarray(by_one & (_distance(steps) <= (taps + 4) * 2.0**-24 * largest))


def _products_are_near_tie(op: ConvTranspose, call: Call, x: Array) -> Array:
    """A sum of n products of floats is off by n + 3 roundings of the sum of their sizes at most, in any order."""
    source, weights = call.quantization(0), call.constant(1).astype(np.float64)
    bias = [call.constant(2).astype(np.float64)] if len(call.inputs) > 2 else []
    ratio = float(source.scales[0]) * call.quantization(1).scales / float(call.output_quantization.scales[0])
    distances = x.astype(np.float64) - source.zero_point
    steps = op.run_float(distances, weights, *bias)[0] * ratio
    sizes = op.run_float(np.abs(distances), np.abs(weights), *map(np.abs, bias))[0] * ratio
    return np.asarray(_distance(steps) <= (weights[0].size + 4) * 2.0**-24 * sizes)


def _sum_is_near_tie(op: GlobalAveragePool | Reduce, call: Call, x: Array) -> Array:
    """A sum of n floats is off by n roundings of n times the largest of them at most, in any order."""
    source, destination = call.quantization(0), call.output_quantization
    ratio = float(source.scales[0]) / float(destination.scales[0])
    count = math.prod(call.inputs[0].shape) // math.prod(call.output.shape)
    steps = op.run_float(x.astype(np.float64) - source.zero_point)[0] * ratio
    largest = 255 * ratio * (count if getattr(op, "function", "") == "ReduceSum" else 1)
    return _distance(steps) <= (count + 3) * 2.0**-24 * largest


def _function_is_near_tie(op: Unary, source: Quantization, destination: Quantization) -> Array:
    """For inputs -128..127; what the quantizer keeps clear of, see quantize.ties."""
    reals = op.real_table(source).astype(np.float64)
    scale, inputs = float(destination.scales[0]), np.abs(all_inputs(source).astype(np.float64))
    errors = FUNCTION_ERROR * np.maximum(np.abs(reals), np.minimum(inputs, 1)) / scale
    with np.errstate(invalid="ignore"):
        return np.asarray(_distance(reals / scale) <= errors + ROUNDINGS * np.abs(reals / scale))


def _distance(steps: Array) -> Array:
    """How far from the nearest tie."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(steps - np.floor(steps) - 0.5))
