"""Samples and labels from files: what is read, in which shapes, and a sentence for everything else."""

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import EXAMPLES

from tinycnn.data import IDX_DTYPES, MAX_DATA_BYTES, as_labels, as_samples, load_array
from tinycnn.errors import DataError
from tinycnn.ir import Array

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 4, 3)).astype(np.uint8)


def idx_bytes(array: Array) -> bytes:
    code = next(code for code, dtype in IDX_DTYPES.items() if np.dtype(dtype).newbyteorder("=") == array.dtype)
    header = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.dtype(IDX_DTYPES[code])).tobytes()


def refusal(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load_array(path)
    return str(caught.value)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_idx_files_of_every_type(tmp_path, dtype):
    array = RNG.integers(0, 100, (3, 4, 2)).astype(dtype)
    (tmp_path / "plain-idx3-ubyte").write_bytes(idx_bytes(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx_bytes(array)))
    for name in ("plain-idx3-ubyte", "packed.gz"):
        found = load_array(tmp_path / name)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", "<i8", "?"])
def test_npy_files(tmp_path, dtype, order):
    array = np.asarray(RNG.integers(0, 2, (3, 4, 2)).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    found = load_array(tmp_path / "a.npy")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_npy_files_with_long_headers(tmp_path):
    array = np.zeros((2, 3), np.float32)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version=(2, 0))
    assert np.array_equal(load_array(tmp_path / "a.npy"), array)


def test_npz_files_by_name_or_the_first(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", images=PIXELS, labels=np.arange(5))
        assert np.array_equal(load_array(tmp_path / "a.npz"), PIXELS)
        assert np.array_equal(load_array(f"{tmp_path / 'a.npz'}:labels"), np.arange(5))
        assert refusal(f"{tmp_path / 'a.npz'}:masks") == (
            f"{tmp_path / 'a.npz'} has no array 'masks'; it has images, labels."
        )


def test_the_sample_that_travels_with_the_project():
    path = EXAMPLES / "mnist_sample/mnist_sample.npz"
    assert load_array(path).shape == (500, 28, 28)
    assert load_array(f"{path}:test_images").shape == (1000, 28, 28)
    assert as_labels(load_array(f"{path}:test_labels"), 1000, "labels").dtype == np.int64


def test_files_that_are_not_there(tmp_path):
    assert refusal(tmp_path / "a.npy") == f"There is no data file {tmp_path / 'a.npy'}."
    assert refusal(tmp_path) == f"There is no data file {tmp_path}."
    assert refusal(f"{tmp_path}/a.npz:x") == f"There is no data file {tmp_path}/a.npz."
    assert "cannot be read as data: [Errno 36] File name too long" in refusal(tmp_path / ("x" * 5000))


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.gz", "a-idx3-ubyte"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\0", b"\x93NUMPY", bytes(200), b"PK\x03\x04" + bytes(100)])
def test_other_files_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_files_that_were_cut_short(tmp_path):
    path = tmp_path / "a-idx3-ubyte"
    path.write_bytes(idx_bytes(PIXELS)[:-1])
    assert refusal(path) == f"{path} was cut short: 59 of 60 bytes are there."
    path.write_bytes(idx_bytes(PIXELS)[:10])
    assert refusal(path) == f"{path} was cut short: 6 of 12 bytes are there."
    np.save(tmp_path / "a.npy", PIXELS)
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content[:-7])
    assert refusal(tmp_path / "a.npy") == f"{tmp_path / 'a.npy'} was cut short: 53 of 60 bytes are there."


@pytest.mark.parametrize(
    "shape", [(2**32 - 1, 28, 28), (2**31,) * 3, (1,) * 200, (2**32 - 1,) * 200, (MAX_DATA_BYTES + 1,)]
)
def test_sizes_are_judged_before_anything_is_allocated(tmp_path, shape):
    header = struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *[min(n, 2**32 - 1) for n in shape])
    (tmp_path / "a-idx").write_bytes(header + bytes(1))
    (tmp_path / "a.gz").write_bytes(gzip.compress(header + bytes(1)))
    for name in ("a-idx", "a.gz"):
        refusal(tmp_path / name)
    for name in ("a.npy", "a.npz"):
        forged_npy(tmp_path / name, shape)
        refusal(tmp_path / name)


def forged_npy(path: Path, shape: tuple[int, ...]) -> None:
    """A .npy, or an .npz with one, whose header says `shape` and which holds four bytes."""
    npy = path.with_suffix(".npy")
    with npy.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": "|u1"})
        file.write(b"data")
    if path.suffix == ".npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(npy, "a.npy")


