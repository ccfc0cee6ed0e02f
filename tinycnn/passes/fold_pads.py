"""Make the padding of an image part of the convolutions and pools behind it, as Keras and PyTorch write it separately.

Pad(x) -> Conv      becomes      Conv with pads
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Graph, Node, rebuild
from tinycnn.ops import AveragePool, Clip, Conv, LpPool, MaxPool, Take, Window
from tinycnn.ops.move import FILL, Table

Padded = AveragePool | Conv | LpPool | MaxPool


def fold_pads(graph: Graph) -> Graph:
    """`graph` without the Takes that only pad images for operators which can do it themselves."""
    for node in graph.nodes:
        if not isinstance(node.op, Take) or node.outputs[0] in graph.outputs:
            continue
        readers = graph.consumers.get(node.outputs[0], ())
        folded = {reader.name: _folded(graph, node, reader) for reader in readers}
        if not folded or None in folded.values():
            continue
        nodes = [folded.get(other.name) or other for other in graph.nodes if other is not node]
        graph = rebuild(graph, nodes, graph.tensors, graph.constants)
    return graph


def _folded(graph: Graph, pad: Node, reader: Node) -> Node | None:
    """`reader` with the padding of `pad`; None where that would mean something else."""
    op, take = reader.op, pad.op
    if not isinstance(op, Padded) or not isinstance(take, Take) or op.window.ceil_mode:
        return None
    if reader.inputs[0] != pad.outputs[0] or not _pads_with(graph, pad.inputs[0], take.fill, op):
        return None
    spatial = range(1, len(take.tables) - 1) if op.channels_last else range(2, len(take.tables))
    sizes = graph.tensors[pad.inputs[0]].shape
    others = [table for axis, table in enumerate(take.tables) if axis not in spatial]
    widths = [_widths(take.tables[axis], sizes[axis]) for axis in spatial]
    if any(table is not None for table in others) or None in widths:
        return None
    found = [width for width in widths if width is not None]
    added = (*(begin for begin, _ in found), *(end for _, end in found))
    pads = tuple(old + new for old, new in zip(op.window.pads, added, strict=True))
    window = Window(op.window.kernel, op.window.strides, op.window.dilations, pads)
    if not isinstance(op, Conv) and any(width >= extent for width, extent in zip(pads, window.kernel * 2, strict=True)):
        return None  # ONNX has no pools with windows of padding alone
    changed = replace(op, window=window)
    if isinstance(op, AveragePool):
        if any(op.window.pads) and not op.count_include_pad:
            return None
        changed = replace(op, window=window, count_include_pad=True)
    return replace(reader, op=changed, inputs=(*pad.inputs, *reader.inputs[1:]), origins=pad.origins + reader.origins)


def _pads_with(graph: Graph, source: str, fill: float, op: Padded) -> bool:
    """Whether `op` pads with what has the same effect as `fill`: 0, or in a maximum what no element is below."""
    if not isinstance(op, MaxPool):
        return fill == 0
    producer = graph.producers.get(source)
    low = producer.op.low if producer is not None and isinstance(producer.op, Clip) else np.finfo(np.float32).min
    return bool(fill <= low)


def _widths(table: Table | None, size: int) -> tuple[int, int] | None:
    """How many elements a table puts before and behind a whole axis; None where it does something else."""
    if table is None:
        return 0, 0
    inside = [index for index in table if index != FILL]
    begin = table.index(0) if 0 in inside else 0
    end = len(table) - begin - size
    return (begin, end) if table == (FILL,) * begin + tuple(range(size)) + (FILL,) * max(end, 0) else None
