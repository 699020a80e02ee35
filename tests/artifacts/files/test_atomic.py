"""A file is the old one or the whole new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.files.atomic import replacing_folder, write_array, write_text, writing


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), writing(tmp_path / "a.txt") as stream:
        stream.write(b"half of the n")
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_failed_folder_leaves_the_old_folder_and_no_other(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "record") as new:
        write_text(new / "a.txt", "old")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "record") as new:
        write_text(new / "a.txt", "new")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["record"]
    assert (tmp_path / "record" / "a.txt").read_text() == "old"


def test_a_replaced_folder_holds_only_the_new_files(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        with replacing_folder(tmp_path / "record") as new:
            write_text(new / name, name)
    assert [path.name for path in (tmp_path / "record").iterdir()] == ["b.txt"]


def test_arrays_with_objects_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_array(tmp_path / "a.npy", np.array([{}]))
    assert list(tmp_path.iterdir()) == []
