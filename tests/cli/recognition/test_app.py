"""`app`, as typed: it serves until it is stopped."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from tests.support.gallery_stubs import write_trained_run


def _hear_ctrl_c() -> None:
    """A shell starts background jobs deaf to Ctrl+C, and they hand this on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def served(folder: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [
        sys.executable,
        "-m",
        "kaggle_face",
        "app",
        "--port",
        "0",
        "--aligned-only",
        "--model",
        "run/fold0",
    ]
    with subprocess.Popen(
        [*command, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.match(r"(http://\S+) \(stop with Ctrl\+C\)", line)
            assert found, line
            yield found[1], process
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_trained_run(tmp_path / "run" / "fold0")
    return tmp_path


def test_the_page_is_served_until_it_is_stopped(folder: Path) -> None:
    with served(folder) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}api/state", timeout=300) as answer:
            state = json.load(answer)
        assert state["people"] == 0
        assert [threshold["name"] for threshold in state["thresholds"]] == ["fpr-1e-2", "fpr-1e-3", "eer"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=300) in (0, 130)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_beyond_this_machine_a_token_is_needed_and_the_network_is_named(folder: Path) -> None:
    with served(folder, "--host", "0.0.0.0") as (address, process):
        assert "?token=" in address
        here = address.replace("0.0.0.0", "127.0.0.1")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(here.partition("?")[0], timeout=300)
        refused.value.close()
        assert refused.value.code == 401
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(here, timeout=300) as answer:
            assert "One-shot recognition" in answer.read().decode()
        process.kill()
        assert process.stderr is not None
        assert "open to the network, unencrypted" in process.stderr.read()


def test_an_address_of_another_machine_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(folder)
    words = [
        "app",
        "--model",
        "run/fold0",
        "--aligned-only",
        "--host",
        "192.0.2.1",
    ]  # RFC 5737: nobody's address
    assert "the page cannot be served at 192.0.2.1:8642" in refused(*words)


def test_a_run_that_was_never_trained_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["app", "--model", "nowhere"]) == 2
    assert "nowhere holds no trained run" in capsys.readouterr().err
