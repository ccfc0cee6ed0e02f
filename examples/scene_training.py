"""What training on scenes shares: batches that never repeat, one optimizer, export to ONNX."""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from mnist import load_split
from scenes import EXAMPLES, Scenes, make_scenes
from torch import nn
from torch.nn.utils import parametrize
from training import OPSET, SEED, use_layer_names

BATCH_SCENES = 32
PEAK_LEARNING_RATE = 4e-3
PEAK_LEARNING_RATE_ROUNDED = 5e-4
WEIGHT_DECAY = 1e-3

Batches = Callable[[], Scenes]
Loss = Callable[[nn.Module, torch.Tensor, Scenes], torch.Tensor]


def read_arguments(doing: str, steps: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doing)
    parser.add_argument("--mnist", type=Path, required=True, help="folder with MNIST's four idx files")
    parser.add_argument("--steps", type=int, default=steps, help="batches of 32 scenes; default: %(default)s")
    return parser.parse_args()


def training_scenes(mnist: Path, size: int, most_digits: int, seed: int = SEED) -> Batches:
    """A function that makes the next batch, from MNIST's training images and the training part of the textures."""
    rng = np.random.default_rng(seed)
    textures = np.load(EXAMPLES / "textures/textures.npz")["train"]
    digits, labels = load_split(mnist, "train")
    return lambda: make_scenes(rng, textures, digits, labels, BATCH_SCENES, size, most_digits)


def train(make: Callable[[], nn.Module], next_batch: Batches, loss_of: Loss, steps: int) -> nn.Module:
    """A network made by `make`, trained on pixels in 0..1."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    network = make()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    _optimize(network, next_batch, loss_of, steps, PEAK_LEARNING_RATE)
    return network


class _Rounded(nn.Module):
    """Weights [O, ...] rounded to 8 bits, a scale per output channel as `tinycnn.quantize` chooses it; the gradient
    passes as if they were not rounded."""

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        scales = weights.detach().abs().amax(dim=(1, 2, 3), keepdim=True) / 127
        return weights + (torch.round(weights / scales) * scales - weights).detach()


def train_rounded(network: nn.Module, next_batch: Batches, loss_of: Loss, steps: int) -> None:
    """Train on with rounded weights, so that quantizing loses nothing of them; leaves them rounded."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", _Rounded())
    _optimize(network, next_batch, loss_of, steps, PEAK_LEARNING_RATE_ROUNDED)
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight")


def _optimize(network: nn.Module, next_batch: Batches, loss_of: Loss, steps: int, peak_learning_rate: float) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_learning_rate, total_steps=steps)
    start, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        batch = next_batch()
        loss = loss_of(network, torch.from_numpy(batch.images).float() / 255, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 200 == 0:
            print(f"step {step}/{steps}: loss {total / 200:.4f}, {time.monotonic() - start:.0f} s", flush=True)
            total = 0.0


def export(network: nn.Module, first: nn.Conv2d, size: int, outputs: list[str], path: Path) -> None:
    """Write ONNX that takes image float32 [batch, 1, size, size] in 0..255; scales the layer `first` in place."""
    with torch.no_grad():
        first.weight /= 255
    with warnings.catch_warnings():
        # PyTorch's newer exporter writes opset 18 or later and other names.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, size, size),),
            str(path),
            input_names=["image"],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in ("image", *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    use_layer_names(model.graph)
    model.graph.name = path.stem
    model.producer_version = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
