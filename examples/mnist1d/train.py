"""Convolutional and dense networks of the same hidden layers on MNIST-1D; writes both as ONNX, and the test data.

Each hidden layer of the convolutional network has 15 channels, three taps and stride 2: 285, 135 and 60 units, then
the classes; its dense twin has layers of the same sizes. Stochastic gradient descent, rate 0.01, batches of 100,
100,000 steps. About four minutes on two cores.
"""

import json
from pathlib import Path

import numpy as np
import torch
from mnist1d.data import get_dataset_args, make_dataset
from torch import nn

from tinycnn import nn as onnx_nn

FOLDER = Path(__file__).resolve().parent
STEPS, BATCH, RATE, SEED = 100_000, 100, 0.01, 0
TRAIN_SAMPLES, TEST_SAMPLES = 4_000, 10_000


def data() -> dict[str, np.ndarray]:
    """The 4,000 training samples that MNIST-1D has, and 10,000 test samples from the same generator."""
    arguments = get_dataset_args()
    arguments.num_samples, arguments.train_split = (
        TRAIN_SAMPLES + TEST_SAMPLES,
        TRAIN_SAMPLES / (TRAIN_SAMPLES + TEST_SAMPLES),
    )
    made = make_dataset(arguments)
    return {
        key: made[key].astype(np.float32 if key.startswith("x") else np.int64) for key in ("x", "y", "x_test", "y_test")
    }


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(1, 15, 3, stride=2), nn.ReLU(),  # 19 steps of 15 channels: 285 units
        nn.Conv1d(15, 15, 3, stride=2), nn.ReLU(),  # 9 x 15 = 135
        nn.Conv1d(15, 15, 3, stride=2), nn.ReLU(),  # 4 x 15 = 60
        nn.Flatten(), nn.Linear(60, 10),
    )  # fmt: skip


def dense() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(40, 285), nn.ReLU(), nn.Linear(285, 135), nn.ReLU(), nn.Linear(135, 60), nn.ReLU(),
        nn.Linear(60, 10),
    )  # fmt: skip


def train(network: nn.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    torch.manual_seed(SEED)
    for layer in network:
        if isinstance(layer, nn.Conv1d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer, loss = torch.optim.SGD(network.parameters(), lr=RATE), nn.CrossEntropyLoss()
    inputs, labels = torch.tensor(x)[:, None], torch.tensor(y)
    order = torch.randperm(len(inputs))
    for step in range(STEPS):
        begin = step * BATCH % len(inputs)
        if begin == 0:
            order = torch.randperm(len(inputs))
        batch = order[begin : begin + BATCH]
        optimizer.zero_grad()
        loss(network(inputs[batch]), labels[batch]).backward()
        optimizer.step()


def export(network: nn.Sequential, name: str) -> None:
    value = onnx_nn.input("signal", (1, 40))
    layers = list(network)
    for number, layer in enumerate(layers, start=1):
        last = "logits" if number == len(layers) else None
        if isinstance(layer, nn.Conv1d):
            value = onnx_nn.conv1d(value, layer.weight.detach().numpy(), layer.bias.detach().numpy(), strides=2)
        elif isinstance(layer, nn.Linear):
            value = onnx_nn.dense(value, layer.weight.detach().numpy(), layer.bias.detach().numpy(), name=last)
        elif isinstance(layer, nn.ReLU):
            value = onnx_nn.relu(value)
        else:
            value = onnx_nn.flatten(value)
    (FOLDER / f"{name}.onnx").unlink(missing_ok=True)
    onnx_nn.save(value, FOLDER / f"{name}.onnx", name)


def main() -> None:
    torch.set_num_threads(1)
    made = data()
    np.savez_compressed(
        FOLDER / "mnist1d.npz",
        calibration=made["x"][:500, None],
        test=made["x_test"][:, None].astype(np.float16),
        labels=made["y_test"].astype(np.uint8),
    )
    for name, network in (("convolutional", convolutional()), ("dense", dense())):
        train(network, made["x"], made["y"])
        with torch.no_grad():
            correct = network(torch.tensor(made["x_test"])[:, None]).argmax(1).numpy() == made["y_test"]
            fitted = network(torch.tensor(made["x"])[:, None]).argmax(1).numpy() == made["y"]
        parameters = sum(weights.numel() for weights in network.parameters())
        print(
            json.dumps(
                {"name": name, "parameters": parameters, "test": float(correct.mean()), "train": float(fitted.mean())}
            )
        )
        export(network, name)


if __name__ == "__main__":
    main()
