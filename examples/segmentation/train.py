"""A U-Net and an hourglass that find the ink of digits on textures; writes both as ONNX.

1,500 batches of 32 scenes that never repeat, about a minute for each network on one quiet core.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import scene_training  # noqa: E402  (the examples are scripts, not a package: the line above lets them find it)
from scenes import Scenes  # noqa: E402

SIZE, MOST_DIGITS = 32, 2


class UNet(nn.Module):
    """Down to a quarter and up again by transposed convolutions, each joined with the encoder's map of its size."""

    def __init__(self) -> None:
        super().__init__()
        self.encode1 = nn.Conv2d(1, 8, 3, padding=1)  # 32 x 32
        self.encode2 = nn.Conv2d(8, 12, 3, padding=1)  # 16 x 16
        self.bottom1 = nn.Conv2d(12, 16, 3, padding=1)  # 8 x 8
        self.bottom2 = nn.Conv2d(16, 16, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(16, 12, 2, stride=2)  # 16 x 16
        self.decode2 = nn.Conv2d(12 + 12, 12, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(12, 8, 2, stride=2)  # 32 x 32
        self.decode1 = nn.Conv2d(8 + 8, 8, 3, padding=1)
        self.ink = nn.Conv2d(8, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        fine = functional.relu(self.encode1(image))
        coarse = functional.relu(self.encode2(functional.max_pool2d(fine, 2)))
        x = functional.relu(self.bottom1(functional.max_pool2d(coarse, 2)))
        x = functional.relu(self.bottom2(x))
        x = functional.relu(self.decode2(torch.cat([self.up2(x), coarse], dim=1)))
        x = functional.relu(self.decode1(torch.cat([self.up1(x), fine], dim=1)))
        return self.ink(x)


class Hourglass(nn.Module):
    """The same way down, and up by repeating pixels: all that the output knows has gone through the narrow middle."""

    def __init__(self) -> None:
        super().__init__()
        self.encode1 = nn.Conv2d(1, 8, 3, padding=1)
        self.encode2 = nn.Conv2d(8, 12, 3, padding=1)
        self.bottom1 = nn.Conv2d(12, 16, 3, padding=1)
        self.bottom2 = nn.Conv2d(16, 16, 3, padding=1)
        self.decode2 = nn.Conv2d(16, 12, 3, padding=1)
        self.decode1 = nn.Conv2d(12, 8, 3, padding=1)
        self.ink = nn.Conv2d(8, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.encode1(image)), 2)
        x = functional.max_pool2d(functional.relu(self.encode2(x)), 2)
        x = functional.relu(self.bottom2(functional.relu(self.bottom1(x))))
        x = functional.relu(self.decode2(functional.interpolate(x, scale_factor=2)))
        x = functional.relu(self.decode1(functional.interpolate(x, scale_factor=2)))
        return self.ink(x)


def loss(network: nn.Module, pixels: torch.Tensor, scenes: Scenes) -> torch.Tensor:
    ink = torch.from_numpy(scenes.masks).float().unsqueeze(1)
    return functional.binary_cross_entropy_with_logits(network(pixels), ink)


def main() -> None:
    arguments = scene_training.read_arguments("Train the segmentation networks and export them to ONNX.", steps=1500)
    for name, make in (("unet", UNet), ("hourglass", Hourglass)):
        batches = scene_training.training_scenes(arguments.mnist, SIZE, MOST_DIGITS)
        network = scene_training.train(make, batches, loss, arguments.steps)
        scene_training.export(network, network.encode1, SIZE, ["ink_logits"], FOLDER / f"{name}.onnx")


if __name__ == "__main__":
    main()
