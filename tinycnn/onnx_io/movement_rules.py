"""Import of operators that choose, repeat, join or reorder elements."""

from collections.abc import Callable

import numpy as np

from tinycnn.ir import Array
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.resize_rules import RESIZE_RULES
from tinycnn.onnx_io.takes import axes_of, check_size, emit_take, required, whole_numbers
from tinycnn.ops import Concat, DepthToSpace, SpaceToDepth
from tinycnn.ops.move import FILL

Rule = Callable[[Builder, OnnxNode], None]


def concat(builder: Builder, node: OnnxNode) -> None:
    (axis,) = axes_of([node.integer("axis", 1)], len(builder.shape(node)))
    if len(node.inputs) == 1:
        builder.aliases[node.outputs[0]] = builder.tensor(node, 0).name
        return
    if len({builder.tensor(node, index).dtype for index in range(len(node.inputs))}) != 1:
        raise RefusalError("its inputs have different types")
    builder.emit(node, Concat(axis), node.inputs)


def slice_(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    starts = required(whole_numbers(builder, node, "starts", 1), "starts")
    ends = required(whole_numbers(builder, node, "ends", 2), "ends")
    axes = axes_of(whole_numbers(builder, node, "axes", 3) or tuple(range(len(starts))), len(shape))
    steps = whole_numbers(builder, node, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise RefusalError(f"its starts {list(starts)}, ends {list(ends)} and steps {list(steps)} do not fit")
    tables: list[range | None] = [None] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        tables[axis] = range(shape[axis])[max(start, -shape[axis]) : end : step]
    emit_take(builder, node, tables)


def split(builder: Builder, node: OnnxNode) -> None:
    """A Take for each output."""
    shape = builder.shape(node)
    (axis,) = axes_of([node.integer("axis", 0)], len(shape))
    size, count = shape[axis], len(node.outputs)
    sizes = whole_numbers(builder, node, "split", 1)
    if sizes is None:
        part = -(-size // node.integer("num_outputs", count))
        sizes = tuple(min(part, size - part * index) for index in range(count))
    if len(sizes) < count or sum(sizes) != size or min(sizes) < 0:
        raise RefusalError(f"its parts {list(sizes)} do not fit an axis of {size}")
    for index, (part, output) in enumerate(zip(sizes, node.outputs, strict=False)):
        first = sum(sizes[:index])
        if output:
            tables: list[range | None] = [None] * len(shape)
            tables[axis] = range(first, first + part)
            emit_take(builder, node, tables, output=output)


def gather(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    (axis,) = axes_of([node.integer("axis", 0)], len(shape))
    indices = builder.constant_value(node, 1, "indices")
    size = shape[axis]
    if indices.dtype not in (np.int32, np.int64) or indices.size == 0:
        raise RefusalError("its indices are not whole numbers")
    if indices.min() < -size or indices.max() >= size:
        raise RefusalError(f"its indices leave an axis of {size}")
    tables: list[Array | None] = [None] * len(shape)
    tables[axis] = indices.reshape(-1) % size
    emit_take(builder, node, tables, shape=(*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def pad(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    mode = node.text("mode", "constant")
    if "paddings" in node.attributes:
        raise RefusalError("the form of operator set 1 is not supported")
    pads = required(whole_numbers(builder, node, "pads", 1), "pads")
    fill = node.number("value", 0.0)
    if "pads" not in node.attributes and node.has_input(2):
        fill = builder.scalar(node, 2, "constant value")
    axes = tuple(range(len(shape)))
    if "pads" not in node.attributes and node.has_input(3):
        axes = axes_of(whole_numbers(builder, node, "axes", 3) or (), len(shape))
    if len(pads) != 2 * len(axes):
        raise RefusalError(f"its pads {list(pads)} do not fit {len(axes)} axes")
    tables: list[Array | None] = [None] * len(shape)
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        check_size([max(shape[axis] + begin + end, 0), 1])
        tables[axis] = _padded(shape[axis], begin, end, mode)
    emit_take(builder, node, tables, fill=fill)


def _padded(size: int, begin: int, end: int, mode: str) -> Array:
    """The indices of an axis with padding on both sides; negative pads crop first, as onnxruntime does."""
    if max(begin, end) > MAX_TENSOR_BYTES:
        raise RefusalError("its pads are too large")
    inner = np.arange(max(-begin, 0), size - max(-end, 0))
    widths = (max(begin, 0), max(end, 0))
    modes = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}
    if mode == "constant":
        return np.pad(inner, widths, constant_values=FILL)
    if mode not in modes:
        raise RefusalError(f"mode {mode!r} is unknown")
    if inner.size == 0 or (mode == "reflect" and max(widths) >= inner.size) or max(widths) > 2**20:
        raise RefusalError(f"its pads are too large for mode {mode}")
    return np.pad(inner, widths, mode=modes[mode])  # type: ignore[call-overload,no-any-return]


def tile(builder: Builder, node: OnnxNode) -> None:
    shape, repeats = builder.shape(node), required(whole_numbers(builder, node, "repeats", 1), "repeats")
    if len(repeats) != len(shape):
        raise RefusalError(f"its repeats {list(repeats)} do not fit {len(shape)} axes")
    check_size([size * count for size, count in zip(shape, repeats, strict=True)])
    tables = [np.tile(np.arange(size), count) for size, count in zip(shape, repeats, strict=True)]
    emit_take(builder, node, tables)


def expand(builder: Builder, node: OnnxNode) -> None:
    shape, wanted = builder.shape(node), required(whole_numbers(builder, node, "shape", 1), "shape")
    rank = max(len(shape), len(wanted))
    before = (1,) * (rank - len(shape)) + shape
    try:
        result = np.broadcast_shapes(before, wanted) if len(wanted) <= rank else ()
    except ValueError:
        raise RefusalError(f"{list(shape)} cannot be expanded to {list(wanted)}") from None
    check_size(result)
    tables = [None if old == new else np.zeros(new, np.int64) for old, new in zip(before, result, strict=True)]
    emit_take(builder, node, tables, before=before)


def squeeze(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    wanted = whole_numbers(builder, node, "axes", 1)
    axes = [axis for axis, size in enumerate(shape) if size == 1] if wanted is None else axes_of(wanted, len(shape))
    if any(shape[axis] != 1 for axis in axes):
        raise RefusalError(f"an axis of {list(shape)} that it drops has another size than 1")
    kept = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    emit_take(builder, node, [None] * len(shape), shape=kept)


def unsqueeze(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    wanted = required(whole_numbers(builder, node, "axes", 1), "axes")
    axes = axes_of(wanted, len(shape) + len(wanted))
    sizes = iter(shape)
    result = tuple(1 if axis in axes else next(sizes) for axis in range(len(shape) + len(wanted)))
    emit_take(builder, node, [None] * len(shape), shape=result)


def depth_to_space(builder: Builder, node: OnnxNode) -> None:
    mode = node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusalError(f"mode {mode!r} is unknown")
    builder.emit(node, DepthToSpace(node.integer("blocksize", 0), mode == "CRD"), node.inputs)


def space_to_depth(builder: Builder, node: OnnxNode) -> None:
    mode = node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusalError(f"mode {mode!r} is unknown")
    builder.emit(node, SpaceToDepth(node.integer("blocksize", 0), mode == "CRD"), node.inputs)


MOVEMENT_RULES: dict[str, Rule] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Gather": gather,
    "Pad": pad,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Unsqueeze": unsqueeze,
    **RESIZE_RULES,
}
"""Operator type to the function that imports it; all of them take any type."""
