"""Three networks with the same hidden units on MNIST: connected to all pixels, to a field each, or with shared weights.

The hidden units are 16 maps of 5 x 5. A unit of the local and of the shared network sees 8 x 8 pixels, 5 apart. Trained
on 1,000 images as they are, 700 steps. Writes fully.onnx, locally.onnx and shared.onnx. About a minute on one core.
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

SEED, TRAIN_IMAGES, STEPS, BATCH, PEAK_RATE, WEIGHT_DECAY = 1, 1_000, 700, 100, 4e-3, 1e-2
SIZE, FIELD, STRIDE, MAPS = 28, 8, 5, 16
PLACES = (SIZE - FIELD) // STRIDE + 1
UNITS = MAPS * PLACES**2


class Fields(nn.Module):
    """Images [N, 1, 28, 28] to [N, 25 * 64, 1, 1]: the pixels of each field, one field after the other."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        columns = nn.functional.unfold(images, FIELD, stride=STRIDE)
        return columns.transpose(1, 2).reshape(len(images), -1, 1, 1)


def network(name: str) -> nn.Sequential:
    """A group of a grouped convolution is one field with weights of its own."""
    torch.manual_seed(SEED)
    fields = PLACES**2
    hidden: dict[str, list[nn.Module]] = {
        "fully": [nn.Flatten(), nn.Linear(SIZE * SIZE, UNITS)],
        "locally": [Fields(), nn.Conv2d(fields * FIELD**2, UNITS, 1, groups=fields)],
        "shared": [nn.Conv2d(1, MAPS, FIELD, stride=STRIDE)],
    }
    return nn.Sequential(*hidden[name], nn.ReLU(), nn.Flatten(), nn.Linear(UNITS, 10))


def train(model: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=STEPS)
    for _ in range(STEPS):
        batch = torch.randint(0, len(images), (BATCH,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
        schedule.step()


def to_onnx(name: str, model: nn.Sequential) -> onnx_nn.Value:
    """Takes pixels 0..255: the factor 1/255 goes into the first weights."""
    first, last = (layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear))
    weights, bias = first.weight.detach().numpy() / 255, first.bias.detach().numpy()
    x = onnx_nn.input("image", (1, SIZE, SIZE))
    if name == "fully":
        x = onnx_nn.dense(onnx_nn.flatten(x), weights, bias, name="hidden")
    elif name == "shared":
        x = onnx_nn.conv2d(x, weights, bias, strides=STRIDE, name="hidden")
    else:
        filters = weights.reshape(PLACES, PLACES, MAPS, 1, FIELD, FIELD)
        biases = bias.reshape(PLACES, PLACES, MAPS)
        x = onnx_nn.locally_connected2d(x, filters, biases, strides=STRIDE, name="hidden")
    matrix = last.weight.detach().numpy()
    if name == "locally":  # its units were in the order places, maps; here they are maps, places, as those of an image
        matrix = matrix.reshape(10, PLACES**2, MAPS).transpose(0, 2, 1).reshape(10, UNITS)
    x = onnx_nn.flatten(onnx_nn.relu(x))
    return onnx_nn.dense(x, matrix, last.bias.detach().numpy(), name="logits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True, help="folder with MNIST's four idx files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    (images, labels), (test_images, test_labels) = (load_split(arguments.mnist, split) for split in ("train", "t10k"))
    pixels, test_pixels = (
        torch.from_numpy(a.astype(np.float32) / 255)[:, None] for a in (images[:TRAIN_IMAGES], test_images)
    )
    targets = torch.from_numpy(labels[:TRAIN_IMAGES].astype(np.int64))
    for name in ("fully", "locally", "shared"):
        model = network(name)
        train(model, pixels, targets)
        with torch.no_grad():
            right = np.count_nonzero(model(test_pixels).argmax(1).numpy() == test_labels)
        print(f"{name}: {right:,} of {len(test_labels):,} test images right", flush=True)
        (FOLDER / f"{name}.onnx").unlink(missing_ok=True)
        onnx_nn.save(to_onnx(name, model), FOLDER / f"{name}.onnx", name)


if __name__ == "__main__":
    main()
