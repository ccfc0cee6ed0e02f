"""Which alternative computes each node: from the fastest everywhere to the least scratch everywhere."""

from collections.abc import Mapping, Sequence

import numpy as np

from tinycnn.plan.assemble import Demand, demand
from tinycnn.plan.model import Alternative, Alternatives
from tinycnn.plan.rows import RowGraph

MOST_CHOICES = 6
"""Choices per order of work: each is a plan to be placed."""


def fastest(alternatives: Alternatives) -> Mapping[str, Alternative]:
    return {
        output: min(ways, key=lambda way: (way.instructions, way.scratch_bytes))
        for output, ways in alternatives.items()
    }


def leanest(alternatives: Alternatives) -> Mapping[str, Alternative]:
    return {
        output: min(ways, key=lambda way: (way.scratch_bytes, way.instructions))
        for output, ways in alternatives.items()
    }


def choices(
    rows: RowGraph, cuts: Sequence[int], alternatives: Alternatives, *, scattered: bool
) -> list[Mapping[str, Alternative]]:
    """Choices for one order of work, the fastest first. `rows` has the leanest alternatives.

    With a limit on the bytes alive at once each node takes its fastest alternative that stays below, given what else is
    alive while it runs. The limits are those at which some node changes its mind.
    """
    alive = _alive_beside(demand(rows, cuts, scattered=scattered), rows)
    levels = sorted({alive[output] + way.scratch_bytes for output, ways in alternatives.items() for way in ways})
    picked = (
        [levels[int(at)] for at in np.unique(np.linspace(0, len(levels) - 1, MOST_CHOICES).astype(int))[::-1]]
        if levels
        else [0]
    )
    found: list[Mapping[str, Alternative]] = []
    lean = leanest(alternatives)
    for limit in picked:
        choice = {
            output: min(
                (way for way in ways if way is lean[output] or alive[output] + way.scratch_bytes <= limit),
                key=lambda way: (way.instructions, way.scratch_bytes),
            )
            for output, ways in alternatives.items()
        }
        if choice not in found:
            found.append(choice)
    if lean not in found:
        found.append(lean)
    return found


def _alive_beside(wants: Demand, rows: RowGraph) -> dict[str, int]:
    """By output the most bytes alive from a node's first row to its last, without its own scratch."""
    changes = np.zeros(len(wants.order) + 2, np.int64)
    for need in wants.all_needs:
        for piece in need.pieces:
            for span in piece.live:
                changes[span.first] += piece.last_byte - piece.first_byte
                changes[span.last] -= piece.last_byte - piece.first_byte
    alive = np.cumsum(changes)
    times: dict[int, list[int]] = {}
    for time, pull in enumerate(wants.order):
        if pull.node >= 0:
            times.setdefault(pull.node, []).append(time)
    return {
        rows.nodes[node].outputs[0]: int(alive[at[0] : at[-1] + 1].max()) - rows.scratch[node][0]
        for node, at in times.items()
    }
