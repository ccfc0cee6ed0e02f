"""The operators that move bytes as kernels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ops import Call, Concat, DepthToSpace, SpaceToDepth, Take, Transpose, row_bytes, row_count
from tinycnn.ops.move import FILL, MOST_INDICES
from tinycnn.ops.shape import TRANSPOSE_LOOPS, transpose_loops
from tinycnn_codegen.ctext import ConstantArray, Field
from tinycnn_codegen.lowered import Fields, Lowered


def lower_take(op: Take, call: Call) -> Lowered:
    """Axes between the rows and the last are one axis, of columns."""
    shape, tables = call.inputs[0].shape, op.tables
    rows, columns = (tables[1], tables[2:-1]) if len(shape) > 2 else (None, ())
    sizes = shape[2:-1]
    column: np.ndarray[Any, np.dtype[np.int64]] | None = None
    if any(table is not None for table in columns):
        column = np.zeros(1, np.int64)
        for size, table in zip(sizes, columns, strict=True):
            here = np.arange(size) if table is None else np.array(table)
            outside = (column[:, None] == FILL) | (here == FILL)
            column = np.where(outside, FILL, column[:, None] * size + here).reshape(-1)
    layer: Fields = {
        "rows": _indices(call, rows),
        "columns": int(np.prod(call.output.shape[2:-1])),
        "column_indices": _indices(call, column),
        "input_channels": shape[-1],
        "channels": call.output.shape[-1],
        "channel_indices": _indices(call, tables[-1]),
        "fill": op.int8_fill(call.output_quantization),
    }
    return Lowered("take", (layer,), "tensor")


def _indices(call: Call, table: Any) -> ConstantArray | None:
    if table is None:
        return None
    if len(table) > MOST_INDICES:
        raise UnsupportedError(f"Node {call.name!r}", [f"{call.node.op.label} of {len(table):,} elements is too long."])
    return ConstantArray("int32_t", np.array(table), len(table))


def lower_concat(op: Concat, call: Call) -> Lowered:
    """A struct for each input."""
    shapes = [tensor.shape for tensor in call.inputs]
    rank = len(shapes[0])
    along_rows = op.axis == 1 and rank > 2
    blocks = int(np.prod(call.output.shape[2 : op.axis])) if rank > 2 and not along_rows else 1
    layers: list[Fields] = []
    offset = 0
    for index, (shape, table) in enumerate(zip(shapes, op.tables(call), strict=True)):
        first = op.first_row(index, *shapes)
        block_bytes = row_bytes(shape) // blocks
        values: Field = None if table is None else ConstantArray("int8_t", table, 16)
        layers.append(
            {
                "first_row": first,
                "end_row": first + row_count(shape),
                "offset": 0 if along_rows else offset,
                "blocks": blocks,
                "block_bytes": block_bytes,
                "output_stride": row_bytes(call.output.shape) // blocks,
                "table": values,
            }
        )
        offset += block_bytes
    return Lowered("concat", tuple(layers), "tensor of part")


def lower_transpose(op: Transpose, call: Call) -> Lowered:
    shape = call.inputs[0].shape
    row_stride = int(np.prod(shape[op.permutation[1] + 1 :])) if len(shape) > 2 else 0
    loops = transpose_loops(op.permutation, shape)
    loops = ((1, 0),) * (TRANSPOSE_LOOPS - len(loops)) + loops
    (outer, outer_stride), (middle, middle_stride), (inner, inner_stride) = loops
    layer: Fields = {
        "row_stride": row_stride,
        "outer": outer,
        "outer_stride": outer_stride,
        "middle": middle,
        "middle_stride": middle_stride,
        "inner": inner,
        "inner_stride": inner_stride,
    }
    return Lowered("transpose", (layer,), "tensor")


def lower_depth_to_space(op: DepthToSpace, call: Call) -> Lowered:
    channels = call.output.shape[-1]
    layer: Fields = {
        "input_width": call.inputs[0].shape[2],
        "block": op.block,
        "channels": channels,
        "block_stride": 1 if op.channels_outer else channels,
        "channel_stride": op.block**2 if op.channels_outer else 1,
    }
    return Lowered("depth_to_space", (layer,), "tensor")


def lower_space_to_depth(op: SpaceToDepth, call: Call) -> Lowered:
    layer: Fields = {
        "output_width": call.output.shape[2],
        "block": op.block,
        "block_bytes": op.block * call.inputs[0].shape[-1],
    }
    return Lowered("space_to_depth", (layer,), "tensor")


MOVEMENT_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    Concat: lower_concat,
    DepthToSpace: lower_depth_to_space,
    SpaceToDepth: lower_space_to_depth,
    Take: lower_take,
    Transpose: lower_transpose,
}
"""The kernel of each operator class."""
