"""What the import rules of operators that move elements share: lists of whole numbers, and Take."""

import math
from collections.abc import Sequence

import numpy as np

from tinycnn.ir import Array, Shape
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, Builder, OnnxNode, RefusalError
from tinycnn.ops import Reshape, Take
from tinycnn.ops.move import Table


def whole_numbers(builder: Builder, node: OnnxNode, attribute: str, index: int) -> tuple[int, ...] | None:
    """A list that older operator sets have as an attribute and newer ones as a constant input; None without it."""
    if attribute in node.attributes:
        return node.integers(attribute)
    if not node.has_input(index):
        return None
    value = builder.constant_value(node, index, attribute)
    if value.dtype not in (np.int32, np.int64):
        raise RefusalError(f"its {attribute} are {value.dtype}, not whole numbers")
    return tuple(value.reshape(-1).tolist())


def required(values: tuple[int, ...] | None, what: str) -> tuple[int, ...]:
    if values is None:
        raise RefusalError(f"it has no {what}")
    return values


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    if any(not -rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) != len(axes):
        raise RefusalError(f"its axes {list(axes)} do not fit {rank} axes")
    return tuple(axis % rank for axis in axes)


def check_size(shape: Sequence[int]) -> None:
    if min(shape, default=1) < 0 or 4 * math.prod(shape) > MAX_TENSOR_BYTES:
        raise RefusalError(f"its output {list(shape)} is too large")


def emit_take(
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
    check_size(result)
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
