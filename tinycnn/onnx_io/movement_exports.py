"""Export of the operators that move bytes: on the int8 or uint8 tensors themselves, but for padding and new scales."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.ir import Array, Node
from tinycnn.onnx_io.writer import MICROSOFT, Writer
from tinycnn.ops import Concat, DepthToSpace, SpaceToDepth, Take
from tinycnn.ops.move import FILL, is_arithmetic


def concat(writer: Writer, node: Node, op: Concat) -> None:
    """Bytes where all scales are the same; else between quantizers, or QLinearConcat, which has a table per input."""
    tensors = writer.graph.tensors
    if {tensors[name].quantization for name in node.inputs} == {tensors[node.outputs[0]].quantization}:
        writer.on_bytes(node, "Concat", axis=op.axis)
    elif writer.unsigned:
        writer.between_quantizers(node, "Concat", axis=op.axis)
    else:
        inputs = [part for name in node.inputs for part in writer.with_parameters(name)]
        outputs = [writer.quantized(node.outputs[0])]
        inputs = [*writer.parameters(node.outputs[0]), *inputs]
        writer.add(node, "QLinearConcat", inputs, outputs, MICROSOFT, axis=op.axis)


def take(writer: Writer, node: Node, op: Take) -> None:
    """One Slice, a Gather for each axis that no Slice can do, and one Pad, as far as they are needed."""
    sizes = writer.graph.tensors[node.inputs[0]].shape
    steps: list[tuple[str, list[tuple[str, Array]], dict[str, Any]]] = []
    slices: list[tuple[int, int, int, int]] = []
    pads: list[tuple[int, int, int]] = []
    for axis, table in enumerate(op.tables):
        if table is None:
            continue
        indices = np.array(table)
        inside = np.flatnonzero(indices != FILL)
        first, last = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 1)
        if FILL in table:
            pads.append((axis, first, len(table) - last))
        inner = np.maximum(indices[first:last], 0)
        if np.array_equal(inner, np.arange(sizes[axis])):
            continue
        if is_arithmetic(inner):
            step = int(inner[1] - inner[0]) if inner.size > 1 else 1
            end = int(inner[-1]) + (1 if step > 0 else -1)
            slices.append((axis, int(inner[0]), end if end >= 0 else -sizes[axis] - 1, step))
        else:
            steps.append(("Gather", [("indices", inner)], {"axis": axis}))
    if slices:
        axes, starts, ends, strides = (np.array(values, np.int64) for values in zip(*slices, strict=True))
        inputs = [("starts", starts), ("ends", ends), ("axes", axes), ("steps", strides)]
        steps.insert(0, ("Slice", inputs, {}))
    if pads:
        axes, begins, ends = (np.array(values, np.int64) for values in zip(*pads, strict=True))
        widths = np.zeros((2, len(sizes)), np.int64)
        widths[0, axes], widths[1, axes] = begins, ends
        steps.append(("Pad", [("pads", widths.reshape(-1)), ("fill", np.array(op.fill, np.float32))], {}))
    if not steps:  # an output that is another name for a tensor
        writer.on_bytes(node, "Identity")
        return
    source, (output,) = writer.quantized(node.inputs[0]), node.outputs
    for number, (op_type, constants, attributes) in enumerate(steps):
        extra = [writer.initializer(output, f"{number}_{what}", value) for what, value in constants]
        is_last = number == len(steps) - 1
        if op_type == "Pad":
            writer.padded(node, source, extra)
        elif is_last:
            writer.add(node, op_type, [source, *extra], [writer.quantized(output)], **attributes)
        else:
            source = writer.part(node, number, op_type, [source, *extra], **attributes)
    writer.parameters(output)


def depth_to_space(writer: Writer, node: Node, op: DepthToSpace) -> None:
    mode = "CRD" if op.channels_outer else "DCR"
    writer.between_quantizers(node, "DepthToSpace", blocksize=op.block, mode=mode)


def space_to_depth(writer: Writer, node: Node, op: SpaceToDepth) -> None:
    writer.between_quantizers(node, "SpaceToDepth", blocksize=op.block)


MOVEMENT_EXPORTS: dict[type, Callable[[Writer, Node, Any], None]] = {
    Concat: concat,
    DepthToSpace: depth_to_space,
    SpaceToDepth: space_to_depth,
    Take: take,
}
"""Operator class to the function that writes it."""
