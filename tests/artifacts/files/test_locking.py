"""Lock files: freed with their holder, and telling who it is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from kaggle_face.artifacts.files import locking
from kaggle_face.artifacts.files.locking import holder_of, lock_if_free, lock_or_refuse, wait_for_lock
from kaggle_face.errors import RunError

HOLDER = """
import sys, time
from pathlib import Path
from kaggle_face.artifacts.files.locking import lock_if_free
with lock_if_free(Path(sys.argv[1])) as is_free:
    print(is_free, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path: Path) -> tuple[Path, subprocess.Popen[str]]:
    """A lock that another process holds."""
    path = tmp_path / "folder" / ".lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return path, process


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_second_writer_is_told_who_holds_the_lock(held: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = held
    with pytest.raises(RunError) as error, lock_or_refuse(path, "the folder"):
        pass
    place = f"{process.pid} on {socket.gethostname()} since 20"
    assert str(error.value).startswith(f"the folder is being written by another process ({place}")
    assert str(error.value).endswith("; wait until it ends")
    process.kill()
    process.communicate()


def test_the_lock_of_a_killed_process_is_free_at_once(held: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = held
    process.kill()
    process.communicate()
    assert path.exists()
    with lock_if_free(path) as is_free:
        assert is_free
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(tmp_path: Path) -> None:
    fork = "import os\n    os.fork() or print(os.getpid(), flush=True)\n    time.sleep"
    program = HOLDER.replace("time.sleep", fork)
    path = tmp_path / ".lock"
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        child = int(lines[1])
        process.kill()
        process.wait()
        try:
            with lock_if_free(path) as is_free:
                assert is_free
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_lock_is_held_once_within_a_process_too(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with lock_if_free(path) as first, lock_if_free(path) as second:
        assert (first, second) == (True, False)
    with lock_if_free(path) as again:
        assert again


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"[]",
        b'{"pid": 1}',
        b'{"pid": 1, "host": "a\\u001b[2J", "since": "now"}',
        b"\xff" * 2000,
        b"[" * 900,
    ],
)
def test_a_note_of_any_kind_makes_one_plain_phrase(tmp_path: Path, note: bytes) -> None:
    (tmp_path / ".lock").write_bytes(note)
    assert holder_of(tmp_path / ".lock") == "another process"


def _append(path: Path, count: int) -> None:
    for _ in range(count):
        with wait_for_lock(path.with_suffix(".lock"), lambda: None):
            number = int(path.read_text() or 0)
            path.write_text(str(number + 1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_processes_take_turns_though_each_removes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_SECONDS_BETWEEN_TRIES", 0.001)
    path = tmp_path / "number"
    path.write_text("")
    processes = [get_context("fork").Process(target=_append, args=(path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text() == "60"
