"""Import of Resize and Upsample: where each output element lies in the input, and which elements it is made of."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tinycnn.ir import Array
from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.takes import axes_of, check_size, emit_take, whole_numbers
from tinycnn.ops import ResizeLinear, Take
from tinycnn.ops.float_resize import Taps, is_image
from tinycnn.ops.move import FILL

MAX_TAPS = 1024
"""An antialiasing filter that is wider than that is refused."""
CROP = "tf_crop_and_resize"
Offsets = npt.NDArray[np.float64]


def resize(builder: Builder, node: OnnxNode) -> None:
    """The coordinates in float32, as onnxruntime computes them."""
    shape = builder.shape(node)
    mode = {"bilinear": "linear"}.get(node.text("mode", "nearest"), node.text("mode", "nearest"))
    if mode not in ("nearest", "linear", "cubic"):
        raise RefusalError(f"mode {mode!r} is unknown")
    old = len(node.inputs) < 3  # Upsample and the first Resize
    axes = axes_of(node.integers("axes") or tuple(range(len(shape))), len(shape))
    scales, sizes = _scales(builder, node, 1 if old else 2), None
    if not old and node.has_input(3):
        scales, sizes = None, whole_numbers(builder, node, "sizes", 3)
    given = scales if sizes is None else sizes
    if given is None or len(given) != len(axes):
        raise RefusalError("its scales or sizes do not fit its axes")
    lengths, factors = _lengths(node, [shape[axis] for axis in axes], scales, sizes)
    new = list(shape)
    for axis, length in zip(axes, lengths, strict=True):
        new[axis] = length
    check_size(new)
    coordinates = "asymmetric" if old else node.text("coordinate_transformation_mode", "half_pixel")
    partial = scales is not None and any(
        abs(float(scale) * shape[axis] - new[axis]) > 1e-3 for axis, scale in zip(axes, scales, strict=True)
    )
    if partial and (coordinates == CROP or (coordinates == "align_corners" and mode != "nearest")):
        raise RefusalError(
            f"{coordinates} with scales that give no whole size means different things in ONNX's runtimes"
        )
    if mode == "nearest" and coordinates == "half_pixel_symmetric":
        raise RefusalError("coordinate_transformation_mode 'half_pixel_symmetric' is not supported for mode nearest")
    regions = _regions(builder, node, len(axes)) if coordinates == CROP else ((0.0, 1.0),) * len(axes)
    resized = [
        (axis, factor, _coordinates(coordinates, shape[axis], length, factor, region))
        for axis, length, factor, region in zip(axes, lengths, factors, regions, strict=True)
        if factor != 1 or length != shape[axis] or coordinates == CROP
    ]
    outside = {
        axis: (at < 0) | (at > shape[axis] - 1) for axis, _, at in resized if coordinates == CROP
    }  # such elements get a value of their own
    fill = node.number("extrapolation_value", 0.0)
    if mode != "nearest" and resized:
        _blended(builder, node, mode, resized, outside, fill)
        return
    nearest = "simple" if old else node.text("nearest_mode", "round_prefer_floor")
    tables: list[Array | None] = [None] * len(shape)
    for axis, factor, at in resized:
        table = np.clip(_nearest(nearest, at, bool(factor < 1)), 0, shape[axis] - 1).astype(np.int64)
        tables[axis] = np.where(outside[axis], FILL, table) if axis in outside else table
    emit_take(builder, node, tables, fill=fill)


def _blended(
    builder: Builder,
    node: OnnxNode,
    mode: str,
    resized: Sequence[tuple[int, np.float32, Array]],
    outside: dict[int, npt.NDArray[np.bool_]],
    fill: float,
) -> None:
    """A weighted sum along every axis, then `fill` where an element lies outside."""
    shape = builder.shape(node)
    blends: list[Taps | None] = [None] * len(shape)
    filled: list[tuple[int, ...] | None] = [None] * len(shape)
    for axis, factor, at in resized:
        blends[axis] = _taps(node, mode, at, shape[axis], factor)
        if axis in outside and outside[axis].any():
            filled[axis] = tuple(np.where(outside[axis], FILL, np.arange(len(at))).tolist())
    fills = any(table is not None for table in filled)
    output = builder.unused(f"{node.outputs[0]}_inside") if fills else node.outputs[0]
    dtype = builder.tensor(node, 0).dtype
    on_bytes = mode == "linear" and not node.integer("antialias", 0) and is_image(tuple(blends))
    rule = dtype if on_bytes and (dtype == "int8" or dtype == "uint8") else ""
    builder.emit(node, ResizeLinear(tuple(blends), rule), node.inputs[:1], output=output)
    if fills:
        builder.emit(node, Take(tuple(filled), fill), (output,))


def _taps(node: OnnxNode, mode: str, at: Array, size: int, factor: np.float32) -> Taps:
    """The elements along an axis of `size` that lie around the coordinates `at`, and their weights."""
    shrinks = bool(node.integer("antialias", 0)) and factor < 1
    if mode == "linear" and not shrinks:
        return _neighbours(at, size)
    kernel, reach = _kernel(node, mode)
    factor = factor if shrinks else np.float32(1)
    half = int(np.ceil(reach / float(factor)))
    if 2 * half > MAX_TAPS:
        raise RefusalError("its antialiasing filter is too wide")
    places = np.floor(at).astype(np.int64)[:, None] + np.arange(1 - half, half + 1)
    weights = kernel(np.abs(places - at[:, None].astype(np.float64)) * float(factor))
    if node.integer("exclude_outside", 0):
        weights = np.where((places < 0) | (places >= size), 0, weights)
    if shrinks or node.integer("exclude_outside", 0):
        weights = weights / weights.sum(axis=1, keepdims=True)
    indices = np.clip(places, 0, size - 1)
    return tuple(
        (tuple(index.tolist()), tuple(weight.tolist()))
        for index, weight in zip(indices.T, weights.T.astype(np.float32), strict=True)
    )


def _neighbours(at: Array, size: int) -> Taps:
    at = np.clip(at, 0, size - 1).astype(np.float32)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    upper = (at - low).astype(np.float32)
    return (
        (tuple(low.tolist()), tuple((1 - upper).tolist())),
        (tuple(high.tolist()), tuple(upper.tolist())),
    )


def _kernel(node: OnnxNode, mode: str) -> tuple[Callable[[Offsets], Offsets], int]:
    """The weight of an element by its distance, and the distance from which on it is 0."""
    if mode == "linear":
        return (lambda distance: np.maximum(1 - distance, 0)), 1
    a = node.number("cubic_coeff_a", -0.75)

    def cubic(x: Offsets) -> Offsets:
        """R. Keys, Cubic convolution interpolation for digital image processing, 1981, equation 14 with its `a`."""
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.asarray(np.where(x <= 1, near, np.where(x < 2, far, 0)))

    return cubic, 2


def _regions(builder: Builder, node: OnnxNode, count: int) -> tuple[tuple[float, float], ...]:
    """Where the region of interest begins and ends along each axis, as parts of its length."""
    values = builder.constant_value(node, 1, "region of interest").reshape(-1).tolist()
    if len(values) != 2 * count or not np.isfinite(values).all():
        raise RefusalError(f"its region of interest {values} does not fit {count} axes")
    return tuple(zip(values[:count], values[count:], strict=True))


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


def _coordinates(mode: str, old: int, new: int, factor: np.float32, region: tuple[float, float]) -> Array:
    """Where in the input each output element lies, float32."""
    half, i = np.float32(0.5), np.arange(new, dtype=np.float32)
    match mode:
        case "asymmetric":
            return i / factor
        case "align_corners":
            return i * np.float32(old - 1) / np.float32(max(new - 1, 1))
        case "tf_crop_and_resize":
            begin, end, last = np.float32(region[0]), np.float32(region[1]), np.float32(old - 1)
            if new == 1:
                return np.full(1, (begin + end) * last / 2, np.float32)
            return begin * last + i * ((end - begin) * last / np.float32(new - 1))
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


RESIZE_RULES = {"Resize": resize, "Upsample": resize}
"""Operator type to the function that imports it."""
