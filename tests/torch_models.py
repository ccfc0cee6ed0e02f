"""Networks of torchvision, with random weights, all the way: `python tests/torch_models.py [NAME ...]`.

Outside `make test`: it needs `pip install torch torchvision onnxscript`, and some minutes for each. Each is exported by
both exporters of PyTorch, quantized and verified in onnxruntime and in C on the host; then quantized by onnxruntime and
compared with it on that file. Exit code 1 when a byte differs.
"""

import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torchvision import models

import tinycnn
from tinycnn.imported import compare_with_file
from tinycnn.ir import Array
from tinycnn.verify import RunnerComparison

SIDES = {
    "densenet121": 64,
    "efficientnet_b0": 64,
    "googlenet": 96,
    "mnasnet0_5": 64,
    "mobilenet_v2": 96,
    "mobilenet_v3_small": 96,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "shufflenet_v2_x0_5": 96,
    "squeezenet1_1": 96,
}
"""Of the square images in pixels: small, so that all of it ends."""
OPTIONS = {"googlenet": {"init_weights": False, "aux_logits": False}}


class Samples(CalibrationDataReader):
    def __init__(self, name: str, samples: Array) -> None:
        self.name, self.left = name, iter(samples)

    def get_next(self) -> dict[str, Array] | None:
        sample = next(self.left, None)
        return None if sample is None else {self.name: sample[None]}


def network(name: str) -> torch.nn.Module:
    """With statistics of BatchNormalization that are not 0 and 1, as after training."""
    torch.manual_seed(0)
    module = getattr(models, name)(num_classes=10, **OPTIONS.get(name, {}))
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0, 0.2)
    return module.eval()


def comparisons(name: str, folder: Path) -> Iterator[tuple[str, RunnerComparison]]:
    side, module = SIDES[name], network(name)
    samples = np.random.default_rng(0).normal(0, 1, (4, 3, side, side)).astype(np.float32)
    for exporter in ("dynamo", "script"):
        path = folder / f"{name}_{exporter}.onnx"
        torch.onnx.export(module, (torch.zeros(1, 3, side, side),), path, dynamo=exporter == "dynamo")
        int8 = tinycnn.quantize(tinycnn.load(path), samples)
        for result in tinycnn.verify(int8, samples[:1]):
            yield exporter, result
    prepared = folder / "prepared.onnx"
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    (input_name,) = tinycnn.load(path).inputs
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        quantized = folder / f"{form}.onnx"
        quantize_static(prepared, quantized, Samples(input_name, samples), quant_format=form, per_channel=True)
        graph = tinycnn.load(quantized)
        yield f"onnxruntime's {form}", compare_with_file(quantized, graph, samples)
        yield f"onnxruntime's {form}", tinycnn.verify(graph, samples[:1], ["host"])[0]


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    wrong = 0
    for name in names or SIDES:
        with tempfile.TemporaryDirectory() as folder:
            for origin, result in comparisons(name, Path(folder)):
                print(f"{name}, {origin}: {result.name}: {result.mismatches} of {result.compared_bytes:,} differ")
                wrong += result.mismatches
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
