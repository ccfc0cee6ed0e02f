"""What the example networks share: training on MNIST, exporting to ONNX, measuring the exported file.

A network is an `nn.Sequential` of named layers that ends in ten logits. It is trained on pixels in 0..1;
the exported model takes 0..255, as cameras give them: the factor 1/255 moves into the first layer's weights.
No mean is subtracted, so an int8 input is simply the pixel minus 128.
"""

import argparse
import hashlib
import json
import math
import time
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from mnist import Bytes, load_split
from torch import nn
from torch.nn import functional

Floats = npt.NDArray[np.float32]

SEED = 1
BATCH_IMAGES = 128
PEAK_LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
MAX_ROTATION_DEGREES = 10.0
MAX_SHIFT_PIXELS = 2.0
MAX_ZOOM = 0.10  # a digit's width and height change by up to 10 %, each on its own
OPSET = 17


def main(network: nn.Sequential, folder: Path, default_epochs: int) -> None:
    """Command line of a train.py: train `network`, write <folder's name>.onnx and accuracy.json.

    The last epoch's weights are kept, whatever their test accuracy: the test images choose nothing.
    """
    parser = argparse.ArgumentParser(description=f"Train {folder.name} on MNIST and export it to ONNX.")
    parser.add_argument("--mnist", type=Path, required=True, help="folder with MNIST's four idx files")
    parser.add_argument(
        "--output", type=Path, default=folder, help="folder for the results (default: beside the script)"
    )
    parser.add_argument("--epochs", type=int, default=default_epochs, help="default: %(default)s")
    arguments = parser.parse_args()

    images, labels = load_split(arguments.mnist, "train")
    test_images, test_labels = load_split(arguments.mnist, "t10k")
    train(network, images, labels, arguments.epochs)

    arguments.output.mkdir(parents=True, exist_ok=True)
    model_path = arguments.output / f"{folder.name}.onnx"
    export(network, model_path)
    logits, measured_with = compute_logits(network, model_path, test_images)
    correct = int(np.count_nonzero(np.argmax(logits, axis=1) == test_labels))
    facts = {
        "model": model_path.name,
        "model_sha256": hashlib.sha256(model_path.read_bytes()).hexdigest(),
        "test_images": len(test_labels),
        "correct": correct,
        "accuracy": correct / len(test_labels),
        "parameters": sum(layer_parameters(network).values()),
        "parameters_per_layer": layer_parameters(network),
        "epochs": arguments.epochs,
        "seed": SEED,
        "trained_with": f"torch {torch.__version__}",
        "measured_with": measured_with,
    }
    (arguments.output / "accuracy.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{model_path}: {correct:,} of {len(test_labels):,} test images right ({measured_with})")


def train(network: nn.Module, images: Bytes, labels: Bytes, epochs: int) -> None:
    """Train in place on images uint8 [n, 28, 28], distorted anew in each epoch, and labels uint8 [n]."""
    # Float sums depend on how they are split over threads: with one, the number of cores does not matter.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):  # drawn after the seed, unlike those of the constructor
            layer.reset_parameters()

    pixels = torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
    targets = torch.from_numpy(labels.astype(np.int64))
    steps_per_epoch = math.ceil(len(labels) / BATCH_IMAGES)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, epochs=epochs, steps_per_epoch=steps_per_epoch
    )
    start = time.monotonic()
    for epoch in range(1, epochs + 1):
        total_loss = 0.0
        for batch in torch.split(torch.randperm(len(labels)), BATCH_IMAGES):
            loss = functional.cross_entropy(network(distort(pixels[batch])), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total_loss += loss.item()
        mean_loss = total_loss / steps_per_epoch
        print(f"epoch {epoch}/{epochs}: loss {mean_loss:.4f}, {time.monotonic() - start:.0f} s", flush=True)


def distort(images: torch.Tensor) -> torch.Tensor:
    """Rotate, shift and zoom each of images [n, 1, 28, 28] at random within the MAX_ limits.

    What comes in at the edges is black, like the background.
    """
    count, _, _, width = images.shape

    def uniform(limit: float, *shape: int) -> torch.Tensor:
        return (2 * torch.rand(shape) - 1) * limit

    angle = uniform(math.radians(MAX_ROTATION_DEGREES), count)
    zoom = 1 + uniform(MAX_ZOOM, count, 2)
    shift = uniform(MAX_SHIFT_PIXELS * 2 / width, count, 2)  # affine_grid's unit is half the image
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([cosine * zoom[:, 0], -sine * zoom[:, 1], shift[:, 0]], dim=1),
        torch.stack([sine * zoom[:, 0], cosine * zoom[:, 1], shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    distorted: torch.Tensor = functional.grid_sample(images, grid, align_corners=False)
    return distorted


def export(network: nn.Sequential, path: Path) -> None:
    """Write ONNX that takes image float32 [batch, 1, 28, 28] in 0..255 to logits float32 [batch, 10].

    Scales the first layer's weights in place. The bytes are a function of the weights and the exporter alone.
    """
    first = next(layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear))
    with torch.no_grad():
        first.weight /= 255
    with warnings.catch_warnings():
        # PyTorch's newer exporter writes opset 18 or later, and a Reshape in place of each Flatten.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, 28, 28),),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    use_layer_names(model.graph)
    model.graph.name = path.stem
    model.producer_version = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def use_layer_names(graph: onnx.GraphProto) -> None:
    """Name each node and its result as its layer: conv1 for /conv1/Conv and /conv1/Conv_output_0."""
    results: dict[str, str] = {}
    for node in graph.node:
        node.name = node.name.split("/")[1]
        for index, name in enumerate(node.input):
            node.input[index] = results.get(name, name)
        if node.output[0] not in (result.name for result in graph.output):
            results[node.output[0]] = node.name
            node.output[0] = node.name


def compute_logits(network: nn.Sequential, model_path: Path, images: Bytes) -> tuple[Floats, str]:
    """Logits float32 [n, 10] for images uint8 [n, 28, 28], and what computed them.

    onnxruntime runs the exported file; where it is not installed, PyTorch runs the network that was exported.
    """
    pixels = images[:, np.newaxis].astype(np.float32)
    logits: Floats
    try:
        import onnxruntime
    except ImportError:
        with torch.no_grad():
            logits = network(torch.from_numpy(pixels)).numpy()
        return logits, f"torch {torch.__version__}"
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": pixels})
    return logits, f"onnxruntime {onnxruntime.__version__}"


def layer_parameters(network: nn.Sequential) -> dict[str, int]:
    """Weights and biases of every layer that has any, by the layer's name."""
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.named_children()}
    return {name: count for name, count in counts.items() if count}
