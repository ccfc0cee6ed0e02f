"""Move Transposes behind operators that look at each element alone: then passes for layers see what follows them.

Conv -> Transpose -> Add(vector)      becomes      Conv -> Add(vector along the channels) -> Transpose
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Graph, Node, Tensor, rebuild, unused_name
from tinycnn.ops import Transpose, broadcasts, is_elementwise


def sink_transposes(graph: Graph) -> Graph:
    """`graph` with each Transpose as late as its one reader, with nothing else computed beside it, allows."""
    nodes: dict[str, Node] = {}
    """By output."""
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for node in graph.nodes:
        computed = graph.activations(node)
        before = nodes.get(computed[0]) if len(computed) == 1 else None
        (output,) = node.outputs
        if (
            before is None
            or not isinstance(before.op, Transpose)
            or not (broadcasts(node.op) or is_elementwise(node.op))
            or graph.sole_consumer(computed[0]) is None
            or tensors[output].shape != tensors[computed[0]].shape
        ):
            nodes[output] = node
            continue
        axes, (middle,), (source,) = before.op.permutation, before.outputs, before.inputs
        inputs = []
        for name in node.inputs:
            if name == middle:
                inputs.append(source)
                continue
            value = constants[name]
            value = value.reshape((1,) * (len(axes) - value.ndim) + value.shape).transpose(np.argsort(axes))
            moved = unused_name(f"{name}_{node.name}", tensors)
            constants[moved], tensors[moved] = value, Tensor(moved, value.shape, tensors[name].dtype)
            inputs.append(moved)
        del nodes[middle]
        tensors[middle] = replace(tensors[middle], shape=tensors[source].shape)
        nodes[middle] = replace(node, inputs=tuple(inputs), outputs=(middle,))
        nodes[output] = replace(before, inputs=(middle,), outputs=node.outputs)
    return rebuild(graph, list(nodes.values()), tensors, constants)
