"""The table that the generated C follows when some layer runs in several steps.

It is a list of pairs of numbers: a layer and how many of its rows come next. Numbers after the last layer stand for the
caller, who pushes or pulls a row there, and for repetitions: a long signal does the same again and again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LONGEST_RUN = 255
"""Rows that one pair, of bytes, can count."""
LONGEST_BLOCK = 255
"""Pairs that can be repeated."""
REPETITION_PAIRS = 3
PAIRS_PER_LINE = 8

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScheduleTable:
    """The pairs in order, of `layers` layers.

    (layers, 0) is where the next row of a pushed input must be there, (layers + 1, 0) where the next row of a pulled
    output is. (layers + 2, n), (layer, 0), (low, high) repeats the n pairs before it until so many rows of the layer
    were computed as both bytes say.
    """

    pairs: tuple[Pair, ...]
    layers: int

    @property
    def has_repetitions(self) -> bool:
        return any(code == self.layers + 2 for code, _ in self.pairs)

    @property
    def numbers(self) -> int:
        return 2 * len(self.pairs)

    @property
    def number_bytes(self) -> int:
        return 1 if self.layers + 2 <= 255 else 2

    @property
    def size_bytes(self) -> int:
        return self.number_bytes * self.numbers

    @property
    def text(self) -> str:
        """In C, a few pairs a line."""
        pairs = [f"{code}, {count}" for code, count in self.pairs]
        lines = [",  ".join(pairs[first : first + PAIRS_PER_LINE]) for first in range(0, len(pairs), PAIRS_PER_LINE)]
        return "".join(f"    {line},\n" for line in lines)


def schedule_table(
    steps: Sequence[Pair], layers: int, arrivals: Sequence[int], departures: Sequence[int]
) -> ScheduleTable:
    """The table for steps of (layer, rows); `arrivals` and `departures` are those of the plan."""
    pushed, pulled = Counter(arrivals), Counter(departures)
    pairs: list[Pair] = []
    for number in range(len(steps) + 1):
        pairs += [(layers + 1, 0)] * pulled[number] + [(layers, 0)] * pushed[number]
        for layer, rows in steps[number : number + 1]:
            pairs += [(layer, min(LONGEST_RUN, rows - done)) for done in range(0, rows, LONGEST_RUN)]
    return ScheduleTable(_folded(pairs, layers), layers)


def _folded(pairs: list[Pair], layers: int) -> tuple[Pair, ...]:
    """The pairs with the repetitions that make them fewest: from the end, each place takes the cheaper way on."""
    block, times = _repetitions(pairs)
    cost = [0] * (len(pairs) + 1)
    for place in range(len(pairs) - 1, -1, -1):
        cost[place] = 1 + cost[place + 1]
        if block[place]:
            repeated = block[place] + REPETITION_PAIRS + cost[place + block[place] * times[place]]
            cost[place] = min(cost[place], repeated)
    folded: list[Pair] = []
    computed = dict.fromkeys(range(layers), 0)
    place = 0
    while place < len(pairs):
        size, count = block[place], times[place]
        if cost[place] == 1 + cost[place + 1]:
            size, count = 1, 1
        here = pairs[place : place + size]
        for layer, rows in here:
            if layer < layers:
                computed[layer] += rows * count
        folded += here
        if count > 1:
            layer = next(layer for layer, _ in here if layer < layers)
            folded += [(layers + 2, size), (layer, 0), (computed[layer] % 256, computed[layer] // 256)]
        place += size * count
    return tuple(folded) if all(rows < 1 << 16 for rows in computed.values()) else tuple(pairs)


def _repetitions(pairs: list[Pair]) -> tuple[list[int], list[int]]:
    """For each place the block of pairs whose repetition from there on saves most, and how often it stands there.

    0 pairs where nothing is saved. A block has a layer, by whose rows its repetitions are counted.
    """
    kinds: dict[Pair, int] = {}
    numbers = np.array([kinds.setdefault(pair, len(kinds)) for pair in pairs], np.int64)
    counted = np.array([rows > 0 for _, rows in pairs], bool)
    best = np.full(len(pairs), REPETITION_PAIRS, np.int64)
    block, times = np.zeros(len(pairs), np.int64), np.ones(len(pairs), np.int64)
    for size in range(1, min(LONGEST_BLOCK, len(pairs) // 2) + 1):
        differs = np.flatnonzero(numbers[:-size] != numbers[size:])
        ends = np.append(differs, len(pairs) - size)
        starts = np.arange(len(pairs) - size)
        repeats = (ends[np.searchsorted(ends, starts)] - starts) // size
        layers_so_far = np.append(0, np.cumsum(counted))
        has_layer = layers_so_far[starts + size] > layers_so_far[starts]
        saved = np.where(has_layer, repeats * size, 0)
        better = np.flatnonzero(saved > best[: len(saved)])
        best[better], block[better], times[better] = saved[better], size, repeats[better] + 1
    return [int(size) for size in block], [int(count) for count in times]
