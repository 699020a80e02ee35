"""A file is the old one or the whole new one."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.atomic import (
    read_array,
    read_json,
    replacing_folder,
    write_array,
    write_text,
    writing,
)
from kaggle_face.errors import RunError


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


def test_an_array_comes_back_as_a_read_only_map(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    array = read_array(tmp_path / "a.npy")
    assert isinstance(array, np.memmap) and not array.flags.writeable
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("content", [b'{"a": ', b"[1]", b"\xff\xfe", b""])
def test_a_damaged_json_file_is_one_line_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(
        RunError, match=r"run\.json cannot be read \(.*\); copy it again, or delete it"
    ) as caught:
        read_json(tmp_path / "run.json")
    assert "\n" not in str(caught.value)


def test_a_pickle_in_place_of_an_array_is_refused_without_advice_to_trust_it(tmp_path: Path) -> None:
    (tmp_path / "logits.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(RunError, match=r"logits\.npy cannot be read") as caught:
        read_array(tmp_path / "logits.npy")
    assert "unsafely" not in str(caught.value)
