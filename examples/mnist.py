"""Reading MNIST's own files: needs nothing but numpy, so the sample can be made without PyTorch."""

import gzip
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

IDX_UNSIGNED_BYTE = 8  # the element type code in an idx header; MNIST uses no other


def load_split(folder: Path, split: Literal["train", "t10k"]) -> tuple[Bytes, Bytes]:
    """Images uint8 [n, 28, 28] with 0 as background, and labels uint8 [n] in 0..9.

    `train` has 60,000 images and `t10k`, the test set, 10,000. The files may be gzipped or not.
    """
    images = read_idx(folder / f"{split}-images-idx3-ubyte")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte")
    if images.shape != (len(labels), 28, 28):
        raise SystemExit(f"{folder}: {split} images and labels do not belong together; fetch them again.")
    return images, labels


def read_idx(path: Path) -> Bytes:
    """The array in an idx file: two zero bytes, element type, rank, big-endian int32 sizes, data."""
    zipped = path.with_name(path.name + ".gz")
    if path.exists():
        content = path.read_bytes()
    elif zipped.exists():
        content = gzip.decompress(zipped.read_bytes())
    else:
        raise SystemExit(f"There is no {path}, gzipped or not; give the folder with MNIST's idx files.")
    if content[:3] != bytes([0, 0, IDX_UNSIGNED_BYTE]):
        raise SystemExit(f"{path} is not an idx file of unsigned bytes; fetch it again.")
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
