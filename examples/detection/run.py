"""A grid detector draws boxes around digits on photographs of textures: int8 against fp32, streamed in rows."""

import sys
from pathlib import Path

import numpy as np

import tinycnn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
sys.path.insert(0, str(FOLDER))
import grid  # noqa: E402
from figures import check, conclude, measure  # noqa: E402  (scripts, not a package: the lines above find them)
from pictures import Pixels, box, enlarge, write_panels  # noqa: E402
from scenes import Box, Scenes, sample_scenes  # noqa: E402

CALIBRATION_SCENES, TEST_SCENES, SHOWN_SCENES = 200, 1000, 8
SURE = 0.3  # confidence from which on a box is drawn
CERTAIN = 20.0  # a logit that leaves no doubt
GREEN, RED = (60, 220, 60), (240, 40, 40)


def detect(graph: tinycnn.Graph, scenes: Scenes) -> list[grid.Found]:
    """The digits that a network, float or int8, finds in each scene."""
    stored = tinycnn.to_stored(graph.tensors["image"], scenes.images.astype(np.float32))
    outputs = tinycnn.run(graph, stored)
    real = [tinycnn.to_real(graph.tensors[name], outputs[name]) for name in ("scores", "boxes")]
    return [grid.decode(scores, boxes) for scores, boxes in zip(*real, strict=True)]


def faultless(boxes: tuple[Box, ...]) -> grid.Found:
    """What a network would give that makes no mistake."""
    cells, numbers = grid.encode(boxes)
    cells_of_a_side = grid.SIZE // grid.CELL
    scores, wanted = (np.zeros((count, cells_of_a_side, cells_of_a_side)) for count in (11, 4))
    scores -= CERTAIN
    for (row, column), four, true in zip(cells, numbers, boxes, strict=True):
        scores[[0, 1 + true.label], row, column] = CERTAIN
        wanted[:, row, column] = four
    return grid.decode(scores, wanted)


def drawn(image: Pixels, found: grid.Found, truth: tuple[Box, ...]) -> Pixels:
    """The scene three times as large, what was found framed: green if digit and box are right, else red."""
    picture = enlarge(image, 3)
    for label, confidence, edges in zip(found.labels, found.confidences, found.edges, strict=True):
        if confidence >= SURE:
            overlaps = grid.overlap(edges, grid.edges_of([digit for digit in truth if digit.label == label]))
            is_right = bool((overlaps >= grid.HIT).any())
            picture = box(picture, *(round(3 * edge) for edge in edges), GREEN if is_right else RED)
    return picture


def title(found: grid.Found) -> str:
    """The digits that were found, from left to right."""
    order = np.argsort(found.edges[:, 1])
    return " ".join(str(found.labels[index]) for index in order if found.confidences[index] >= SURE)


def main() -> None:
    calibration = sample_scenes("calibration", CALIBRATION_SCENES, grid.SIZE, grid.MOST_DIGITS, seed=3)
    test = sample_scenes("test", TEST_SCENES, grid.SIZE, grid.MOST_DIGITS, seed=2)
    check(
        "boxes to numbers and back loses no digit: a network without mistakes has an mAP of 100",
        grid.mean_average_precision([faultless(boxes) for boxes in test.boxes], test.boxes) == 100,
    )
    samples = test.images.astype(np.float32)
    model = tinycnn.load(FOLDER / "detector.onnx")
    int8 = tinycnn.quantize(model, calibration.images.astype(np.float32), method="percentile")
    found = detect(int8, test)
    scores = [grid.mean_average_precision(boxes, test.boxes) for boxes in (detect(model, test), found)]
    rows = {"detector": measure(int8, samples, f"mAP, {TEST_SCENES:,} scenes", *scores)}
    pictures = [
        (title(found[index]), drawn(test.images[index, 0], found[index], test.boxes[index]))
        for index in range(SHOWN_SCENES)
    ]
    write_panels(FOLDER / "detection.svg", [pictures[:4], pictures[4:]])

    least = rows["detector"].arena_bytes
    print(f"arena {tinycnn.plan(int8).arena_bytes:,} bytes layer by layer, {least:,} streamed")
    for runner in tinycnn.verify(int8, samples[:2], ["onnxruntime", "host"]):
        check(f"{runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)
    (runner,) = tinycnn.verify(int8, samples[:2], ["host"], least, pushed=True)
    check("so does C with the image pushed in row by row", runner.mismatches == 0)
    conclude(FOLDER, rows)


if __name__ == "__main__":
    main()
