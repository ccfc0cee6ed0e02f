"""A Dense over the rows of a tensor as one operator, where a file writes it between Reshapes to a matrix and back."""

from tinycnn.ir import Graph, Node, rebuild
from tinycnn.ops import Dense, Reshape


def dense_over_rows(graph: Graph) -> Graph:
    """`graph` with Reshape [..., I] to [M, I], Dense, Reshape to [..., O] as one Dense."""
    made: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        chain = _chain(graph, node)
        if chain is not None:
            first, last = chain[0], chain[-1]
            origins = tuple(dict.fromkeys(origin for link in chain for origin in link.origins))
            gone.update(link.outputs[0] for link in chain)
            made[last.outputs[0]] = Node(last.name, node.op, (first.inputs[0], *node.inputs[1:]), last.outputs, origins)
    nodes = [
        made.get(node.outputs[0], node)
        for node in graph.nodes
        if node.outputs[0] in made or node.outputs[0] not in gone
    ]
    return rebuild(graph, nodes, graph.tensors, graph.constants)


def _chain(graph: Graph, node: Node) -> tuple[Node, ...] | None:
    if not isinstance(node.op, Dense) or len(graph.tensors[node.inputs[0]].shape) != 2:
        return None
    first, last = graph.producers.get(node.inputs[0]), graph.sole_consumer(node.outputs[0])
    if first is None or last is None or graph.sole_consumer(node.inputs[0]) is not node:
        return None
    if not isinstance(first.op, Reshape) or not isinstance(last.op, Reshape):
        return None
    shape, outputs = graph.tensors[first.inputs[0]].shape, graph.tensors[node.outputs[0]].shape[-1]
    fits = (
        len(shape) > 2
        and shape[-1] == graph.tensors[node.inputs[0]].shape[-1]
        and graph.tensors[last.outputs[0]].shape == (*shape[:-1], outputs)
    )
    return (first, node, last) if fits else None
