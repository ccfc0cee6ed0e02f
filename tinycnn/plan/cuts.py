"""Where to cut the nodes into stages, for the fewest bytes alive at once."""

from collections.abc import Callable
from itertools import accumulate

from tinycnn.plan.rows import RowGraph
from tinycnn.plan.schedule import alive_rows, pulls, ring_height, row_times

MAX_STAGE_NODES = 24
"""Longer stages are not tried: the search takes their number squared, and rings add up."""


def peak_bytes(rows: RowGraph, first: int, last: int, *, scattered: bool = False) -> int:
    """Most bytes alive at once while the nodes [first, last) run as one stage, tensors that pass by included.

    Tensors inside the stage are rings, alive as a whole while a row of them is; with `scattered` each row counts alone.
    """
    order = pulls(rows, first, last)
    made, read = row_times(rows, order)
    changes = [0] * (len(order) + 1)
    before = 0
    for tensor, reader in rows.last_reader.items():
        size, maker = rows.row_bytes(tensor), rows.maker.get(tensor, -1)
        if tensor == rows.pushed:
            maker = rows.pushed_reader
        if maker < first <= reader:
            before += rows.rows(tensor) * size
            for time in read[tensor] if reader < last else ():
                changes[time + 1] -= size  # a row that nothing reads any more is dead from the start
        elif not first <= maker < last:
            continue
        elif reader >= last:  # whole, as it crosses to another stage
            for time in made[tensor]:
                changes[time] += size
        elif scattered:
            for time, end in zip(made[tensor], read[tensor], strict=True):
                changes[time] += size
                changes[max(time, end) + 1] -= size
        else:
            size *= ring_height(made[tensor], read[tensor])
            for span in alive_rows(made[tensor], read[tensor]):
                changes[span.first] += size
                changes[span.last] -= size
    for time, pull in enumerate(order):
        if pull.node < 0:
            continue
        scratch_bytes, is_kept = rows.scratch[pull.node]
        changes[time] += scratch_bytes if pull.row == 0 or not is_kept else 0
        changes[time + 1] -= scratch_bytes if pull.row == rows.turns[pull.node] - 1 or not is_kept else 0
        padding = rows.paddings[pull.node]
        if padding is not None and pull.row in rows.padded_turns[pull.node]:
            changes[time] += padding[1]
            changes[time + 1] -= padding[1]
    return max(accumulate(changes[:-1], initial=before), default=before)


def best_cuts(rows: RowGraph, peak: Callable[[RowGraph, int, int], int] = peak_bytes) -> list[int]:
    """Where to cut for the lowest peak: the first node of every stage. Of equal peaks the one with the most cuts."""
    count = len(rows.nodes)
    best: list[tuple[int, int, int]] = [(0, 0, 0)]  # peak, minus the number of stages, first node of the last stage
    for last in range(1, count + 1):
        options: list[tuple[int, int, int]] = []
        for first in range(last - 1, max(0, last - MAX_STAGE_NODES) - 1, -1):
            highest, stages, _ = best[first]
            if not options or highest <= min(options)[0]:  # else it cannot win, whatever this stage takes
                options.append((max(highest, peak(rows, first, last)), stages - 1, first))
        best.append(min(options))
    cuts, last = [], count
    while last:
        last = best[last][2]
        cuts.append(last)
    return cuts[::-1]
