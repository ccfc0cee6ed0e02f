"""LeNet-5 for MNIST, 61,706 parameters.

The layer sizes are those of LeCun, Bottou, Bengio and Haffner (1998), figure 2, in today's form: ReLU, max
pooling, every filter of conv2 sees all six maps, and the last layer is linear.
"""

import sys
from collections import OrderedDict
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import training  # noqa: E402  (the examples are scripts, not a package: the line above lets them find it)

NETWORK = nn.Sequential(
    OrderedDict(
        conv1=nn.Conv2d(1, 6, kernel_size=5, padding=2),  # 28 x 28 x 6
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),  # 14 x 14 x 6
        conv2=nn.Conv2d(6, 16, kernel_size=5),  # 10 x 10 x 16
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),  # 5 x 5 x 16
        flatten=nn.Flatten(),
        fc3=nn.Linear(400, 120),
        relu3=nn.ReLU(),
        fc4=nn.Linear(120, 84),
        relu4=nn.ReLU(),
        fc5=nn.Linear(84, 10),
    )
)

if __name__ == "__main__":
    training.main(NETWORK, FOLDER, default_epochs=50)
