"""Which alternative computes each node: from the fastest everywhere to the least scratch everywhere."""

from collections.abc import Mapping, Sequence

import numpy as np

from tinycnn.plan.demand import Demand, demands
from tinycnn.plan.model import Alternative, Alternatives
from tinycnn.plan.rows import RowGraph

MOST_CHOICES = 6
"""Choices per order of work whose bytes alive differ: each is a plan that may have to be placed."""
MOST_LEANER_CHOICES = 3
"""Further ones with as many bytes alive as the leanest: with less scratch they may lie better in the arena."""


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
    wants = demands(rows, cuts, scattered=scattered)[0]
    peaks = _peaks_bytes(wants, rows, alternatives)
    levels = sorted({wants.bound_bytes, *(peak for ways in peaks.values() for _, peak in ways)})
    least = levels.index(wants.bound_bytes)
    limits = [*_spread(levels[least:], MOST_CHOICES), *_spread(levels[:least], MOST_LEANER_CHOICES)]
    lean = leanest(alternatives)
    found = [*(_fastest_below(limit, peaks, lean) for limit in limits), lean]
    return [choice for index, choice in enumerate(found) if choice not in found[:index]]


def _spread(levels: Sequence[int], most: int) -> list[int]:
    """At most `most` of some levels in order, the highest first."""
    return [levels[int(at)] for at in np.linspace(len(levels) - 1, 0, min(most, len(levels)))]


Peaks = Mapping[str, Sequence[tuple[Alternative, int]]]
"""By a node's output the ways to compute it, each with the most bytes that are alive while it needs its scratch."""


def _fastest_below(limit_bytes: int, peaks: Peaks, lean: Mapping[str, Alternative]) -> Mapping[str, Alternative]:
    return {
        output: min(
            (way for way, peak in ways if way is lean[output] or peak <= limit_bytes),
            key=lambda way: (way.instructions, way.scratch_bytes),
        )
        for output, ways in peaks.items()
    }


def _peaks_bytes(wants: Demand, rows: RowGraph, alternatives: Alternatives) -> Peaks:
    """`rows` and `wants` have the leanest alternatives; a node's own scratch is changed for that of each way."""
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
    found = {}
    for node, at in times.items():
        (output,), sums_bytes = rows.nodes[node].outputs, rows.sums_bytes[node]
        running, always = int(alive[at].max()), int(alive[at[0] : at[-1] + 1].max())
        own_bytes = rows.scratch[node][0] - sums_bytes
        found[output] = [
            (way, (always if way.keeps_scratch or sums_bytes else running) - own_bytes + way.scratch_bytes)
            for way in alternatives.get(output, ())
        ]
    return {output: ways for output, ways in found.items() if ways}