def test_a_header_says_how_much_there_should_be(tmp_path):
    forged_npy(tmp_path / "a.npz", (10**6,))
    assert refusal(tmp_path / "a.npz") == f"{tmp_path / 'a.npz'} was cut short: 4 of 1,000,000 bytes are there."
    forged_npy(tmp_path / "a.npz", (2**40,))
    assert refusal(tmp_path / "a.npz") == (
        f"{tmp_path / 'a.npz'} says that it holds 1,099,511,627,776 bytes; at most 4,294,967,296 are read."
    )


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}, None]), allow_pickle=True)
    assert refusal(tmp_path / "a.npy") == f"{tmp_path / 'a.npy'} holds Python objects, not numbers."


def test_an_npz_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    assert refusal(tmp_path / "a.npz") == f"{tmp_path / 'a.npz'} holds no array."


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def contents(folder: Path) -> dict[str, bytes]:
    np.save(folder / "a.npy", PIXELS)
    np.savez_compressed(folder / "a.npz", images=PIXELS)
    return {
        "a.npy": (folder / "a.npy").read_bytes(),
        "a.npz": (folder / "a.npz").read_bytes(),
        "a.gz": gzip.compress(idx_bytes(PIXELS)),
        "a-idx": idx_bytes(PIXELS),
    }


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["a.npy", "a.npz", "a.gz", "a-idx"]), st.data())
def test_damaged_files_load_or_get_a_sentence(scratch, name, data):
    content = bytearray(contents(scratch)[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.none())
    (scratch / name).write_bytes(content[:cut])
    try:
        assert isinstance(load_array(scratch / name), np.ndarray)
    except DataError as error:
        assert name in str(error)  # noqa: PT017  (either outcome is right)


# --- samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((7, 3, 8, 6), (3, 8, 6)),
        ((7, 8, 6, 3), (3, 8, 6)),  # channels-last
        ((7, 28, 28), (1, 28, 28)),  # MNIST
        ((7, 1, 28, 28), (1, 28, 28)),
        ((7, 28, 28, 1), (1, 28, 28)),
        ((7, 784), (784,)),
        ((7, 784, 1, 1), (784,)),
        ((7, 49, 10), (1, 49, 10)),
        ((7, 12, 2), (2, 12)),  # a signal, channels-last
        ((7,), (1,)),
    ],
)
def test_samples_in_every_usual_shape(shape, wanted):
    array = RNG.normal(size=shape).astype(np.float64)
    samples = as_samples(array, (1, *wanted), "x.npy")
    assert samples.shape == (7, *wanted)
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    expected = np.moveaxis(array, -1, 1) if array.shape[1:] == (*wanted[1:], wanted[0]) else array
    assert np.array_equal(samples, expected.reshape(-1, *wanted).astype(np.float32))


def test_the_models_own_order_comes_first():
    array = RNG.normal(size=(7, 4, 4, 4)).astype(np.float32)
    assert np.array_equal(as_samples(array, (1, 4, 4, 4), "x.npy"), array)


@pytest.mark.parametrize("shape", [(3, 8, 6), (8, 6, 3)])
def test_one_sample_without_an_axis_for_samples(shape):
    array = RNG.normal(size=shape).astype(np.float32)
    samples = as_samples(array, (1, 3, 8, 6), "x.npy")
    assert np.array_equal(samples[0], array if shape == (3, 8, 6) else np.moveaxis(array, -1, 0))


def test_pixels_and_booleans_become_floats():
    assert as_samples(PIXELS, (1, 1, 4, 3), "x").max() == PIXELS.max()
    assert as_samples(PIXELS > 9, (1, 4, 3), "x").dtype == np.float32


@pytest.mark.parametrize("shape", [(7, 3, 8, 7), (7, 24), (8, 6), (7, 6, 8, 3), (7, 3, 48), (7, 3, 8, 6, 2)])
def test_samples_of_other_shapes_are_refused(shape):
    with pytest.raises(DataError) as caught:
        as_samples(np.zeros(shape), (1, 3, 8, 6), "x.npy")
    assert str(caught.value) == f"x.npy holds {list(shape)}; the model takes samples of [3, 8, 6]: [N, ...]."


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.zeros(()), np.float32(1)])
def test_no_samples(array):
    with pytest.raises(DataError, match=r"^x\.npy holds no samples\.$"):
        as_samples(np.asarray(array), (1, 3), "x.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_samples_that_are_not_finite_are_refused(value):
    with pytest.raises(DataError, match=r"^x\.npy has values that are not finite \(NaN or infinity\)\.$"):
        as_samples(np.array([[1.0, value]]), (1, 2), "x.npy")


@pytest.mark.parametrize("dtype", ["complex64", "U3", "S2", "datetime64[s]", "O"])
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(DataError, match="not numbers"):
        as_samples(np.zeros((2, 3), dtype), (1, 3), "x.npy")


def test_labels():
    labels = as_labels(np.array([3, 0, 2], np.uint8), 3, "y")
    assert labels.tolist() == [3, 0, 2]
    assert labels.dtype == np.int64
    for wrong in (np.zeros(4, int), np.zeros((3, 1), int), np.zeros(3)):
        with pytest.raises(DataError, match="3 whole numbers are needed, a label each"):
            as_labels(wrong, 3, "y")
