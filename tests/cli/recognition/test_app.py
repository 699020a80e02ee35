"""`app`, as typed: it serves until it is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from tests.support.gallery_stubs import write_trained_run

from ..conftest import Launcher

Serve = Callable[..., tuple[str, Callable[[], int]]]


def address_in(log: Path) -> str:
    """The address that the command names once it serves."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        found = re.search(r"^(http://\S+) \(stop with Ctrl\+C\)$", text, re.MULTILINE)
        assert "error: " not in text, text
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"nothing is served: {text}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a trained run."""
    monkeypatch.chdir(tmp_path)
    write_trained_run(tmp_path / "run" / "fold0")
    return tmp_path


@pytest.fixture
def serve(folder: Path, launcher: Launcher) -> Iterator[Serve]:
    """Begins `app`; its address, and what stops it by Ctrl+C and returns its exit code."""
    running: set[int] = set()

    def begin(*words: str) -> tuple[str, Callable[[], int]]:
        process = launcher.begin("app", "--port", "0", "--aligned-only", "--model", "run/fold0", *words)
        running.add(process)

        def stop() -> int:
            os.kill(process, signal.SIGINT)
            running.remove(process)
            return launcher.end(process)

        return address_in(folder / "log.txt"), stop

    yield begin
    for process in running:
        os.kill(process, signal.SIGKILL)
        launcher.end(process)


@pytest.mark.slow
@pytest.mark.ci
def test_the_page_is_served_until_it_is_stopped(folder: Path, serve: Serve) -> None:
    address, stop = serve()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{address}api/state", timeout=300) as answer:
        state = json.load(answer)
    assert state["people"] == 0
    assert [threshold["name"] for threshold in state["thresholds"]] == ["fpr-1e-2", "fpr-1e-3", "eer"]
    assert stop() in (0, 130)
    assert "Traceback" not in (folder / "log.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.ci
def test_beyond_this_machine_a_token_is_needed_and_the_network_is_named(folder: Path, serve: Serve) -> None:
    address, _ = serve("--host", "0.0.0.0")
    assert "?token=" in address
    here = address.replace("0.0.0.0", "127.0.0.1")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(here.partition("?")[0], timeout=300)
    refused.value.close()
    assert refused.value.code == 401
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(here, timeout=300) as answer:
        assert "One-shot recognition" in answer.read().decode()
    assert "open to the network, unencrypted" in (folder / "log.txt").read_text(encoding="utf-8")


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
