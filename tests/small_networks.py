"""Small networks with seeded weights, of the kinds that run on small machines."""

import numpy as np
from onnx import ModelProto

from tinycnn import nn


def mnist_net() -> ModelProto:
    """A digit classifier for 2 KB of RAM: two strided convolutions and a dense layer, 3,246 parameters."""
    rng = np.random.default_rng(1)
    x = nn.input("image", (1, 28, 28))
    x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 4, 1, 3, 3), strides=2))
    x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 8, 4, 3, 3), np.full(8, 0.1), strides=2))
    return nn.to_onnx(nn.dense(nn.flatten(x), nn.he_normal(rng, 10, 288), name="logits"), name="mnist_net")


def ds_cnn() -> ModelProto:
    """Depthwise separable convolutions on a spectrogram, as for keywords: MLPerf Tiny's DS-CNN, but narrow."""
    rng = np.random.default_rng(2)
    x = nn.input("spectrogram", (1, 25, 10))
    x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 12, 1, 10, 4), strides=2, padding="same"))
    for _ in range(2):
        x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 12, 1, 3, 3), padding="same", groups=12))
        x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 12, 12, 1, 1), rng.normal(0, 0.1, 12)))
    x = nn.flatten(nn.global_average_pool(x))
    return nn.to_onnx(nn.softmax(nn.dense(x, nn.he_normal(rng, 6, 12))), name="ds_cnn")


def residual_net() -> ModelProto:
    """Two blocks with shortcuts, the second over a strided 1x1 convolution, as in a ResNet."""
    rng = np.random.default_rng(3)
    x = nn.input("image", (3, 10, 10))
    x = nn.relu(nn.conv2d(x, nn.he_normal(rng, 6, 3, 3, 3), padding="same"))
    y = nn.relu(nn.conv2d(x, nn.he_normal(rng, 6, 6, 3, 3), padding="same"))
    y = nn.conv2d(y, nn.he_normal(rng, 6, 6, 3, 3), padding="same")
    x = nn.relu(nn.add(x, y))
    y = nn.relu(nn.conv2d(x, nn.he_normal(rng, 10, 6, 3, 3), strides=2, padding="same"))
    x = nn.add(nn.conv2d(x, nn.he_normal(rng, 10, 6, 1, 1), strides=2), y)
    x = nn.max_pool(nn.relu(x), (2, 2))
    return nn.to_onnx(nn.dense(nn.flatten(x), nn.he_normal(rng, 5, 40), name="logits"), name="residual_net")
