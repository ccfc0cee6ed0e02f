"""One scale for all that a Concat joins, so that its bytes only move."""

from collections.abc import Mapping

from tinycnn.ir import Graph
from tinycnn.ops import Concat, Take
from tinycnn.quantize.calibrate import Range


def joined_ranges(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """`ranges` with the union of all of a group for each tensor in it."""
    found = dict(ranges)
    for group in groups(graph):
        seen = [ranges[name] for name in group if name in ranges]
        union = Range(min(one.low for one in seen), max(one.high for one in seen))
        found.update(dict.fromkeys((name for name in group if name in ranges), union))
    return found


def same_for_joined(graph: Graph, bits: Mapping[str, int]) -> dict[str, int]:
    """`bits` of scales (quantize.means) with the fewest of a group for each tensor in it."""
    found = dict(bits)
    for group in groups(graph):
        wanted = [bits[name] for name in group if name in bits]
        if wanted:
            found.update(dict.fromkeys(group, min(wanted)))
    return found


def groups(graph: Graph) -> list[frozenset[str]]:
    """The tensors that are to have one scale: what a Concat joins or a Take fills up, and whatever passes it on."""
    group_of: dict[str, frozenset[str]] = {}
    wanted: set[str] = set()
    for node in graph.nodes:
        joins = isinstance(node.op, Concat)
        if joins or (isinstance(node.op, Take) and node.op.fills):
            wanted.update(node.outputs)
        if joins or getattr(node.op, "output_scale", "") == "input":
            names = [*graph.activations(node), *node.outputs]
            union = frozenset().union(*(group_of.get(name, frozenset((name,))) for name in names))
            group_of.update(dict.fromkeys(union, union))
    return [group for group in dict.fromkeys(group_of.values()) if group & wanted]
