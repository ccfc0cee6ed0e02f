"""Recognise what files write for a locally connected layer, since ONNX has no operator for it.

Pad, Gather (rows), Gather (columns)     the pixels under each window, windows side by side
Reshape, Transpose, Reshape              the windows as groups of channels of one pixel
Conv                                     a group for each position
Reshape, Transpose                       the positions as an image again
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from tinycnn.ir import Graph, Node, rebuild
from tinycnn.ops import Conv, LocallyConnected, Reshape, Take, Transpose, Window
from tinycnn.ops.move import FILL, Table
from tinycnn.passes.merge_takes import composed


def locally_connected(graph: Graph) -> Graph:
    """`graph`, with ONNX's axes, with a LocallyConnected for each such chain."""
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    gone: set[str] = set()
    made: dict[str, Node] = {}
    for node in graph.nodes:
        found = _chain(graph, node)
        if found is None:
            continue
        chain, window = found
        source, last = chain[0].inputs[0], chain[-1]
        weights = node.inputs[1]
        channels = graph.tensors[source].shape[1]
        constants[weights] = graph.constants[weights].reshape(-1, channels, *window.kernel)
        tensors[weights] = replace(tensors[weights], shape=constants[weights].shape)
        origins = tuple(dict.fromkeys(origin for link in chain for origin in link.origins))
        gone.update(link.outputs[0] for link in chain)
        made[last.outputs[0]] = Node(
            last.name, LocallyConnected(window), (source, *node.inputs[1:]), last.outputs, origins
        )
    nodes = [
        made.get(node.outputs[0], node)
        for node in graph.nodes
        if node.outputs[0] in made or node.outputs[0] not in gone
    ]
    return rebuild(graph, nodes, tensors, constants)


def _chain(graph: Graph, node: Node) -> tuple[list[Node], Window] | None:
    """The nodes of the layer around the Conv `node`, and its window; None where it is something else."""
    if not isinstance(node.op, Conv) or node.op.window != Window.of((1, 1)):
        return None
    if graph.consumers[node.inputs[1]] != (node,) or graph.tensors[node.inputs[0]].shape[2:] != (1, 1):
        return None
    before: list[Node] = []
    for kind in (Reshape, Transpose, Reshape):
        producer = _alone_before(graph, [node, *before][-1])
        if producer is None or not isinstance(producer.op, kind):
            return None
        before.append(producer)
    while (producer := _alone_before(graph, before[-1])) is not None and isinstance(producer.op, Take):
        before.append(producer)
    back = graph.sole_consumer(node.outputs[0])
    last = graph.sole_consumer(back.outputs[0]) if back is not None else None
    if back is None or last is None or not isinstance(back.op, Reshape):
        return None
    chain = [*reversed(before), node, back, last]
    split, image = graph.tensors[before[2].outputs[0]].shape, graph.tensors[back.outputs[0]].shape
    shape = graph.tensors[chain[0].inputs[0]].shape
    is_layer = (
        before[1].op == Transpose((0, 2, 4, 1, 3, 5))
        and last.op == Transpose((0, 3, 1, 2))
        and len(split) == 6
        and len(shape) == 4
        and split[:2] == shape[:2]
        and node.op.groups == split[2] * split[4]
        and image == (shape[0], split[2], split[4], len(graph.constants[node.inputs[1]]) // node.op.groups)
    )
    tables = _tables([link.op for link in chain if isinstance(link.op, Take)]) if is_layer else None
    if tables is None:
        return None
    axes = [
        _axis(tables[axis], shape[axis], outputs, taps)
        for axis, outputs, taps in ((2, split[2], split[3]), (3, split[4], split[5]))
    ]
    if axes[0] is None or axes[1] is None:
        return None
    strides, dilations, begins, ends = zip(axes[0], axes[1], strict=True)
    window = Window((split[3], split[5]), strides, dilations, (*begins, *ends))
    return (chain, window) if window.output_sizes(shape[2:]) == (split[2], split[4]) else None


def _alone_before(graph: Graph, node: Node) -> Node | None:
    """What makes the first input of `node`, as long as nothing else reads it."""
    source = node.inputs[0]
    return graph.producers.get(source) if graph.sole_consumer(source) is node else None


def _tables(takes: Sequence[Take]) -> tuple[Table | None, ...] | None:
    """The tables of several Takes as one; None where they touch other axes than rows and columns, or fill with more
    than zeros."""
    tables: tuple[Table | None, ...] = (None,) * 4
    for take in takes:
        if take.tables[:2] != (None, None) or (take.fills and take.fill != 0):
            return None
        tables = tuple(composed(inner, outer) for inner, outer in zip(tables, take.tables, strict=True))
    return tables


MOST_STEP = 16
"""The largest stride or dilation that is looked for where nothing tells it."""


def _axis(table: Table | None, size: int, outputs: int, taps: int) -> tuple[int, int, int, int] | None:
    """Stride, dilation and padding at begin and end with which windows see the elements `table`; None without any."""
    places = np.array(range(size) if table is None else table)
    if places.size != outputs * taps:
        return None
    grid = places.reshape(outputs, taps)
    inside = grid != FILL
    if not inside.any():
        return None
    position, tap = (int(index[0]) for index in np.nonzero(inside))
    for stride, dilation in product(_steps(grid, inside), _steps(grid.T, inside.T)):
        begin = position * stride + tap * dilation - int(grid[position, tap])
        at = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - begin
        if begin >= 0 and np.array_equal(np.where((at >= 0) & (at < size), at, FILL), grid):
            return stride, dilation, begin, max(int(at[-1, -1]) + 1 - size, 0)
    return None


def _steps(
    grid: np.ndarray[tuple[int, ...], np.dtype[np.int64]], inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> range:
    """The distance of neighbours down the first axis; where padding lies between all of them what it may be."""
    both = inside[1:] & inside[:-1]
    if not both.any():
        return range(1, MOST_STEP + 1)
    step = int((grid[1:] - grid[:-1])[both][0])
    return range(max(step, 1), step + 1)
