"""Files go where they are asked to, and nothing that is not ours is touched."""

from dataclasses import replace
from pathlib import Path

import pytest

from tinycnn.errors import OutputError
from tinycnn_codegen import Generated, write
from tinycnn_codegen.network import MARKER

GENERATED = Generated("net", {"net.h": f"{MARKER}\nh\n", "net.c": f"{MARKER}\nc\n"}, 4, (), (), (), ())


def test_the_folder_is_created(tmp_path: Path) -> None:
    paths = write(GENERATED, tmp_path / "new" / "folder")
    assert [path.read_text() for path in paths] == [f"{MARKER}\nh\n", f"{MARKER}\nc\n"]


def test_our_files_are_overwritten_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("mine")
    write(GENERATED, str(tmp_path))
    write(replace(GENERATED, files={"net.c": f"{MARKER}\nnew\n"}), tmp_path)
    assert (tmp_path / "net.c").read_text() == f"{MARKER}\nnew\n"
    assert (tmp_path / "net.h").read_text() == f"{MARKER}\nh\n"
    assert (tmp_path / "main.c").read_text() == "mine"


def test_foreign_files_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "net.c").write_text("int mine;\n")
    (tmp_path / "net_selftest.c").mkdir()
    three = replace(GENERATED, files={**GENERATED.files, "net_selftest.c": f"{MARKER}\n"})
    with pytest.raises(OutputError, match=r"net\.c.*net_selftest\.c.*Nothing was written"):
        write(three, tmp_path)
    assert (tmp_path / "net.c").read_text() == "int mine;\n"
    assert not (tmp_path / "net.h").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(f"{MARKER}\n")
    (tmp_path / "net.h").symlink_to(elsewhere)
    (tmp_path / "net.c").symlink_to(tmp_path / "missing")
    with pytest.raises(OutputError, match=r"net\.h.*net\.c"):
        write(GENERATED, tmp_path)
    assert elsewhere.read_text() == f"{MARKER}\n"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written to"):
        write(GENERATED, tmp_path / "file")
