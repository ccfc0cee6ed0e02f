"""Samples and labels from files: .npy, .npz, and the idx files of MNIST."""

import gzip
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinycnn.errors import DataError
from tinycnn.ir import Array, Shape

MAX_DATA_BYTES = 4 * 2**30
"""Larger arrays are refused before they are allocated."""
IDX_DTYPES = {8: np.dtype(np.uint8), 9: np.dtype(np.int8), 13: np.dtype(">f4")}
"""The element types of idx files that hold images or labels (LeCun, "The MNIST database", file format)."""


def load_array(source: str | Path) -> Array:
    """The array in a .npy, .npz or idx file (gzipped or not).

    `file.npz:name` takes the array `name`, else the first one is taken. DataError when there is none.
    """
    text = str(source)
    path, _, member = text.partition(".npz:")
    file = Path(f"{path}.npz" if member else text)
    if not file.is_file():
        raise DataError(f"There is no data file {file}.")
    try:
        if file.suffix == ".npz":
            return _from_npz(file, member)
        if file.suffix == ".npy":
            return _bounded(np.load(file, mmap_mode="r", allow_pickle=False), file)
        return _from_idx(file)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read as data: {error}.") from None


def _from_npz(file: Path, member: str) -> Array:
    with np.load(file, allow_pickle=False) as archive:
        if not archive.files:
            raise DataError(f"{file} holds no array.")
        if member and member not in archive.files:
            raise DataError(f"{file} has no array {member!r}; it has {', '.join(archive.files)}.")
        sizes = [info.file_size for info in archive.zip.infolist()] if archive.zip else []
        if max(sizes, default=0) > MAX_DATA_BYTES:
            raise DataError(f"{file} holds an array of more than {MAX_DATA_BYTES:,} bytes.")
        array: Array = archive[member or archive.files[0]]
        return array


def _from_idx(file: Path) -> Array:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_DTYPES:
            raise DataError(f"{file} is neither .npy nor .npz nor an idx file.")
        dtype, rank = IDX_DTYPES[head[2]], head[3]
        shape = struct.unpack(f">{rank}I", stream.read(4 * rank))
        size_bytes = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
        if size_bytes > MAX_DATA_BYTES:
            raise DataError(
                f"{file} says that it holds {size_bytes:,} bytes; at most {MAX_DATA_BYTES:,} are read."
            )
        content = stream.read(size_bytes)
        if len(content) != size_bytes:
            raise DataError(f"{file} was cut short: {len(content):,} of {size_bytes:,} bytes are there.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _bounded(array: Array, file: Path) -> Array:
    if array.nbytes > MAX_DATA_BYTES:
        raise DataError(f"{file} holds {array.nbytes:,} bytes; at most {MAX_DATA_BYTES:,} are read.")
    return np.asarray(array)


def as_samples(array: Array, shape: Shape, source: str) -> Array:
    """`array` as float32 samples [N, *shape[1:]] for an input of `shape` with ONNX's axes.

    Takes samples in that shape, channels-last, or without axes of size 1 (MNIST's [N, 28, 28]). DataError names
    both shapes when none fits, or says that a value is not finite.
    """
    if array.dtype.kind not in "fiub":
        raise DataError(f"{source} holds {array.dtype}, not numbers.")
    wanted = shape[1:]
    sample = array.shape[1:]
    last = (*wanted[1:], wanted[0]) if len(wanted) > 1 else wanted
    if array.ndim == 0 or len(array) == 0:
        raise DataError(f"{source} holds no samples.")
    if sample == last and sample != wanted:
        array = np.moveaxis(array, -1, 1)
    elif tuple(n for n in sample if n != 1) == tuple(n for n in wanted if n != 1):
        array = array.reshape(-1, *wanted)
    elif array.shape in (wanted, last):
        array = array[None] if array.shape == wanted else np.moveaxis(array[None], -1, 1)
    else:
        raise DataError(
            f"{source} holds {list(array.shape)}; the model takes samples of {list(wanted)}: [N, ...]."
        )
    samples = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(samples).all():
        raise DataError(f"{source} has values that are not finite (NaN or infinity).")
    return samples


def as_labels(array: Array, count: int, source: str) -> Array:
    """`array` as integer labels [count]."""
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise DataError(
            f"{source} holds {array.dtype} {list(array.shape)}; {count} whole numbers are needed, a label each."
        )
    return array.astype(np.int64)
