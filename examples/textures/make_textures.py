"""Write textures.npz from scikit-image's pictures: python make_textures.py (needs `pip install tinycnn[train]`)."""

from pathlib import Path

import numpy as np
import skimage

FOLDER = Path(__file__).resolve().parent
PICTURES = ("brick", "grass", "gravel")  # 512 x 512 pixels, grey
CROP = 256


def main() -> None:
    whole = np.stack([getattr(skimage.data, name)() for name in PICTURES])
    # Networks learn on the left half and are tested on the right one, so that no texture is known by heart.
    np.savez_compressed(FOLDER / "textures.npz", train=whole[:, :CROP, :CROP], test=whole[:, -CROP:, -CROP:])


if __name__ == "__main__":
    main()
