"""A small residual network on MNIST, 19,642 parameters once batch normalization is folded; writes resnet.onnx.

A 3x3 convolution with stride 2, then three blocks of two 3x3 convolutions with 8, 16 and 32 channels (He, Zhang, Ren
and Sun, 2015, figure 2); the second and the third halve the image, and a 1x1 convolution with stride 2 then takes the
place of the identity. About five minutes on one core.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinycnn import nn as onnx_nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from mnist import load_split  # noqa: E402  (scripts, not a package: the line above finds it)
from training import train  # noqa: E402

EPOCHS = 8


class Block(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), where x itself is convolved if the size changes."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        stride = 1 if channels == channels_in else 2
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = None if stride == 1 else nn.Conv2d(channels_in, channels, 1, stride=2, bias=False)
        self.norm3 = None if stride == 1 else nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        if self.shortcut is not None and self.norm3 is not None:
            x = self.norm3(self.shortcut(x))
        return torch.relu(x + y)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList([Block(8, 8), Block(8, 16), Block(16, 32)])
        self.dense = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        for block in self.blocks:
            x = block(x)
        return self.dense(x.mean(dim=(2, 3)))


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of the convolution that does both."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weights = convolution.weight * factor[:, None, None, None]
    return weights.detach().numpy(), (norm.bias - norm.running_mean * factor).detach().numpy()


def to_onnx(network: ResNet) -> onnx_nn.Value:
    """Takes pixels 0..255: the factor 1/255 goes into the first weights."""
    image = onnx_nn.input("image", (1, 28, 28))
    weights, bias = folded(network.conv, network.norm)
    x = onnx_nn.relu(onnx_nn.conv2d(image, weights / 255, bias, strides=2, padding=(1, 1, 1, 1), name="conv"))
    for number, block in enumerate(network.blocks, start=1):
        strides = block.conv1.stride[0]
        name = f"block{number}"
        y = onnx_nn.conv2d(
            x, *folded(block.conv1, block.norm1), strides=strides, padding=(1, 1, 1, 1), name=f"{name}_conv1"
        )
        y = onnx_nn.conv2d(
            onnx_nn.relu(y), *folded(block.conv2, block.norm2), padding=(1, 1, 1, 1), name=f"{name}_conv2"
        )
        if block.shortcut is not None:
            x = onnx_nn.conv2d(x, *folded(block.shortcut, block.norm3), strides=2, name=f"{name}_shortcut")
        x = onnx_nn.relu(onnx_nn.add(x, y, name=f"{name}_add"))
    x = onnx_nn.flatten(onnx_nn.global_average_pool(x))
    return onnx_nn.dense(x, network.dense.weight.detach().numpy(), network.dense.bias.detach().numpy(), name="logits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True, help="folder with MNIST's four idx files")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    arguments = parser.parse_args()
    network = ResNet()
    train(network, *load_split(arguments.mnist, "train"), arguments.epochs)
    network.eval()
    images, labels = load_split(arguments.mnist, "t10k")
    with torch.no_grad():
        found = network(torch.from_numpy(images.astype(np.float32) / 255)[:, None]).argmax(1).numpy()
    print(f"{np.count_nonzero(found == labels):,} of {len(labels):,} test images right")
    (FOLDER / "resnet.onnx").unlink(missing_ok=True)
    onnx_nn.save(to_onnx(network), FOLDER / "resnet.onnx", "resnet")


if __name__ == "__main__":
    main()
