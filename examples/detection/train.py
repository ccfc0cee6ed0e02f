"""A grid detector for digits on textures; writes it as ONNX.

2,500 batches of 32 scenes that never repeat and 250 more with rounded weights, about two minutes on one quiet core.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import scene_training  # noqa: E402  (the examples are scripts, not a package: the line above lets them find it)
from grid import MOST_DIGITS, SIZE, encode  # noqa: E402
from scenes import Scenes  # noqa: E402

BOX_WEIGHT, CLASS_WEIGHT, OBJECT_WEIGHT = 2.0, 1.0, 20.0


class Detector(nn.Module):
    """64 x 64 pixels to 8 x 8 cells; each says how likely a digit's middle is in it, which digit, and its box."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)  # 32 x 32
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 24, 3, padding=1)  # 16 x 16
        self.conv4 = nn.Conv2d(24, 48, 3, padding=1)  # 8 x 8
        self.conv5 = nn.Conv2d(48, 48, 3, padding=1)
        self.score_head = nn.Conv2d(48, 1 + 10, 1)
        self.box_head = nn.Conv2d(48, 4, 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = functional.relu(self.conv1(image))
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv3(x)), 2)
        x = functional.relu(self.conv5(functional.relu(self.conv4(x))))
        return self.score_head(x), self.box_head(x)


def loss(network: nn.Module, pixels: torch.Tensor, scenes: Scenes) -> torch.Tensor:
    """Is there a digit, for every cell; which and where, for the cells that hold the middle of one."""
    scores, boxes = network(pixels)
    present = torch.zeros(scores.shape[0], *scores.shape[2:])
    places, wanted = [], []
    for image, found in enumerate(scenes.boxes):
        cells, numbers = encode(found)
        places += [(image, *cell) for cell in cells]
        wanted.append(numbers)
    digits = [box.label for found in scenes.boxes for box in found]
    image, row, column = torch.tensor(np.array(places)).T
    present[image, row, column] = 1
    return (
        OBJECT_WEIGHT * functional.binary_cross_entropy_with_logits(scores[:, 0], present)
        + CLASS_WEIGHT * functional.cross_entropy(scores[image, 1:, row, column], torch.tensor(digits))
        + BOX_WEIGHT
        * functional.l1_loss(boxes[image, :, row, column], torch.tensor(np.concatenate(wanted), dtype=torch.float32))
    )


def main() -> None:
    arguments = scene_training.read_arguments("Train the detector and export it to ONNX.", steps=2500)
    batches = scene_training.training_scenes(arguments.mnist, SIZE, MOST_DIGITS)
    network = scene_training.train(Detector, batches, loss, arguments.steps)
    batches = scene_training.training_scenes(arguments.mnist, SIZE, MOST_DIGITS, seed=2)
    scene_training.train_rounded(network, batches, loss, arguments.steps // 10)
    scene_training.export(network, network.conv1, SIZE, ["scores", "boxes"], FOLDER / "detector.onnx")


if __name__ == "__main__":
    main()
