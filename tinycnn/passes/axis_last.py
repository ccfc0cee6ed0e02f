"""Softmax, LogSoftmax and ArgMax along the last axis, where their int8 forms are: Transposes around the others."""

from dataclasses import replace

from tinycnn.ir import Graph, Node, Tensor, rebuild, unused_name
from tinycnn.ops import ArgMax, LogSoftmax, Softmax, Transpose


def axis_last(graph: Graph) -> Graph:
    tensors, nodes = dict(graph.tensors), list[Node]()
    for node in graph.nodes:
        rank = len(graph.tensors[node.inputs[0]].shape)
        if not isinstance(node.op, ArgMax | LogSoftmax | Softmax) or node.op.axis % rank in (0, rank - 1):
            nodes.append(node)
            continue
        axes = list(range(rank))
        axes[node.op.axis], axes[-1] = axes[-1], axes[node.op.axis]
        swap = Transpose(tuple(axes))  # its own inverse
        (source,), (output,) = node.inputs, node.outputs
        before, behind = (_swapped(tensors, name, swap) for name in (source, output))
        nodes += [
            Node(f"{node.name}_swap", swap, (source,), (before,), ()),
            replace(node, op=replace(node.op, axis=rank - 1), inputs=(before,), outputs=(behind,)),
            Node(f"{node.name}_swap_back", swap, (behind,), (output,), ()),
        ]
    return rebuild(graph, nodes, tensors, graph.constants)


def _swapped(tensors: dict[str, Tensor], name: str, swap: Transpose) -> str:
    swapped = unused_name(f"{name}_swapped", tensors)
    (shape,) = swap.output_shapes(tensors[name].shape)
    tensors[swapped] = replace(tensors[name], name=swapped, shape=shape, channels_last=False)
    return swapped
