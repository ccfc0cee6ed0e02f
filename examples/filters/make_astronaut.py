"""Write astronaut.npz from scikit-image's photograph: python make_astronaut.py (needs `pip install tinycnn[train]`)."""

from pathlib import Path

import numpy as np
import skimage

FOLDER = Path(__file__).resolve().parent
GREY = (0.2126, 0.7152, 0.0722)  # how bright red, green and blue are: ITU-R BT.709
TOP, LEFT, SIZE = 16, 140, 160  # the face


def main() -> None:
    grey = np.rint(skimage.data.astronaut() @ np.array(GREY)).astype(np.uint8)
    np.savez_compressed(FOLDER / "astronaut.npz", image=grey[TOP : TOP + SIZE, LEFT : LEFT + SIZE])


if __name__ == "__main__":
    main()
