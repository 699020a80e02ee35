"""A path names the old folder or the new one, on every system and after a kill at any moment."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.files import renaming
from kaggle_face.artifacts.files.atomic import replacing_folder, write_array, write_text
from kaggle_face.artifacts.files.reading import read_array
from kaggle_face.artifacts.files.renaming import flush_to_disk, put_in_place, restore
from kaggle_face.artifacts.files.row_files import new_rows
from kaggle_face.artifacts.record_io import new_predictions, read_predictions
from kaggle_face.errors import DiskError


class Killed(BaseException):
    """Stands for the end of the process."""


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "a.txt").write_text(text)
    return path


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_kill_at_any_call_leaves_the_old_folder_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(renaming, "_system_exchange", lambda: None)
    for calls in range(8):
        place = tmp_path / f"{exchanges}{calls}"
        place.mkdir()
        path = folder(place / "record", "old")
        new = folder(place / ".new", "new")
        left = calls

        def die(*arguments: object, really=None, **named: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return really(*arguments, **named)

        with monkeypatch.context() as patch:
            for name in ("rename", "unlink", "rmdir", "fsync", "stat"):
                function = getattr(os, name)
                patch.setattr(os, name, lambda *a, really=function, **k: die(*a, really=really, **k))
            is_killed = True
            try:
                put_in_place(new, path)
                is_killed = False
            except Killed:
                pass
        if exchanges:
            assert (path / "a.txt").read_text() in ("old", "new")
        restore(path)  # as whoever takes the lock of the record next does
        assert (path / "a.txt").read_text() in ("old", "new"), calls
        assert is_killed or [entry.name for entry in place.iterdir()] == ["record"]


def test_a_path_names_something_at_every_moment(tmp_path: Path) -> None:
    if renaming._system_exchange() is None:
        pytest.skip("this system exchanges no folders")
    path = folder(tmp_path / "record", "0")
    missing: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            if not path.is_dir():
                missing.append("record")

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(200):
        with replacing_folder(path) as new:
            (new / "a.txt").write_text(str(number))
    stop.set()
    watcher.join()
    assert not missing and (path / "a.txt").read_text() == "199"


def test_what_cannot_be_put_in_place_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "_system_exchange", lambda: None)
    path = folder(tmp_path / "record", "old")
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "nothing", path)
    assert (path / "a.txt").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_new_file_that_may_only_be_read_is_flushed_or_left(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    path.chmod(0o400)
    flush_to_disk(path)
    flush_to_disk(tmp_path)


def test_files_and_folders_are_written_and_replaced_as_on_windows(
    tmp_path: Path, as_on_windows: None
) -> None:
    for number in range(2):
        write_text(tmp_path / "a.txt", str(number))
        with replacing_folder(tmp_path / "record") as new:
            write_array(new / "a.npy", np.full(3, number))
        assert (tmp_path / "a.txt").read_text() == str(number)
        assert np.load(tmp_path / "record/a.npy").tolist() == [number] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "record"]


def test_what_is_mapped_elsewhere_is_left_whole_on_windows(tmp_path: Path, as_on_windows: None) -> None:
    with replacing_folder(tmp_path / "record") as new:
        write_array(new / "a.npy", np.zeros(3))
    mapped = read_array(tmp_path / "record/a.npy")
    with (
        pytest.raises(DiskError, match="another program uses it"),
        replacing_folder(tmp_path / "record") as new,
    ):
        write_array(new / "a.npy", np.ones(3))
    assert mapped.tolist() == [0, 0, 0]
    del mapped
    gc.collect()
    with replacing_folder(tmp_path / "record") as new:
        write_array(new / "a.npy", np.ones(3))
    assert np.load(tmp_path / "record/a.npy").tolist() == [1, 1, 1]


def test_predictions_whose_rows_somebody_still_holds_take_their_place_on_windows(
    tmp_path: Path, as_on_windows: None
) -> None:
    for value in (1.0, 2.0):
        with new_predictions(tmp_path / "p", np.array(["a", "b"]), np.array(["x"]), np.float32) as rows:
            rows[0:2] = np.full((2, 1), value)
        found = read_predictions(tmp_path / "p")
        assert found.logits.tolist() == [[value], [value]]
        del found


def test_a_file_of_rows_has_the_bytes_that_numpy_saves(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float16)
    np.save(tmp_path / "whole.npy", values)
    with new_rows(tmp_path / "rows.npy", (7, 3), np.float16) as rows:
        rows[4:7] = values[4:].astype(np.float32)
        rows[0:4] = values[:4]
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    with new_rows(tmp_path / "empty.npy", (2, 3), np.float32) as rows:
        pass
    assert np.load(tmp_path / "empty.npy").tolist() == [[0] * 3] * 2
