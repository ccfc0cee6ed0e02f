"""Import of operators that choose, repeat, join or reorder elements."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinycnn.ir import Array, Shape
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, Builder, OnnxNode, RefusalError
from tinycnn.ops import Concat, DepthToSpace, Reshape, ResizeLinear, SpaceToDepth, Take
from tinycnn.ops.move import FILL, Blend, Table

Rule = Callable[[Builder, OnnxNode], None]


def _whole_numbers(builder: Builder, node: OnnxNode, attribute: str, index: int) -> tuple[int, ...] | None:
    """A list that older operator sets have as an attribute and newer ones as a constant input; None without it."""
    if attribute in node.attributes:
        return node.integers(attribute)
    if not node.has_input(index):
        return None
    value = builder.constant_value(node, index, attribute)
    if value.dtype not in (np.int32, np.int64):
        raise RefusalError(f"its {attribute} are {value.dtype}, not whole numbers")
    return tuple(value.reshape(-1).tolist())


def _required(values: tuple[int, ...] | None, what: str) -> tuple[int, ...]:
    if values is None:
        raise RefusalError(f"it has no {what}")
    return values


def _axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    if any(not -rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) != len(axes):
        raise RefusalError(f"its axes {list(axes)} do not fit {rank} axes")
    return tuple(axis % rank for axis in axes)


def _check_size(shape: Sequence[int]) -> None:
    if 0 in shape:
        raise RefusalError("tensors without elements are not supported")
    if min(shape, default=1) < 0 or 4 * math.prod(shape) > MAX_TENSOR_BYTES:
        raise RefusalError(f"its output {list(shape)} is too large")


def _emit_take(
    builder: Builder,
    node: OnnxNode,
    tables: Sequence[Array | range | None],
    *,
    fill: float = 0.0,
    output: str = "",
    shape: Shape | None = None,
    before: Shape | None = None,
) -> None:
    """Take, between Reshapes to `before` and to `shape` where these are given; nothing where it changes nothing."""
    source, output = builder.tensor(node, 0).name, output or node.outputs[0]
    sizes = builder.tensors[source].shape
    if before is not None and before != sizes:
        source = _reshaped(builder, node, source, before, builder.unused(f"{output}_before"))
        sizes = before
    kept: list[Table | None] = []
    for size, table in zip(sizes, tables, strict=True):
        indices = None if table is None else np.asarray(table, np.int64)
        same = indices is None or np.array_equal(indices, np.arange(size))
        kept.append(None if same or indices is None else tuple(indices.tolist()))
    result = [size if table is None else len(table) for size, table in zip(sizes, tables, strict=True)]
    _check_size(result)
    reshaped = shape is not None and shape != tuple(result)
    if any(table is not None for table in kept):
        taken = builder.unused(f"{output}_taken") if reshaped else output
        builder.emit(node, Take(tuple(kept), fill), (source,), output=taken)
        source = taken
    if reshaped and shape is not None:
        _reshaped(builder, node, source, shape, output)
    elif source != output:
        builder.aliases[output] = source


def _reshaped(builder: Builder, node: OnnxNode, source: str, shape: Shape, output: str) -> str:
    """An unchanged first axis is the batch: keep it, whatever its size will be."""
    old = builder.tensors[source].shape
    wanted = (0, *shape[1:]) if old[:1] == shape[:1] and shape else shape
    builder.emit(node, Reshape(wanted), (source,), output=output)
    return output


def concat(builder: Builder, node: OnnxNode) -> None:
    (axis,) = _axes([node.integer("axis", 1)], len(builder.shape(node)))
    if len(node.inputs) == 1:
        builder.aliases[node.outputs[0]] = builder.tensor(node, 0).name
        return
    if len({builder.tensor(node, index).dtype for index in range(len(node.inputs))}) != 1:
        raise RefusalError("its inputs have different types")
    builder.emit(node, Concat(axis), node.inputs)


def slice_(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    starts = _required(_whole_numbers(builder, node, "starts", 1), "starts")
    ends = _required(_whole_numbers(builder, node, "ends", 2), "ends")
    axes = _axes(_whole_numbers(builder, node, "axes", 3) or tuple(range(len(starts))), len(shape))
    steps = _whole_numbers(builder, node, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise RefusalError(f"its starts {list(starts)}, ends {list(ends)} and steps {list(steps)} do not fit")
    tables: list[range | None] = [None] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        tables[axis] = range(shape[axis])[max(start, -shape[axis]) : end : step]
    _emit_take(builder, node, tables)


def split(builder: Builder, node: OnnxNode) -> None:
    """A Take for each output."""
    shape = builder.shape(node)
    (axis,) = _axes([node.integer("axis", 0)], len(shape))
    size, count = shape[axis], len(node.outputs)
    sizes = _whole_numbers(builder, node, "split", 1)
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
            _emit_take(builder, node, tables, output=output)


def gather(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    (axis,) = _axes([node.integer("axis", 0)], len(shape))
    indices = builder.constant_value(node, 1, "indices")
    size = shape[axis]
    if indices.dtype not in (np.int32, np.int64) or indices.size == 0:
        raise RefusalError("its indices are not whole numbers")
    if indices.min() < -size or indices.max() >= size:
        raise RefusalError(f"its indices leave an axis of {size}")
    tables: list[Array | None] = [None] * len(shape)
    tables[axis] = indices.reshape(-1) % size
    _emit_take(builder, node, tables, shape=(*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def pad(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    mode = node.text("mode", "constant")
    if "paddings" in node.attributes:
        raise RefusalError("the form of operator set 1 is not supported")
    pads = _required(_whole_numbers(builder, node, "pads", 1), "pads")
    fill = node.number("value", 0.0)
    if "pads" not in node.attributes and node.has_input(2):
        fill = builder.scalar(node, 2, "constant value")
    axes = tuple(range(len(shape)))
    if "pads" not in node.attributes and node.has_input(3):
        axes = _axes(_whole_numbers(builder, node, "axes", 3) or (), len(shape))
    if len(pads) != 2 * len(axes):
        raise RefusalError(f"its pads {list(pads)} do not fit {len(axes)} axes")
    tables: list[Array | None] = [None] * len(shape)
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        _check_size([max(shape[axis] + begin + end, 0), 1])
        tables[axis] = _padded(shape[axis], begin, end, mode)
    _emit_take(builder, node, tables, fill=fill)


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
    shape, repeats = builder.shape(node), _required(_whole_numbers(builder, node, "repeats", 1), "repeats")
    if len(repeats) != len(shape):
        raise RefusalError(f"its repeats {list(repeats)} do not fit {len(shape)} axes")
    _check_size([size * count for size, count in zip(shape, repeats, strict=True)])
    tables = [np.tile(np.arange(size), count) for size, count in zip(shape, repeats, strict=True)]
    _emit_take(builder, node, tables)


def expand(builder: Builder, node: OnnxNode) -> None:
    shape, wanted = builder.shape(node), _required(_whole_numbers(builder, node, "shape", 1), "shape")
    rank = max(len(shape), len(wanted))
    before = (1,) * (rank - len(shape)) + shape
    try:
        result = np.broadcast_shapes(before, wanted) if len(wanted) <= rank else ()
    except ValueError:
        raise RefusalError(f"{list(shape)} cannot be expanded to {list(wanted)}") from None
    _check_size(result)
    tables = [None if old == new else np.zeros(new, np.int64) for old, new in zip(before, result, strict=True)]
    _emit_take(builder, node, tables, before=before)


def squeeze(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    wanted = _whole_numbers(builder, node, "axes", 1)
    axes = [axis for axis, size in enumerate(shape) if size == 1] if wanted is None else _axes(wanted, len(shape))
    if any(shape[axis] != 1 for axis in axes):
        raise RefusalError(f"an axis of {list(shape)} that it drops has another size than 1")
    kept = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    _emit_take(builder, node, [None] * len(shape), shape=kept)


def unsqueeze(builder: Builder, node: OnnxNode) -> None:
    shape = builder.shape(node)
    wanted = _required(_whole_numbers(builder, node, "axes", 1), "axes")
    axes = _axes(wanted, len(shape) + len(wanted))
    sizes = iter(shape)
    result = tuple(1 if axis in axes else next(sizes) for axis in range(len(shape) + len(wanted)))
    _emit_take(builder, node, [None] * len(shape), shape=result)


def depth_to_space(builder: Builder, node: OnnxNode) -> None:
    mode = node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusalError(f"mode {mode!r} is unknown")
    builder.emit(node, DepthToSpace(node.integer("blocksize", 0), mode == "CRD"), node.inputs)


def space_to_depth(builder: Builder, node: OnnxNode) -> None:
    if node.text("mode", "DCR") != "DCR":
        raise RefusalError(f"mode {node.text('mode', 'DCR')!r} is not supported, only DCR")
    builder.emit(node, SpaceToDepth(node.integer("blocksize", 0)), node.inputs)


def resize(builder: Builder, node: OnnxNode) -> None:
    """The coordinates in float32, as onnxruntime computes them."""
    shape = builder.shape(node)
    mode = node.text("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear"):
        raise RefusalError(f"mode {mode!r} is not supported, only nearest and linear")
    if mode != "nearest" and node.integer("antialias", 0):
        raise RefusalError("antialias is not supported")
    old = len(node.inputs) < 3  # Upsample and the first Resize
    axes = _axes(node.integers("axes") or tuple(range(len(shape))), len(shape))
    scales, sizes = _scales(builder, node, 1 if old else 2), None
    if not old and node.has_input(3):
        scales, sizes = None, _whole_numbers(builder, node, "sizes", 3)
    given = scales if sizes is None else sizes
    if given is None or len(given) != len(axes):
        raise RefusalError("its scales or sizes do not fit its axes")
    lengths, factors = _lengths(node, [shape[axis] for axis in axes], scales, sizes)
    new = list(shape)
    for axis, length in zip(axes, lengths, strict=True):
        new[axis] = length
    _check_size(new)
    coordinates = "asymmetric" if old else node.text("coordinate_transformation_mode", "half_pixel")
    nearest = "simple" if old else node.text("nearest_mode", "round_prefer_floor")
    resized = [
        (axis, _coordinates(coordinates, shape[axis], length, factor))
        for axis, length, factor in zip(axes, lengths, factors, strict=True)
        if factor != 1 or length != shape[axis]
    ]
    if mode != "nearest" and resized:
        partial = scales is not None and any(
            abs(float(scale) * shape[axis] - new[axis]) > 1e-3 for axis, scale in zip(axes, scales, strict=True)
        )
        if coordinates == "align_corners" and partial:
            raise RefusalError(
                "align_corners with scales that give no whole size means different things in ONNX's runtimes"
            )
        blends: list[Blend | None] = [None] * len(shape)
        for axis, at in resized:
            blends[axis] = _blend(at, shape[axis])
        builder.emit(node, ResizeLinear(tuple(blends)), node.inputs[:1])
        return
    if coordinates == "half_pixel_symmetric":
        raise RefusalError("coordinate_transformation_mode 'half_pixel_symmetric' is supported only for mode linear")
    tables: list[Array | None] = [None] * len(shape)
    for axis, length, factor in zip(axes, lengths, factors, strict=True):
        if factor != 1 or length != shape[axis]:
            at = _coordinates(coordinates, shape[axis], length, factor)
            tables[axis] = np.clip(_nearest(nearest, at, bool(factor < 1)), 0, shape[axis] - 1).astype(np.int64)
    _emit_take(builder, node, tables)


def _scales(builder: Builder, node: OnnxNode, index: int) -> tuple[np.float32, ...] | None:
    if "scales" in node.attributes:
        values = node.attributes["scales"]
    elif "width_scale" in node.attributes:
        values = [1.0, 1.0, node.number("height_scale", 1.0), node.number("width_scale", 1.0)]
    elif node.has_input(index):
        values = builder.constant_value(node, index, "scales").reshape(-1).tolist()
    else:
        return None
    scales = tuple(np.float32(value) for value in values)
    if any(not 0 < scale < 2**20 for scale in scales):
        raise RefusalError("its scales are not positive numbers")
    return scales or None


def _lengths(
    node: OnnxNode, old: Sequence[int], scales: tuple[np.float32, ...] | None, sizes: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[np.float32, ...]]:
    """The new lengths of the resized axes and the factors between new and old coordinates."""
    if scales is not None:
        return tuple(int(np.float32(size) * scale) for size, scale in zip(old, scales, strict=True)), scales
    assert sizes is not None
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    factors = tuple(np.float32(new) / np.float32(size) for new, size in zip(sizes, old, strict=True))
    if policy == "stretch":
        return sizes, factors
    if policy not in ("not_larger", "not_smaller"):
        raise RefusalError(f"keep_aspect_ratio_policy {policy!r} is unknown")
    factor = min(factors) if policy == "not_larger" else max(factors)
    lengths = tuple(int(np.floor(factor * np.float32(size) + np.float32(0.5))) for size in old)
    return lengths, (factor,) * len(old)


def _coordinates(mode: str, old: int, new: int, factor: np.float32) -> Array:
    """Where in the input each output element lies, float32."""
    half, i = np.float32(0.5), np.arange(new, dtype=np.float32)
    match mode:
        case "asymmetric":
            return i / factor
        case "align_corners":
            return i * np.float32(old - 1) / np.float32(max(new - 1, 1))
        case "tf_half_pixel_for_nn":
            return (i + half) / factor
        case "pytorch_half_pixel" if new == 1:
            return np.zeros(1, np.float32)
        case "half_pixel" | "pytorch_half_pixel":
            return (i + half) / factor - half
        case "half_pixel_symmetric":
            adjustment = np.float32(new) / (factor * np.float32(old))
            offset = np.float32(old) / np.float32(2) * (np.float32(1) - adjustment)
            return offset + (i + half) / factor - half
    raise RefusalError(f"coordinate_transformation_mode {mode!r} is not supported")


def _blend(at: Array, size: int) -> Blend:
    at = np.clip(at, 0, size - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    return tuple(low.tolist()), tuple(high.tolist()), tuple((at - low).astype(np.float32).tolist())


def _nearest(mode: str, at: Array, shrinks: bool) -> Array:
    match mode:
        case "round_prefer_floor":
            return np.ceil(at - np.float32(0.5))
        case "round_prefer_ceil":
            return np.floor(at + np.float32(0.5))
        case "floor":
            return np.floor(at)
        case "ceil":
            return np.ceil(at)
        case "simple":
            return np.ceil(at) if shrinks else np.floor(at)
    raise RefusalError(f"nearest_mode {mode!r} is unknown")


MOVEMENT_RULES: dict[str, Rule] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Gather": gather,
    "Pad": pad,
    "Resize": resize,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Unsqueeze": unsqueeze,
    "Upsample": resize,
}
"""Operator type to the function that imports it; all of them take any type."""
