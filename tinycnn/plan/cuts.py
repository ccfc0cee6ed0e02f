"""Where to cut the nodes into stages, for the fewest bytes alive at once."""

from dataclasses import dataclass
from itertools import accumulate

from tinycnn.plan.in_place import chains, overwritten
from tinycnn.plan.model import Span
from tinycnn.plan.rows import RowGraph
from tinycnn.plan.schedule import alive_rows, pulls, ring_height, row_times

MAX_STAGE_NODES = 24
"""Longer stages are not tried: the search takes their number squared, and rings add up."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """The first node of every stage, and the most bytes alive at once."""

    first_nodes: tuple[int, ...]
    peak_bytes: int


def best_cuts(rows: RowGraph) -> tuple[Cuts, Cuts]:
    """The cuts with the lowest peak for rings, and those for rows with places of their own.

    Of equal peaks the one with the most cuts. By dynamic programming over the last stage.
    """
    count = len(rows.nodes)
    # for each kind and number of nodes: peak, minus the number of stages, first node of the last stage
    best: tuple[list[tuple[int, int, int]], ...] = ([(0, 0, 0)], [(0, 0, 0)])
    for last in range(1, count + 1):
        options: tuple[list[tuple[int, int, int]], ...] = ([], [])
        for first in range(last - 1, max(0, last - MAX_STAGE_NODES) - 1, -1):
            # else the stage cannot win, whatever it takes
            wanted = [kind for kind in (0, 1) if not options[kind] or best[kind][first][0] <= min(options[kind])[0]]
            peaks = peaks_bytes(rows, first, last) if wanted else (0, 0)
            for kind in wanted:
                highest, stages, _ = best[kind][first]
                options[kind].append((max(highest, peaks[kind]), stages - 1, first))
        for kind in (0, 1):
            best[kind].append(min(options[kind]))
    rings, places = (_followed(steps) for steps in best)
    return rings, places


def _followed(best: list[tuple[int, int, int]]) -> Cuts:
    cuts, last = [], len(best) - 1
    while last:
        last = best[last][2]
        cuts.append(last)
    return Cuts(tuple(cuts[::-1]), best[-1][0])


def peaks_bytes(rows: RowGraph, first: int, last: int) -> tuple[int, int]:
    """Most bytes alive at once while the nodes [first, last) run as one stage, tensors that pass by included.

    First where the tensors inside the stage are rings, alive as a whole while a row of them is, then where each row
    counts alone.
    """
    order = pulls(rows, first, last)
    made, read = row_times(rows, order)
    over = overwritten(rows, made, read, last, min)
    sources = set(over.values())
    before, changes = 0, [0] * (len(order) + 1)
    in_rings, alone = [0] * (len(order) + 1), [0] * (len(order) + 1)
    inside = []
    for tensor, reader in rows.last_reader.items():
        size, maker = rows.row_bytes(tensor), rows.maker.get(tensor, -1)
        if tensor == rows.pushed:
            maker = rows.pushed_reader
        behind = 1 if tensor in over else 0  # what is written over another row is counted from the next pull on
        if maker < first <= reader:
            before += rows.rows(tensor) * size
            for time in read[tensor] if reader < last else ():
                changes[time + 1] -= size  # a row that nothing reads any more is dead from the start
        elif first <= maker < last and reader >= last:  # whole, as it crosses to another stage
            for time in made[tensor]:
                changes[time + behind] += size
        elif first <= maker < last:
            inside.append(tensor)
            for time, end in zip(made[tensor], read.get(tensor, made[tensor]), strict=True):
                alone[time + behind] += size
                alone[max(time, end) + 1] -= size
    for kept in chains(over, inside):
        size, times, ends = rows.row_bytes(kept[0]), made[kept[0]], read.get(kept[-1], made[kept[-1]])
        if kept[0] not in over and kept[-1] not in sources:
            size *= ring_height(times, ends)
            spans = alive_rows(times, ends)
        else:
            behind = 1 if kept[0] in over else 0
            spans = tuple(Span(time + behind, max(time, end) + 1) for time, end in zip(times, ends, strict=True))
        for span in spans:
            in_rings[span.first] += size
            in_rings[span.last] -= size
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
    rings, places = (
        max(accumulate(map(sum, zip(changes[:-1], kind[:-1], strict=True)), initial=before))
        for kind in (in_rings, alone)
    )
    return rings, places
