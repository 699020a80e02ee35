"""What killed processes left is removed, and what a living one writes is not."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.files.atomic import replacing_folder, write_text, writing
from kaggle_face.artifacts.files.renaming import restore

WRITER = """
import os, signal, sys, time
from pathlib import Path
from kaggle_face.artifacts.files import renaming
from kaggle_face.artifacts.files.atomic import replacing, replacing_folder, writing

path, way = Path(sys.argv[1]), sys.argv[2]
rename = Path.rename
def rename_and_wait(self, target):
    rename(self, target)
    print("writes", flush=True)
    time.sleep(600)

if way == "file":
    with writing(path) as stream:
        stream.write(b"half")
        stream.flush()
        print("writes", flush=True)
        time.sleep(600)
elif way == "weights":  # as safetensors does
    with replacing(path) as temporary:
        (path.parent / ".tmpAb3dE9").write_bytes(b"half")
        print("writes", flush=True)
        time.sleep(600)
else:
    if way == "between the renames":  # of a system that cannot exchange two folders
        renaming._exchange = lambda *_: False
        Path.rename = rename_and_wait
    with replacing_folder(path) as new:
        (new / "a.txt").write_text("new")
        if way == "folder":
            print("writes", flush=True)
            time.sleep(600)
"""


@contextmanager
def writer(path: Path, way: str) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", WRITER, str(path), way]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "writes\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=600)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("way", ["file", "weights", "folder"])
def test_only_what_nobody_writes_any_more_is_removed(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "fold0" / "checkpoints"
    folder.mkdir(parents=True)
    with writer(folder / "best", way):
        before = names(tmp_path)
        assert len(before) >= 4
        assert remove_abandoned(tmp_path) == 0 and names(tmp_path) == before
    assert remove_abandoned(tmp_path) > 0
    assert names(tmp_path) == ["fold0", "fold0/checkpoints"]
    assert remove_abandoned(tmp_path) == 0


def test_a_folder_that_lost_its_name_gets_it_back(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "record") as new:
        write_text(new / "a.txt", "old")
    with writer(tmp_path / "record", "between the renames"):
        assert not (tmp_path / "record").exists()
        assert remove_abandoned(tmp_path) == 0
    remove_abandoned(tmp_path)
    restore(tmp_path / "record")
    assert names(tmp_path) == ["record", "record/a.txt"]
    assert (tmp_path / "record" / "a.txt").read_text() == "old"


def test_other_names_and_what_lies_below_on_request_are_left_alone(tmp_path: Path) -> None:
    kept = [".git", ".lock", ".main-fold0.lock", ".0123456789ab", ".tmp", ".tmpabc", "0123456789ab.x", ".env"]
    for name in (*kept, ".0123456789ab.resume.pt", "deep/.0123456789ab.resume.pt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert remove_abandoned(tmp_path, below=False) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "deep"])
    assert names(tmp_path / "deep") == [".0123456789ab.resume.pt"]
    assert remove_abandoned(tmp_path) == 1 and remove_abandoned(tmp_path / "missing") == 0


def test_writers_and_removers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    done = threading.Event()

    def remove() -> None:
        while not done.is_set():
            remove_abandoned(tmp_path)

    removers = [threading.Thread(target=remove) for _ in range(2)]
    for remover in removers:
        remover.start()
    try:
        for number in range(25):
            with writing(tmp_path / "a.txt") as stream:
                stream.write(b"%d" % number)
            with replacing_folder(tmp_path / "record") as new:
                write_text(new / "a.txt", str(number))
            assert (tmp_path / "a.txt").read_text() == str(number)
            assert (tmp_path / "record" / "a.txt").read_text() == str(number)
    finally:
        done.set()
        for remover in removers:
            remover.join(timeout=600)
    assert names(tmp_path) == ["a.txt", "record", "record/a.txt"]
