"""A linear Resize by a whole factor as what int8 has: edge padding, a depthwise Conv and DepthToSpace.

The pixels of the output that lie in one pixel of the input are the channels of the convolution.
"""

import numpy as np
import numpy.typing as npt

from tinycnn.ir import Graph, Node, Tensor, rebuild, unused_name
from tinycnn.ops import Conv, DepthToSpace, ResizeLinear, Take, Window
from tinycnn.ops.move import Taps

Weights = npt.NDArray[np.float64]

MAX_FACTOR = 16


def linear_resize(graph: Graph) -> Graph:
    """`graph`, with ONNX's axes, without the linear Resizes of images by one whole factor."""
    nodes: list[Node] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)

    def tensor(name: str, *shape: int) -> str:
        name = unused_name(name, tensors)
        tensors[name] = Tensor(name, shape)
        return name

    for node in graph.nodes:
        kernels = _kernels(graph, node)
        if kernels is None:
            nodes.append(node)
            continue
        (rows, columns), factor = kernels, len(kernels[0])
        n, c, h, w = graph.tensors[node.inputs[0]].shape
        taps = np.einsum("iy,jx->ijyx", rows, columns).reshape(-1, 1, 3, 3)
        padded = tensor(f"{node.name}.padded", n, c, h + 2, w + 2)
        blended = tensor(f"{node.name}.blended", n, c * factor**2, h, w)
        weights = tensor(f"{node.name}.weights", c * factor**2, 1, 3, 3)
        constants[weights] = np.tile(taps, (c, 1, 1, 1)).astype(np.float32)
        edges = tuple((0, *range(size), size - 1) for size in (h, w))
        nodes += [
            Node(f"{node.name}.pad", Take((None, None, *edges)), node.inputs, (padded,), node.origins),
            Node(f"{node.name}.conv", Conv(Window.of((3, 3)), c), (padded, weights), (blended,), node.origins),
            Node(node.name, DepthToSpace(factor, channels_outer=True), (blended,), node.outputs, node.origins),
        ]
    return rebuild(graph, nodes, tensors, constants)


def _kernels(graph: Graph, node: Node) -> tuple[Weights, Weights] | None:
    """For rows and for columns the weights [factor, 3] of the neighbours of a pixel; None where there are none."""
    if not isinstance(node.op, ResizeLinear) or len(node.op.axes) != 4 or node.op.axes[:2] != (None, None):
        return None
    sizes = graph.tensors[node.inputs[0]].shape[2:]
    found = [_kernel(taps, size) for taps, size in zip(node.op.axes[2:], sizes, strict=True)]
    rows, columns = found
    return (rows, columns) if rows is not None and columns is not None and len(rows) == len(columns) else None


def _kernel(taps: Taps | None, size: int) -> Weights | None:
    """The weights for positions at half pixels, or else at whole ones, where they give what the Resize does."""
    if taps is None:
        return None
    outputs = np.arange(len(taps[0][0]))
    factor = len(outputs) // size
    if len(outputs) % size or not 2 <= factor <= MAX_FACTOR:
        return None
    wanted = np.zeros((len(outputs), size))
    for index, weights in taps:
        np.add.at(wanted, (outputs, np.array(index)), np.array(weights))
    for first in (0.5 / factor - 0.5, 0.0):
        kernel = np.maximum(1 - np.abs(first + np.arange(factor)[:, None] / factor - np.array([-1, 0, 1])), 0)
        given = np.zeros_like(wanted)
        for tap in range(3):
            source = np.clip(outputs // factor + tap - 1, 0, size - 1)
            np.add.at(given, (outputs, source), kernel[outputs % factor, tap])
        if np.allclose(given, wanted, atol=1e-5):
            return np.asarray(kernel)
    return None
