"""int8 operators once more, as plainly as possible: int64 sums, and the contract of DESIGN.md written out again.

Where two sides give different bytes, `verdict` tells which of them is off. Shares nothing with `tinycnn.ops` and
`tinycnn.fixedpoint` but the operators' attributes. Inputs and outputs are int8 [N, spatial..., C], weights
[O, kernel..., C/groups].
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.ir import Array, Graph, Node, Quantization
from tinycnn.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    Extremum,
    GlobalAveragePool,
    MaxPool,
    Multiply,
    Reshape,
    Softmax,
    Window,
)

Int8 = Array
Int64 = Array


def verdict(graph: Graph, node: Node, inputs: Sequence[Int8], ours: Int8, theirs: Int8, them: str) -> str:
    """A sentence on who is right about the output of `node` for `inputs`: tinycnn (`ours`), `them`, or neither."""
    name = node.outputs[0]
    try:
        right = output_of(graph, node, *inputs)
    except NotImplementedError:
        return f"{name}: the int64 reference has no {node.op.label}, so that it cannot tell which side is off"
    off = [side for side, value in (("tinycnn's engine", ours), (them, theirs)) if not np.array_equal(value, right)]
    return f"{name}: by the int64 reference {' and '.join(off)} {'is' if len(off) == 1 else 'are'} off"


def first_verdict(graph: Graph, expected: Mapping[str, Array], theirs: Mapping[str, Array], them: str) -> str:
    """`verdict` on the first node whose output differs, on the first sample in which it does; "" without any.

    `expected` are all activations of the engine, `theirs` some of another runner's, in the same layout.
    """
    for node in graph.nodes:
        ours, other = expected[node.outputs[0]], theirs.get(node.outputs[0])
        if other is None or other.shape != ours.shape or np.array_equal(other, ours):
            continue
        sample = int(np.argmax((other != ours).reshape(len(ours), -1).any(axis=1)))
        one = slice(sample, sample + 1)
        inputs = [expected[name][one] for name in graph.activations(node)]
        return f"sample {sample}, {verdict(graph, node, inputs, ours[one], other[one], them)}"
    return ""


def requantize(sums: Int64, scale: Array, zero_point: int) -> Int8:
    """Three roundings: the sum to float32, its product with the scale to float32, that to an integer, half to even."""
    scaled = sums.astype(np.float32) * np.asarray(scale, np.float32)
    clipped = np.clip(scaled, np.float32(-128 - zero_point), np.float32(127 - zero_point))
    return (np.rint(clipped).astype(np.int64) + zero_point).astype(np.int8)


def trace(graph: Graph, inputs: Mapping[str, Int8]) -> dict[str, Int8]:
    """All activations of an int8 graph."""
    values = dict(inputs)
    for node in graph.nodes:
        values[node.outputs[0]] = output_of(graph, node, *(values[name] for name in graph.activations(node)))
    return values


def output_of(graph: Graph, node: Node, *inputs: Int8) -> Int8:
    """What a node of an int8 graph gives for these computed inputs."""
    op, x = node.op, inputs[0]
    source, target = (_quantization(graph, name) for name in (node.inputs[0], node.outputs[0]))
    if isinstance(op, Conv | ConvTranspose | Dense):
        weights = graph.constants[node.inputs[1]].astype(np.int64)
        if isinstance(op, ConvTranspose):
            sizes = [(size - 1) * stride + 1 for size, stride in zip(x.shape[1:-1], op.strides, strict=True)]
            apart = np.full((len(x), *sizes, x.shape[-1]), source.zero_point, np.int8)
            apart[at_all(*(slice(None, None, stride) for stride in op.strides))] = x
            sums = conv_sums(apart, weights, source.zero_point, op.taps, op.groups)
        elif isinstance(op, Conv):
            sums = conv_sums(x, weights, source.zero_point, op.window, op.groups)
        else:
            sums = (x.astype(np.int64) - source.zero_point) @ weights.T
        if len(node.inputs) > 2:
            sums += graph.constants[node.inputs[2]].astype(np.int64)
        products = np.float32(source.scale[0]) * np.array(_quantization(graph, node.inputs[1]).scale, np.float32)
        return requantize(sums, products / np.float32(target.scale[0]), target.zero_point)
    if isinstance(op, MaxPool):
        return max_pool(x, op.window)
    if isinstance(op, AveragePool) and op.float_zero_point is not None:
        return float_means(x, op, source, target)
    if isinstance(op, AveragePool):
        return mean(*pool_sums(x, source.zero_point, op.window, op.count_include_pad), source, target)
    if isinstance(op, GlobalAveragePool):
        axes = tuple(range(1, x.ndim - 1))
        sums = (x.astype(np.int64) - source.zero_point).sum(axis=axes, keepdims=True)
        return mean(sums, np.array(math.prod(x.shape[1:-1])), source, target)
    if isinstance(op, Add):
        computed = iter(inputs)
        a, b = (graph.constants[name] if name in graph.constants else next(computed) for name in node.inputs)
        return add(a, b, source, _quantization(graph, node.inputs[1]), target)
    if isinstance(op, Multiply):
        computed = iter(inputs)
        x, b = (graph.constants[name] if name in graph.constants else next(computed) for name in node.inputs)
        of_b = _quantization(graph, node.inputs[1])
        sums = (x.astype(np.int64) - source.zero_point) * (b.astype(np.int64) - of_b.zero_point)
        scale = np.float32(source.scale[0]) * np.float32(of_b.scale[0]) / np.float32(target.scale[0])
        if op.added_before:
            shifted = np.clip(np.rint(sums.astype(np.float32) * scale + np.float32(op.added_before)), -1e6, 1e6)
            moved = shifted.astype(np.int64) - op.added_before + target.zero_point
            return np.asarray(np.clip(moved, -128, 127)).astype(np.int8)
        return requantize(sums, np.asarray(scale), target.zero_point)
    if isinstance(op, Extremum):
        a, b = (quantize(real(v, _quantization(graph, n)), target) for v, n in zip(inputs, node.inputs, strict=True))
        return np.maximum(a, b) if op.function == "Max" else np.minimum(a, b)
    if isinstance(op, Concat):
        parts = [quantize(real(v, _quantization(graph, n)), target) for v, n in zip(inputs, node.inputs, strict=True)]
        return np.concatenate(parts, op.axis)
    if isinstance(op, Clip):
        return clip(x, op.low, op.high, source, target)
    if isinstance(op, Softmax):
        return float_softmax(x, source, target) if op.as_onnxruntime else softmax(x, source)
    if isinstance(op, Reshape):
        return x.reshape(len(x), *graph.tensors[node.outputs[0]].shape[1:])
    raise NotImplementedError(type(op).__name__)


def _quantization(graph: Graph, name: str) -> Quantization:
    quantization = graph.tensors[name].quantization
    assert quantization is not None, name
    return quantization


Places = tuple[int, ...]


def at_all(*places: Any) -> tuple[Any, ...]:
    """An index at `places` behind the first axis, for all samples."""
    return (slice(None), *places)


def positions(window: Window, sizes: Places, *, inside: bool = True) -> Iterator[tuple[Places, Places, Places]]:
    """For every output position and tap: (output, tap, input) indices; `inside` leaves out taps in the padding."""
    for output in itertools.product(*map(range, window.output_sizes(sizes))):
        for tap in itertools.product(*map(range, window.kernel)):
            at = tuple(
                output[axis] * window.strides[axis] + tap[axis] * window.dilations[axis] - window.pads[axis]
                for axis in range(window.rank)
            )
            if not inside or all(0 <= place < size for place, size in zip(at, sizes, strict=True)):
                yield output, tap, at


def conv_sums(x: Int8, weights: Int64, zero_point: int, window: Window, groups: int) -> Int64:
    """Sums of (x - zero point) * w; padding adds nothing."""
    values = x.astype(np.int64) - zero_point
    in_group, out_group = weights.shape[-1], len(weights) // groups
    by_group = weights.reshape(groups, out_group, *window.kernel, in_group)
    sums = np.zeros((len(x), *window.output_sizes(x.shape[1:-1]), groups, out_group), np.int64)
    for output, tap, at in positions(window, x.shape[1:-1]):
        pixels = values[at_all(*at)].reshape(len(x), groups, in_group)
        sums[at_all(*output)] += np.einsum("ngi,goi->ngo", pixels, by_group[at_all(slice(None), *tap)])
    return sums.reshape(*sums.shape[:-2], len(weights))


def max_pool(x: Int8, window: Window) -> Int8:
    largest = np.full((len(x), *window.output_sizes(x.shape[1:-1]), x.shape[-1]), -128, np.int8)
    for output, _, at in positions(window, x.shape[1:-1]):
        cell = at_all(*output)
        largest[cell] = np.maximum(largest[cell], x[at_all(*at)])
    return largest


def pool_sums(x: Int8, zero_point: int, window: Window, count_include_pad: bool) -> tuple[Int64, Int64]:
    """Sums of x - zero point, and how many elements each is the sum of, broadcastable to them.

    With `count_include_pad` the padding that the pads name counts, but not what a last window reaches beyond it.
    """
    sizes = x.shape[1:-1]
    sums = np.zeros((len(x), *window.output_sizes(sizes), x.shape[-1]), np.int64)
    counts = np.zeros((*window.output_sizes(sizes), 1), np.int64)
    for output, _, at in positions(window, sizes, inside=False):
        is_inside = all(0 <= place < size for place, size in zip(at, sizes, strict=True))
        is_padded = all(
            -window.pads[axis] <= place < sizes[axis] + window.pads[window.rank + axis] for axis, place in enumerate(at)
        )
        if is_inside:
            sums[at_all(*output)] += x[at_all(*at)].astype(np.int64) - zero_point
        counts[output] += is_padded if count_include_pad else is_inside
    return sums, counts


def mean(sums: Int64, counts: Int64, source: Quantization, target: Quantization) -> Int8:
    scale = np.float32(source.scale[0]) / (np.float32(target.scale[0]) * counts.astype(np.float32))
    return requantize(sums, scale, target.zero_point)


def float_means(x: Int8, op: AveragePool, source: Quantization, target: Quantization) -> Int8:
    """onnxruntime's QLinearAveragePool: float32 from the first element to the last, the zero point before rounding."""
    values, sizes, window = real(x, source), x.shape[1:-1], op.window
    sums = np.zeros((len(x), *window.output_sizes(sizes), x.shape[-1]), np.float32)
    for output, _, at in positions(window, sizes, inside=True):
        sums[at_all(*output)] = sums[at_all(*output)] + values[at_all(*at)]
    _, counts = pool_sums(x, source.zero_point, window, op.count_include_pad)
    steps = sums / counts.astype(np.float32) / np.float32(target.scale[0]) + np.float32(op.float_zero_point or 0)
    moved = np.clip(np.rint(steps), -1e6, 1e6).astype(np.int64) - (op.float_zero_point or 0) + target.zero_point
    return np.clip(moved, -128, 127).astype(np.int8)


