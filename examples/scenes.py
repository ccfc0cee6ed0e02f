"""Scenes: MNIST digits of changing size and brightness on photographs of brick, grass and gravel.

Training and testing make them by the same function from other digits and other parts of the photographs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
EXAMPLES = Path(__file__).resolve().parent

INK = 128  # a digit's pixel from this value on is ink: it belongs to the mask and to the box
SMALLEST, LARGEST = 0.8, 1.4  # a digit's 28 x 28 pixels are zoomed by this much
LEAST_CONTRAST, MOST_CONTRAST = 80.0, 160.0  # between the ink and the mean of the ground, of 255
TRIES = 20  # to find room for one more digit


@dataclass(frozen=True, slots=True)
class Box:
    """A digit and the pixels [top, bottom) x [left, right) around its ink."""

    label: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Scenes:
    """`images` uint8 [N, 1, size, size]; `masks` bool [N, size, size], true where there is ink; boxes of each image."""

    images: Bytes
    masks: npt.NDArray[np.bool_]
    boxes: tuple[tuple[Box, ...], ...]


def make_scenes(
    rng: np.random.Generator, textures: Bytes, digits: Bytes, labels: Bytes, count: int, size: int, most_digits: int
) -> Scenes:
    """`count` scenes of size x size pixels, each with 1 to `most_digits` of `digits` [n, 28, 28] on a crop of one of
    `textures` [t, height, width]. Boxes do not overlap."""
    images = np.empty((count, 1, size, size), np.uint8)
    masks = np.zeros((count, size, size), np.bool_)
    boxes = []
    for number in range(count):
        texture = textures[rng.integers(len(textures))]
        top, left = (int(rng.integers(length - size + 1)) for length in texture.shape)
        canvas = texture[top : top + size, left : left + size].astype(np.float32)
        found: list[Box] = []
        wanted = rng.integers(1, most_digits + 1)
        for _ in range(TRIES):
            chosen = int(rng.integers(len(digits)))
            _paste(rng, canvas, masks[number], found, digits[chosen], int(labels[chosen]))
            if len(found) == wanted:
                break
        images[number, 0] = np.rint(canvas)
        boxes.append(tuple(found))
    return Scenes(images, masks, tuple(boxes))


def sample_scenes(part: str, count: int, size: int, most_digits: int, seed: int) -> Scenes:
    """Scenes from what is committed: `part` is "calibration" (training digits and textures) or "test"."""
    textures = np.load(EXAMPLES / "textures/textures.npz")["test" if part == "test" else "train"]
    digits = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")
    rng = np.random.default_rng(seed)
    return make_scenes(rng, textures, digits[f"{part}_images"], digits[f"{part}_labels"], count, size, most_digits)


def _paste(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    found: list[Box],
    digit: Bytes,
    label: int,
) -> None:
    """Draw one digit somewhere, unless it hits one of those `found`."""
    opacity = _zoomed(digit, rng.uniform(SMALLEST, LARGEST)) / 255
    ink = opacity >= INK / 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    opacity = opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = opacity.shape
    top, left = (int(rng.integers(len(canvas) - length + 1)) for length in (height, width))
    box = Box(label, top, left, top + height, left + width)
    if any(_touch(box, other) for other in found):
        return
    ground = canvas[top : box.bottom, left : box.right]
    level, contrast = ground.mean(), rng.uniform(LEAST_CONTRAST, MOST_CONTRAST)
    lighter = rng.random() < 0.5 if level - contrast > 0 and level + contrast < 255 else level < 128
    ground += opacity * ((min(level + contrast, 255.0) if lighter else max(level - contrast, 0.0)) - ground)
    mask[top : box.bottom, left : box.right] |= opacity >= INK / 255
    found.append(box)


def _zoomed(digit: Bytes, factor: float) -> npt.NDArray[np.float32]:
    """Bilinear, as a product with one matrix for the rows and the same for the columns."""
    size = len(digit)
    place = (np.arange(round(size * factor)) + 0.5) / factor - 0.5
    weights = np.maximum(0, 1 - np.abs(place[:, np.newaxis] - np.arange(size))).astype(np.float32)
    return weights @ digit.astype(np.float32) @ weights.T


def _touch(a: Box, b: Box) -> bool:
    return a.top < b.bottom and b.top < a.bottom and a.left < b.right and b.left < a.right
