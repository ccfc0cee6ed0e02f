"""The architectures of MLPerf Tiny's four models, with seeded weights: what speed is measured on.

Banbury et al., MLPerf Tiny Benchmark, 2021: ResNet8 for CIFAR-10, DS-CNN for keywords, MobileNetV1 0.25 for persons, an
autoencoder for the sounds of machines.
"""

from itertools import pairwise

import numpy as np

from tinycnn import nn

MOBILENET = ((8, 1), (16, 2), (32, 1), (32, 2), (64, 1), (64, 2), *((128, 1),) * 5, (128, 2), (256, 1))
"""Channels that go into each depthwise layer, and its stride."""


class Weights:
    """Random weights and biases, as many as asked for."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def conv(self, x: nn.Value, outputs: int, inputs: int, kernel: tuple[int, int], stride: int = 1) -> nn.Value:
        bias = self.rng.normal(0, 0.1, outputs)
        return nn.conv2d(x, nn.he_normal(self.rng, outputs, inputs, *kernel), bias, strides=stride, padding="same")

    def depthwise(self, x: nn.Value, channels: int, stride: int = 1) -> nn.Value:
        bias = self.rng.normal(0, 0.1, channels)
        weights = nn.he_normal(self.rng, channels, 1, 3, 3)
        return nn.relu(nn.conv2d(x, weights, bias, strides=stride, padding="same", groups=channels))

    def classifier(self, x: nn.Value, inputs: int, classes: int) -> nn.Value:
        flat = nn.flatten(nn.global_average_pool(x))
        return nn.softmax(nn.dense(flat, nn.he_normal(self.rng, classes, inputs), np.zeros(classes)))


def resnet8() -> nn.Value:
    weights, inputs = Weights(1), 16
    x = nn.relu(weights.conv(nn.input("image", (3, 32, 32)), 16, 3, (3, 3)))
    for channels in (16, 32, 64):
        stride = 1 if channels == inputs else 2
        y = nn.relu(weights.conv(x, channels, inputs, (3, 3), stride))
        y = weights.conv(y, channels, channels, (3, 3))
        shortcut = x if stride == 1 else weights.conv(x, channels, inputs, (1, 1), stride)
        x, inputs = nn.relu(nn.add(shortcut, y)), channels
    return weights.classifier(x, 64, 10)


def ds_cnn() -> nn.Value:
    weights = Weights(2)
    x = nn.relu(weights.conv(nn.input("spectrogram", (1, 49, 10)), 64, 1, (10, 4), 2))
    for _ in range(4):
        x = nn.relu(weights.conv(weights.depthwise(x, 64), 64, 64, (1, 1)))
    return weights.classifier(x, 64, 12)


def mobilenet() -> nn.Value:
    weights = Weights(3)
    x = nn.relu(weights.conv(nn.input("image", (3, 96, 96)), 8, 3, (3, 3), 2))
    for (channels, stride), (outputs, _) in zip(MOBILENET, (*MOBILENET[1:], (256, 1)), strict=True):
        x = nn.relu(weights.conv(weights.depthwise(x, channels, stride), outputs, channels, (1, 1)))
    return weights.classifier(x, 256, 2)


def autoencoder() -> nn.Value:
    rng = np.random.default_rng(4)
    sizes = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    x = nn.input("spectrogram", (640,))
    for inputs, outputs in pairwise(sizes[:-1]):
        x = nn.relu(nn.dense(x, nn.he_normal(rng, outputs, inputs), np.zeros(outputs)))
    return nn.dense(x, nn.he_normal(rng, 640, 128), np.zeros(640))


MODELS = {"resnet8": resnet8, "ds_cnn": ds_cnn, "mobilenet": mobilenet, "autoencoder": autoencoder}
