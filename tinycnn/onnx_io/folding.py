"""Compute what is constant in a model at import: shape arithmetic as PyTorch and tf2onnx write it.

One function per ONNX operator type, on NumPy arrays, bounded in size before anything is computed. An input whose
shape alone is wanted (Shape, Size) may be computed: shapes are fixed by then.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinycnn.ir import Array
from tinycnn.onnx_io.node import DTYPES, Builder, OnnxNode, RefusalError
from tinycnn.ops.binary import divide

MAX_FOLDED_BYTES = 2**28
"""A constant that is computed is not larger; weights that are only rearranged or scaled stay far below."""
MAX_ALL_FOLDED_BYTES = 2**30
"""Nor are all that a file makes us compute together."""
Values = Sequence[Array]
OF_SHAPES = ("Shape", "Size")
Fold = Callable[[OnnxNode, Values, int], Sequence[Array]]
"""From the node, its inputs and the version of the operator set to the outputs."""


def fold(builder: Builder, node: OnnxNode) -> bool:
    """Compute a node whose inputs are all constant; False where it has others, or is none that is computed here."""
    if node.op_type in OF_SHAPES:
        sizes = builder.shape(node)
        start, end = node.integer("start", 0), node.integer("end", len(sizes))
        value = np.array(sizes[start:end] if node.op_type == "Shape" else math.prod(sizes), np.int64)
        builder.declare_constant(node.outputs[0], value)
        return True
    rule = FOLDS.get(node.op_type)
    names = [builder.resolve(name) for name in node.inputs if name]
    if rule is None or not names or not all(name in builder.constants for name in names):
        return False
    values = [builder.constants[builder.resolve(name)] if name else np.zeros(0) for name in node.inputs]
    try:
        results = rule(node, values, builder.opset)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError, np.exceptions.AxisError):
        raise RefusalError("its constant inputs do not fit together") from None
    for name, result in zip(node.outputs, map(np.asarray, results), strict=False):
        builder.folded_bytes += result.nbytes if result.base is None else 0  # a view takes nothing
        if builder.folded_bytes > MAX_ALL_FOLDED_BYTES:
            raise RefusalError(f"the model computes constants of more than {MAX_ALL_FOLDED_BYTES:,} bytes")
        if name:
            builder.declare_constant(name, result)
    return True


def _bounded(elements: int, dtype: np.dtype[Any]) -> None:
    if elements * dtype.itemsize > MAX_FOLDED_BYTES:
        raise RefusalError(f"its constant output of {elements:,} elements is too large")


def _elementwise(function: Callable[..., Any]) -> Fold:
    def folded(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
        shape = np.broadcast_shapes(*(value.shape for value in values))
        _bounded(math.prod(shape), max((value.dtype for value in values), key=lambda dtype: dtype.itemsize))
        return (function(*values),)

    return folded


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind != "f" and not b.all():
        raise RefusalError("it divides by 0")
    return divide(a, b)


def _variadic(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def folded(*values: Array) -> Any:
        result: Any = values[0]
        for value in values[1:]:
            result = function(result, value)
        return result

    return folded


def _power(a: Array, b: Array) -> Array:
    return np.asarray(np.power(a.astype(np.float64), b)).astype(a.dtype)


def _axes(node: OnnxNode, values: Values) -> tuple[int, ...] | None:
    """The axes of a node: its second input, in older operator sets an attribute."""
    if node.has_input(1):
        return tuple(int(axis) for axis in values[1].reshape(-1))
    return node.integers("axes")


def _reduction(function: Callable[..., Any]) -> Fold:
    def folded(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
        axes = _axes(node, values)
        if not axes and node.integer("noop_with_empty_axes", 0):
            return (values[0],)
        keep = bool(node.integer("keepdims", 1))
        result = function(values[0], axis=axes or None, keepdims=keep)
        return (np.asarray(result).astype(values[0].dtype),)

    return folded


def _cast(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    wanted = node.integer("to", 0)
    if wanted not in DTYPES:
        raise RefusalError(f"it casts to the type {wanted}, which tinycnn does not read")
    return (values[0].astype(DTYPES[wanted]),)


def _concat(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    _bounded(sum(value.size for value in values), values[0].dtype)
    return (np.concatenate(values, node.integer("axis", 0)),)


def _expand(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    shape = np.broadcast_shapes(values[0].shape, _sizes(values[1]))
    return (np.broadcast_to(values[0], shape),)


def _gather(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    data, indices = values
    axis = node.integer("axis", 0)
    _bounded(data.size // max(data.shape[axis], 1) * indices.size, data.dtype)
    return (np.take(data, indices, axis),)


def _pad(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    if node.text("mode", "constant") != "constant" or node.has_input(3) or opset < 11:
        raise RefusalError("only constants with constant padding of all axes are padded at import")
    rank, pads = values[0].ndim, _sizes(values[1])
    widths = list(zip(pads[:rank], pads[rank:], strict=True))
    sizes = [size + begin + end for size, (begin, end) in zip(values[0].shape, widths, strict=True)]
    _bounded(math.prod(sizes), values[0].dtype)
    filler = values[2].reshape(()) if node.has_input(2) else 0
    return (np.pad(values[0], widths, constant_values=filler),)


def _range(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    start, limit, delta = (value.reshape(()).item() for value in values)
    count = math.ceil((limit - start) / delta)
    _bounded(max(count, 0), values[0].dtype)
    return ((start + np.arange(max(count, 0)) * delta).astype(values[0].dtype),)


def _sizes(value: Array) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in value.reshape(-1))
    if any(size < 0 for size in sizes):
        raise RefusalError(f"its sizes {list(sizes)} are negative")
    return sizes


def _reshape(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    zero_stays = bool(node.integer("allowzero", 0))
    wanted = [int(size) for size in values[1].reshape(-1)]
    shape = [values[0].shape[axis] if size == 0 and not zero_stays else size for axis, size in enumerate(wanted)]
    return (values[0].reshape(shape),)


def _flatten(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    axis = node.integer("axis", 1)
    return (values[0].reshape(math.prod(values[0].shape[:axis]), -1),)


def _slice(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    data = values[0]
    if opset < 10:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes, steps = node.integers("axes"), None
    else:
        starts, ends = (tuple(values[index].reshape(-1).tolist()) for index in (1, 2))
        axes = tuple(values[3].reshape(-1).tolist()) if node.has_input(3) else None
        steps = tuple(values[4].reshape(-1).tolist()) if node.has_input(4) else None
    axes, steps = axes or tuple(range(len(starts))), steps or (1,) * len(starts)
    cut = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        beyond = step < 0 and end < -data.shape[axis]  # to the first element, itself included
        cut[axis] = slice(start, None if beyond else end, step)
    return (data[tuple(cut)],)


def _split(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    axis, count = node.integer("axis", 0), len(node.outputs)
    sizes = _sizes(values[1]) if node.has_input(1) else node.integers("split")
    part = -(-values[0].shape[axis] // count)
    ends = np.cumsum(sizes)[:-1] if sizes else [part * index for index in range(1, count)]
    return np.split(values[0], ends, axis)


def _squeeze(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    return (np.squeeze(values[0], _axes(node, values)),)


def _unsqueeze(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    return (np.expand_dims(values[0], _axes(node, values) or ()),)


def _tile(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    repeats = _sizes(values[1])
    _bounded(values[0].size * math.prod(repeats), values[0].dtype)
    return (np.tile(values[0], repeats),)


def _transpose(node: OnnxNode, values: Values, opset: int) -> Sequence[Array]:
    return (np.ascontiguousarray(values[0].transpose(node.integers("perm"))),)


FOLDS: dict[str, Fold] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _elementwise(np.logical_and),
    "Cast": _cast,
    "Ceil": _elementwise(np.ceil),
    "Concat": _concat,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(np.equal),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "Less": _elementwise(np.less),
    "Max": _elementwise(_variadic(np.maximum)),
    "Min": _elementwise(_variadic(np.minimum)),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Not": _elementwise(np.logical_not),
    "Or": _elementwise(np.logical_or),
    "Pad": _pad,
    "Pow": _elementwise(_power),
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(np.where),
}
"""Operator type to what computes it on constants."""
