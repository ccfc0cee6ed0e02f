"""Reductions that keep their axes, with a Reshape behind those that dropped them: rows stay rows."""

from dataclasses import replace

from tinycnn.ir import Graph, Node, rebuild, unused_name
from tinycnn.ops import ArgMax, Reduce, Reshape


def keep_axes(graph: Graph) -> Graph:
    tensors, nodes = dict(graph.tensors), list[Node]()
    for node in graph.nodes:
        if not isinstance(node.op, ArgMax | Reduce) or node.op.keepdims:
            nodes.append(node)
            continue
        op, (output,) = replace(node.op, keepdims=True), node.outputs
        kept = unused_name(f"{output}_kept", tensors)
        (shape,) = op.output_shapes(*graph.shapes(node.inputs))
        tensors[kept] = replace(tensors[output], name=kept, shape=shape)
        reshape = Reshape(
            (0, *tensors[output].shape[1:]) if tensors[output].shape[:1] == shape[:1] else tensors[output].shape
        )
        nodes.append(replace(node, op=op, outputs=(kept,)))
        nodes.append(
            Node(
                unused_name(f"{node.name}_reshape", {n.name for n in graph.nodes}),
                reshape,
                (kept,),
                (output,),
                node.origins,
            )
        )
    return rebuild(graph, nodes, tensors, graph.constants)
