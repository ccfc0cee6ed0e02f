"""A 784-256-256-256-10 perceptron for MNIST, 335,114 parameters: the cost of not sharing weights."""

import sys
from collections import OrderedDict
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import training  # noqa: E402  (the examples are scripts, not a package: the line above lets them find it)

NETWORK = nn.Sequential(
    OrderedDict(
        flatten=nn.Flatten(),
        fc1=nn.Linear(784, 256),
        relu1=nn.ReLU(),
        fc2=nn.Linear(256, 256),
        relu2=nn.ReLU(),
        fc3=nn.Linear(256, 256),
        relu3=nn.ReLU(),
        fc4=nn.Linear(256, 10),
    )
)

if __name__ == "__main__":
    training.main(NETWORK, FOLDER, default_epochs=50)
