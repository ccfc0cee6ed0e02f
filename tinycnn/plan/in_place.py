"""Which tensors are written over an input, each row over the very row that it is made of."""

from collections.abc import Mapping, Sequence

from tinycnn.ops import may_overwrite
from tinycnn.plan.rows import RowGraph

RowTimes = Mapping[str, Sequence[int]]
"""For each row of a tensor the pull that makes it, or the last one that reads it; -1 where there is none."""


def overwritten(rows: RowGraph, made: RowTimes, read: RowTimes, last: int) -> dict[str, str]:
    """For each tensor that can be written over an input of its node the input, in the order of the nodes.

    Nothing reads a row of that input after the row of the output is made of it, and no node from `last` on does. Of two
    such inputs it is the one whose rows live shorter, so that least has to stay in one place.
    """
    found: dict[str, str] = {}
    for node in rows.nodes:
        (output,) = node.outputs
        if output not in made:
            continue
        options = [
            (_waiting(made, output, source), source)
            for index, source in enumerate(rows.graph.activations(node))
            if _is_overwritten(rows, made, read, last, source, index, output)
        ]
        if options:
            found[output] = min(options)[1]
    return found


def chains(over: Mapping[str, str], tensors: Sequence[str]) -> list[tuple[str, ...]]:
    """The tensors in groups that have the same bytes one after the other, in this order; most are alone."""
    follower = {source: output for output, source in over.items()}
    found = []
    for tensor in tensors:
        if tensor not in over:
            chain = [tensor]
            while chain[-1] in follower:
                chain.append(follower[chain[-1]])
            found.append(tuple(chain))
    return found


def _is_overwritten(
    rows: RowGraph, made: RowTimes, read: RowTimes, last: int, source: str, index: int, output: str
) -> bool:
    """`source` is the input `index` of the node that makes `output`."""
    node = rows.maker[output]
    shape, written = rows.graph.tensors[source].shape, rows.graph.tensors[output].shape
    return (
        may_overwrite(rows.nodes[node].op, shape, written)
        and rows.root_of[source] == source
        and rows.rows(source) == rows.rows(output)
        and rows.last_reader[source] < last
        and read[source] == made[output]
        and all(reads[index] == (source, range(row, row + 1)) for row, reads in enumerate(rows.reads[node]))
    )


def _waiting(made: RowTimes, output: str, source: str) -> int:
    """How long the rows of `source` live before those of the output are written over them, added up."""
    before = made.get(source, [-1] * len(made[output]))
    return sum(made[output]) - sum(before)
