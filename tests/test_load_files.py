"""Files that are damaged or keep their data elsewhere: a sentence for each, and nothing outside the folder is read."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from models import model, node, save, small_model
from onnx import ModelProto, TensorProto

from tinycnn import ir
from tinycnn.errors import ModelError, TinycnnError
from tinycnn.onnx_io import load


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "{path} is empty."),
        (b"\xff" * 100, "{path} is not an ONNX model, or it was cut short: it cannot be parsed."),
        (b"Hello, world!\n", "{path} is not an ONNX model"),
        (TensorProto(name="w", dims=[3]).SerializeToString(), "{path} is not an ONNX model"),
        (ModelProto(ir_version=8).SerializeToString(), "{path} is not an ONNX model: it has no graph or names no"),
    ],
)
def test_other_files_are_refused(tmp_path, content, sentence):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert str(caught.value).startswith(sentence.format(path=path))


def test_no_file_and_no_folder(tmp_path):
    for path, sentence in (
        (tmp_path / "absent.onnx", f"There is no model file {tmp_path / 'absent.onnx'}."),
        (tmp_path, f"{tmp_path} is a folder, not an ONNX model."),
        (tmp_path / ("x" * 5000), f"{tmp_path / ('x' * 5000)} cannot be read: File name too long."),
    ):
        with pytest.raises(ModelError) as caught:
            load(path)
        assert str(caught.value) == sentence


SMALL = small_model().SerializeToString()


def loads_or_says_why(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with contextlib.suppress(TinycnnError):
        ir.verify(load(path))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "net.onnx"


@settings(max_examples=100, deadline=None)
@given(length=st.integers(1, len(SMALL) - 1))
def test_truncated_file_gets_a_sentence(scratch, length):
    scratch.write_bytes(SMALL[:length])
    with pytest.raises(TinycnnError):
        load(scratch)


@settings(max_examples=300, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_file_loads_or_gets_a_sentence(scratch, flips):
    content = bytearray(SMALL)
    for position, value in flips:
        content[position] = value
    loads_or_says_why(scratch, bytes(content))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
@example(b"\x08\x0a")
def test_random_file_gets_a_sentence(scratch, content):
    loads_or_says_why(scratch, content)


def with_external(tmp_path: Path, **entries: str) -> Path:
    """A model whose weights lie in a file beside it; `entries` change where it says they are."""
    proto = model([node("MatMul", "x w", "y")], {"x": [1, 3]}, {"w": np.arange(12, dtype=np.float32).reshape(3, 4)})
    tensor = proto.graph.initializer[0]
    (tmp_path / "w.bin").write_bytes(b"head" + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": "w.bin", "offset": "4", "length": "48"} | entries).items():
        tensor.external_data.add(key=key, value=value)
    return save(proto, tmp_path / "net.onnx")


def test_external_data_is_read(tmp_path):
    graph = load(with_external(tmp_path))
    assert np.array_equal(graph.constants["w_rows"], np.arange(12, dtype=np.float32).reshape(3, 4).T)


def test_external_data_outside_the_folder_is_refused(tmp_path):
    outside = tmp_path / "secret.bin"
    outside.write_bytes(bytes(52))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(outside)
    (folder / "loop.bin").symlink_to("loop.bin")
    (folder / "folder.bin").mkdir()
    for location in (
        "../secret.bin",
        str(outside),
        "link.bin",
        "absent.bin",
        "",
        "folder.bin",
        "../model/../secret.bin",
    ):
        with pytest.raises(ModelError) as caught:
            load(with_external(folder, location=location))
        assert str(caught.value) == (
            f"{folder / 'net.onnx'} keeps 'w' in {location!r}, which is outside the model's own folder or not there."
        )
    for location in ("loop.bin", "w\0.bin", "w" * 5000):
        with pytest.raises(ModelError, match="keeps 'w' "):
            load(with_external(folder, location=location))


def test_external_data_may_lie_behind_a_link_to_the_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with_external(folder)
    (tmp_path / "link").symlink_to(folder)
    assert load(tmp_path / "link" / "net.onnx").outputs == ("y",)


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "8"},
        {"length": str(2**40)},
        {"length": str(2**31)},
        {"offset": "-4"},
        {"length": "-1"},
        {"offset": "four"},
        {"offset": "9" * 5000},
    ],
)
def test_external_data_at_an_impossible_place_is_refused(tmp_path, entries):
    with pytest.raises(ModelError, match="keeps 'w' "):
        load(with_external(tmp_path, **entries))


def test_external_data_that_is_too_short_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"not a valid ONNX model: .*raw_data size"):
        load(with_external(tmp_path, length="40"))
