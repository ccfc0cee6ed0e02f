"""Samples and labels from files: .npy, .npz, and the idx files of MNIST."""

import gzip
import math
import struct
import tokenize
import zipfile
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tinycnn.errors import DataError
from tinycnn.ir import Array, Shape

MAX_DATA_BYTES = 4 * 2**30
"""Larger arrays are refused before they are allocated."""
IDX_DTYPES: dict[int, npt.DTypeLike] = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The element types of idx files by the third byte of the file (LeCun, "The MNIST database", file format)."""

_NUMPY_ERRORS = (ValueError, TypeError, SyntaxError, RuntimeError, MemoryError, tokenize.TokenError)
"""What NumPy raises on a damaged header."""
_FILE_ERRORS = (OSError, EOFError, zipfile.BadZipFile, zlib.error)
_Stream = IO[bytes] | BufferedIOBase


def load_array(source: str | Path) -> Array:
    """The array in a .npy, .npz or idx file (gzipped or not).

    `file.npz:name` takes the array `name`, else the first one is taken. DataError when there is none.
    """
    text = str(source)
    path, _, member = text.partition(".npz:")
    file = Path(f"{path}.npz" if member else text)
    try:
        if not file.is_file():
            raise DataError(f"There is no data file {file}.")
        if file.suffix == ".npz":
            return _from_npz(file, member)
        if file.suffix == ".npy":
            with file.open("rb") as stream:
                return _from_npy(stream, str(file))
        return _from_idx(file)
    except (*_NUMPY_ERRORS, *_FILE_ERRORS) as error:
        raise DataError(f"{file} cannot be read as data: {str(error).rstrip('.') or type(error).__name__}.") from None


def _from_npz(file: Path, member: str) -> Array:
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise DataError(f"{file} holds no array.")
        if member and member not in names:
            raise DataError(f"{file} has no array {member!r}; it has {', '.join(names)}.")
        with archive.open(f"{member or names[0]}.npy") as stream:
            return _from_npy(stream, str(file))


def _from_npy(stream: _Stream, source: str) -> Array:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise DataError(f"{source} holds Python objects, not numbers.")
    content = _read_exactly(stream, _bounded_size(shape, dtype, source), source)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_column else "C")


def _from_idx(file: Path) -> Array:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_DTYPES:
            raise DataError(f"{file} is neither .npy nor .npz nor an idx file.")
        dtype, rank = np.dtype(IDX_DTYPES[head[2]]), head[3]
        shape = struct.unpack(f">{rank}I", _read_exactly(stream, 4 * rank, str(file)))
        content = _read_exactly(stream, _bounded_size(shape, dtype, str(file)), str(file))
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _bounded_size(shape: Shape, dtype: np.dtype[np.generic], source: str) -> int:
    size_bytes = math.prod(shape) * dtype.itemsize
    if not 0 <= size_bytes <= MAX_DATA_BYTES:
        raise DataError(f"{source} says that it holds {size_bytes:,} bytes; at most {MAX_DATA_BYTES:,} are read.")
    return size_bytes


def _read_exactly(stream: _Stream, size_bytes: int, source: str) -> bytearray:
    """`size_bytes` from a stream, read in blocks, so that no more is allocated than is there."""
    content = bytearray()
    while len(content) < size_bytes:
        block = stream.read(min(size_bytes - len(content), 2**20))
        if not block:
            raise DataError(f"{source} was cut short: {len(content):,} of {size_bytes:,} bytes are there.")
        content += block
    return content


def as_samples(array: Array, shape: Shape, source: str) -> Array:
    """`array` as float32 samples [N, *shape[1:]] for an input of `shape` with ONNX's axes.

    Takes samples in that shape, channels-last, or without axes of size 1 (MNIST's [N, 28, 28]), and a single sample
    without N. DataError names both shapes when none fits, or says that a value is not finite.
    """
    if array.dtype.kind not in "fiub":
        raise DataError(f"{source} holds {array.dtype}, not numbers.")
    wanted, sample = shape[1:], array.shape[1:]
    last = (*wanted[1:], *wanted[:1])
    if array.ndim == 0 or len(array) == 0:
        raise DataError(f"{source} holds no samples.")
    if array.shape in (wanted, last) and not _same_axes(sample, wanted):
        array, sample = array[None], array.shape
    if sample == last and sample != wanted:
        array = np.moveaxis(array, -1, 1)
    elif not _same_axes(sample, wanted):
        raise DataError(f"{source} holds {list(array.shape)}; the model takes samples of {list(wanted)}: [N, ...].")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
        samples = np.ascontiguousarray(array.reshape(-1, *wanted), np.float32)
    if not np.isfinite(samples).all():
        raise DataError(f"{source} has values that are not finite (NaN or infinity).")
    return samples


def _same_axes(left: Shape, right: Shape) -> bool:
    """Whether two shapes are the same but for axes of size 1."""
    return [size for size in left if size != 1] == [size for size in right if size != 1]


def as_labels(array: Array, count: int, source: str) -> Array:
    """`array` as integer labels [count]."""
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise DataError(
            f"{source} holds {array.dtype} {list(array.shape)}; {count} whole numbers are needed, a label each."
        )
    return array.astype(np.int64)
