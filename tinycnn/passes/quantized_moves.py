"""In a graph with QuantizeLinear and DequantizeLinear, move bytes rather than real numbers.

    x -> DequantizeLinear -> Slice -> Exp      becomes      x -> Slice -> DequantizeLinear -> Exp
    Mean -> Reshape -> QuantizeLinear          becomes      Mean -> QuantizeLinear -> Reshape

Moving values and quantizing each of them commute. Then every operator that computes stands between its quantizers.
"""

from dataclasses import replace

from tinycnn.ir import Graph, Node, rebuild, unused_name, without_dead_nodes
from tinycnn.ops import DequantizeLinear, QuantizeLinear, Reshape, Take, Transpose


def quantized_moves(graph: Graph) -> Graph:
    """`graph` with quantizers before and dequantizers behind the operators that only move values."""
    return _dequantized_later(_quantized_earlier(graph))


def _moves(node: Node) -> bool:
    """Whether the output holds nothing but values of the one input."""
    return isinstance(node.op, Reshape | Take | Transpose) and not getattr(node.op, "fills", False)


def _quantized_earlier(graph: Graph) -> Graph:
    """Each QuantizeLinear comes before the moves that lead to it alone from an operator that computes."""
    nodes, tensors = list(graph.nodes), dict(graph.tensors)
    place = {node.outputs[0]: index for index, node in enumerate(nodes)}
    for at in reversed(range(len(nodes))):
        quantizer = nodes[at]
        while isinstance(quantizer.op, QuantizeLinear) and quantizer.inputs[0] in place:
            before = place[quantizer.inputs[0]]
            move, (output,) = nodes[before], quantizer.outputs
            (source,) = move.inputs[:1]
            if not _moves(move) or source not in place or isinstance(nodes[place[source]].op, DequantizeLinear):
                break
            if not graph.sole_consumer(source) or not graph.sole_consumer(move.outputs[0]):
                break
            name = unused_name(f"{source}_quantized", tensors)
            tensors[name] = replace(tensors[output], name=name, shape=tensors[source].shape)
            quantizer = replace(quantizer, inputs=(source,), outputs=(name,))
            nodes[before], nodes[at] = quantizer, replace(move, inputs=(name,), outputs=(output,))
            place[name], at = before, before
    return rebuild(graph, nodes, tensors, graph.constants)


def _dequantized_later(graph: Graph) -> Graph:
    """Each DequantizeLinear of an activation comes behind the moves that read it, unless a quantizer follows these."""
    nodes: dict[str, Node] = {}
    tensors, names = dict(graph.tensors), {node.name for node in graph.nodes}
    for node in graph.nodes:
        (output,), before = node.outputs[:1], nodes.get(node.inputs[0])
        follower = graph.sole_consumer(output)
        if (
            before is None
            or not isinstance(before.op, DequantizeLinear)
            or not _moves(node)
            or before.inputs[0] in graph.constants
            or (follower is not None and isinstance(follower.op, QuantizeLinear))
        ):
            nodes[output] = node
            continue
        (stored,) = before.inputs
        name = unused_name(f"{output}_quantized", tensors)
        tensors[name] = replace(tensors[stored], name=name, shape=tensors[output].shape)
        nodes[name] = replace(node, inputs=(stored,), outputs=(name,))
        copy = unused_name(f"{node.name}_dequantized", names)
        names.add(copy)
        nodes[output] = replace(before, name=copy, inputs=(name,), outputs=(output,))
    return without_dead_nodes(rebuild(graph, list(nodes.values()), tensors, graph.constants))
