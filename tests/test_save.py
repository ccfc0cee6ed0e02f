"""Files are replaced as a whole or not at all."""

import os
from pathlib import Path

import pytest
from export_networks import quantized
from models import example

from tinycnn import ir
from tinycnn.errors import OutputError
from tinycnn.onnx_io import load, save


def test_save_replaces_only_what_tinycnn_wrote(tmp_path):
    graph, _ = quantized("one channel")
    path = tmp_path / "net.onnx"
    save(graph, path)
    save(graph, path, "qoperator")
    assert ir.same(load(path), graph)
    theirs = example("lenet5").SerializeToString()
    for content in (theirs, b"my notes", b""):
        path.write_bytes(content)
        with pytest.raises(OutputError) as caught:
            save(graph, path)
        assert str(caught.value) == f"{path} is there already and was not written by tinycnn; give another name."
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["net.onnx"]


def test_save_says_why_it_cannot_write(tmp_path):
    graph, _ = quantized("one channel")
    with pytest.raises(OutputError, match=r"Cannot write .*absent/net\.onnx: No such file or directory\."):
        save(graph, tmp_path / "absent" / "net.onnx")
    with pytest.raises(OutputError, match="is there already and was not written by tinycnn"):
        save(graph, tmp_path)


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    graph, _ = quantized("one channel")
    path = tmp_path / "net.onnx"
    save(graph, path)
    content = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save(graph, path, "qoperator")
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["net.onnx"]