def real(x: Int8, quantization: Quantization) -> NDArray[np.float32]:
    return (x.astype(np.int64) - quantization.zero_point).astype(np.float32) * np.float32(quantization.scale[0])


def quantize(values: NDArray[np.float32], quantization: Quantization) -> Int8:
    steps = np.rint(values / np.float32(quantization.scale[0])) + np.float32(quantization.zero_point)
    return np.asarray(np.clip(steps, -128, 127).astype(np.int8))


def add(a: Int8, b: Int8, of_a: Quantization, of_b: Quantization, target: Quantization) -> Int8:
    return quantize(real(a, of_a) + real(b, of_b), target)


def clip(x: Int8, low: float, high: float, source: Quantization, target: Quantization) -> Int8:
    return quantize(np.clip(real(x, source), np.float32(low), np.float32(high)), target)


def softmax(x: Int8, source: Quantization) -> Int8:
    """Along the last axis, in Python's integers; scale 1/256, zero point -128."""
    step = float(np.float32(source.scale[0]))
    result = np.empty(x.shape, np.int8)
    for row in np.ndindex(x.shape[:-1]):
        largest = int(x[row].max())
        terms = [round(65536 * math.exp(-step * (largest - int(value)))) for value in x[row]]
        total = sum(terms)
        result[row] = [min((256 * term + total // 2) // total - 128, 127) for term in terms]
    return result


def float_softmax(x: Int8, source: Quantization, target: Quantization) -> Int8:
    """Along the last axis, each float32 operation as a fraction that is rounded: onnxruntime's QLinearSoftmax."""
    length = x.shape[-1]
    scale, steps = float(np.float32(source.scale[0])), math.floor(np.float32(1) / np.float32(target.scale[0]))
    largest_log = np.float32(math.log(np.finfo(np.float32).max / np.float32(length)))
    shift = (float(largest_log) - 5) / scale
    result = np.empty(x.shape, np.int8)
    for row in np.ndindex(x.shape[:-1]):
        distances = [int(x[row].max()) - int(value) for value in x[row]]
        terms = [to_float32(Fraction(math.exp((shift - distance) * scale))) for distance in distances]
        total = Fraction(0)
        for term in terms:
            total = to_float32(total + term)
        shares = [to_float32(to_float32(term * steps) / total) for term in terms]
        result[row] = [min(round(share) + target.zero_point, 127) for share in shares]
    return result


def to_float32(value: Fraction) -> Fraction:
    """The nearest multiple of the last place of float32, half to even, for a value that is not negative."""
    if value == 0:
        return value
    exponent = max(math.frexp(float(value))[1] - 24, -149)
    unit = Fraction(2) ** exponent
    return round(value / unit) * unit
