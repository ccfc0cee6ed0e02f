"""The detector's grid of cells: boxes to numbers for training, numbers to boxes, and how good boxes are.

A cell answers for the digit whose middle it holds. It gives 1 + 10 scores (logit of "a digit is here", logits of the
ten digits) and four numbers of its box: the middle's offset down and right from the cell's, in cells, then height and
width in units of EXTENT pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scenes import Box

Floats = npt.NDArray[np.floating]

SIZE, MOST_DIGITS = 64, 3  # pixels of a scene's side, digits in it
CELL = 8  # pixels of a cell's side
EXTENT = 32
LEAST_CONFIDENCE = 0.05  # of 1; what is less sure is no detection
MOST_OVERLAP = 0.3  # IoU with a surer detection from which on a box is the same digit seen twice
HIT = 0.5  # IoU with the true box from which on a digit counts as found


@dataclass(frozen=True, slots=True)
class Found:
    """The digits of one image, the surest first: labels [n], confidences [n], edges [n, 4] top, left, bottom, right."""

    labels: npt.NDArray[np.integer]
    confidences: Floats
    edges: Floats


def edges_of(boxes: Sequence[Box]) -> Floats:
    return np.array([(box.top, box.left, box.bottom, box.right) for box in boxes], np.float64).reshape(-1, 4)


def encode(boxes: Sequence[Box]) -> tuple[npt.NDArray[np.integer], Floats]:
    """Cells [n, 2] (row, column) that answer for `boxes`, and the four numbers [n, 4] that they should give."""
    edges = edges_of(boxes)
    middle = (edges[:, :2] + edges[:, 2:]) / 2
    cells = (middle // CELL).astype(np.int64)
    return cells, np.hstack([middle / CELL - (cells + 0.5), (edges[:, 2:] - edges[:, :2]) / EXTENT])


def decode(scores: Floats, boxes: Floats) -> Found:
    """What one image's scores [11, rows, columns] and boxes [4, rows, columns] say, each digit once."""
    rows, columns = scores.shape[1:]
    cells = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    middle, extent = (boxes[:2] + cells + 0.5) * CELL, boxes[2:] * EXTENT
    edges = np.concatenate([middle - extent / 2, middle + extent / 2]).reshape(4, -1).T
    exponentials = np.exp(scores[1:] - scores[1:].max(axis=0))
    confidences = (exponentials.max(axis=0) / exponentials.sum(axis=0) / (1 + np.exp(-scores[0]))).ravel()
    labels = scores[1:].argmax(axis=0).ravel()
    kept: list[int] = []
    for cell in np.argsort(-confidences, kind="stable"):
        if confidences[cell] < LEAST_CONFIDENCE:
            break
        if not kept or overlap(edges[cell], edges[kept]).max() < MOST_OVERLAP:
            kept.append(int(cell))
    return Found(labels[kept], confidences[kept], edges[kept])


def overlap(one: Floats, others: Floats) -> Floats:
    """Intersection over union of one box [4] with others [n, 4]."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    area, areas = np.prod(one[2:] - one[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    both: Floats = common / np.maximum(area + areas - common, 1e-9)
    return both


def mean_average_precision(found: Sequence[Found], truth: Sequence[Sequence[Box]]) -> float:
    """The mean over the ten digits of the area under precision against recall, in percent.

    Of each image's boxes of a digit, the surest one that overlaps a true box by HIT finds it; others are wrong. The
    precision at a recall is the best at this recall or a larger one (Everingham et al., PASCAL VOC, since 2010).
    """
    areas = []
    for label in range(10):
        hits: list[tuple[float, bool]] = []
        wanted = 0
        for image, boxes in zip(found, truth, strict=True):
            edges = edges_of([box for box in boxes if box.label == label])
            wanted += len(edges)
            free = np.ones(len(edges), np.bool_)
            for index in np.flatnonzero(image.labels == label):
                overlaps = overlap(image.edges[index], edges) * free
                is_hit = bool(overlaps.size) and overlaps.max() >= HIT
                if is_hit:
                    free[overlaps.argmax()] = False
                hits.append((float(image.confidences[index]), is_hit))
        hits.sort(key=lambda hit: -hit[0])
        right = np.cumsum([is_hit for _, is_hit in hits])
        precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
        areas.append(float((precision * np.diff(right, prepend=0)).sum() / wanted))
    return 100 * float(np.mean(areas))
