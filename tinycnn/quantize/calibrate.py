"""Which range of real values each activation takes over the calibration samples."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tinycnn import engine
from tinycnn.errors import DataError
from tinycnn.ir import Array, Graph

Method = Literal["minmax", "percentile"]
METHODS: tuple[Method, ...] = ("minmax", "percentile")
HISTOGRAM_BINS = 8192
Progress = Callable[[Iterable[Any], int], Iterable[Any]]
"""Wraps an iterable of chunks, with its length, to show how far it is."""


@dataclass(frozen=True, slots=True)
class Range:
    """Real values from `low` to `high`."""

    low: float
    high: float


def calibrate(
    graph: Graph, samples: Mapping[str, Array], method: Method, percentile: float, progress: Progress | None = None
) -> dict[str, Range]:
    """The range of every activation of a float graph over `samples` (as `engine.stored_samples` gives them).

    "minmax" is the whole range seen; "percentile" leaves out (100 - percentile) / 2 per cent of the values at each
    end, by a histogram of 8192 bins between the smallest and the largest, but never narrows the graph's inputs.
    """
    if not all(np.isfinite(array).all() for array in samples.values()):
        raise DataError("The calibration data has values that are not finite (NaN or infinity).")
    program = engine.prepare(graph)
    ranges: dict[str, Range] = {}
    for values in _traces(program, samples, progress):
        for name, array in values.items():
            low, high = float(array.min()), float(array.max())
            seen = ranges.get(name, Range(low, high))
            ranges[name] = Range(min(seen.low, low), max(seen.high, high))
    unbounded = [name for name, seen in ranges.items() if not np.isfinite([seen.low, seen.high]).all()]
    if unbounded:
        raise DataError(f"The model gives values that are not finite on the calibration data, in {unbounded[0]!r}.")
    if method == "percentile":
        return _percentiles(program, samples, ranges, percentile, progress)
    return ranges


def _traces(
    program: engine.Program, samples: Mapping[str, Array], progress: Progress | None
) -> Iterable[dict[str, Array]]:
    step, count = program.chunk_samples, engine.sample_count(samples)
    chunks: Iterable[dict[str, Array]] = [
        {name: array[start : start + step] for name, array in samples.items()} for start in range(0, count, step)
    ]
    for chunk in progress(chunks, -(-count // step)) if progress else chunks:
        with np.errstate(all="ignore"):  # what is not finite is reported by name
            values = engine.trace(program, chunk)
        yield values


def _percentiles(
    program: engine.Program,
    samples: Mapping[str, Array],
    ranges: dict[str, Range],
    percentile: float,
    progress: Progress | None,
) -> dict[str, Range]:
    histograms = {name: np.zeros(HISTOGRAM_BINS, np.int64) for name in ranges}
    for values in _traces(program, samples, progress):
        for name, array in values.items():
            limits = (ranges[name].low, ranges[name].high)
            histograms[name] += np.histogram(array, HISTOGRAM_BINS, limits)[0]
    return {
        name: ranges[name] if name in program.graph.inputs else _cut(histograms[name], ranges[name], percentile)
        for name in ranges
    }


def _cut(histogram: Array, seen: Range, percentile: float) -> Range:
    """The range between the edges of the bins in which the lowest and highest kept values lie."""
    tail = histogram.sum() * (100 - percentile) / 200
    cumulative = np.cumsum(histogram)
    first = int(np.searchsorted(cumulative, tail, side="right"))
    last = int(np.searchsorted(cumulative, cumulative[-1] - tail, side="left"))
    width = (seen.high - seen.low) / HISTOGRAM_BINS
    return Range(seen.low + first * width, seen.low + (last + 1) * width)
