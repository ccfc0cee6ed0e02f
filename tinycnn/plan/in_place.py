"""Which tensors are written over an input, each row over the very row that it is made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tinycnn.plan.rows import RowGraph

RowTimes = Mapping[str, Sequence[int]]
"""For each row of a tensor the pull that makes it, or the last one that reads it; -1 where there is none."""

Choice = Callable[[Iterable[tuple[int, str]]], tuple[int, str]]
"""Takes one of several inputs, each with how long its rows live: `min` or `max`."""


def overwritten(rows: RowGraph, made: RowTimes, read: RowTimes, last: int, choose: Choice) -> dict[str, str]:
    """For each tensor that can be written over an input of its node the input, in the order of the nodes.

    Nothing reads a row of that input after the row of the output is made of it, and no node from `last` on does. Of two
    such inputs it is the one that `choose` takes by how long its rows live before.
    """
    found: dict[str, str] = {}
    for node, sources in zip(rows.nodes, rows.may_overwrite, strict=True):
        (output,) = node.outputs
        if sources and output in made:
            options = [
                (_waiting(made, output, source), source)
                for source in sources
                if rows.last_reader[source] < last and read[source] == made[output]
            ]
            if options:
                found[output] = choose(options)[1]
    return found


def chains(over: Mapping[str, str], tensors: Sequence[str]) -> list[tuple[str, ...]]:
    """The tensors in groups that have the same bytes one after the other, in this order; most are alone.

    What is written over a tensor that is not among them begins a group.
    """
    known = set(tensors)
    follower = {source: output for output, source in over.items() if output in known}
    found = []
    for tensor in tensors:
        if over.get(tensor) not in known:
            chain = [tensor]
            while chain[-1] in follower:
                chain.append(follower[chain[-1]])
            found.append(tuple(chain))
    return found


def _waiting(made: RowTimes, output: str, source: str) -> int:
    """How long the rows of `source` live before those of the output are written over them, added up."""
    before = made.get(source, [-1] * len(made[output]))
    return sum(made[output]) - sum(before)
