"""A small competition of generated faces, and a command line that works on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.cli.main import main
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset

SIZE = EmbeddedSize(
    num_identities=6,
    train_images_per_identity=8,
    dev_images_per_identity=4,
    test_images_per_identity=2,
    num_verification_identities=8,
    images_per_verification_identity=4,
    num_val_pairs=20,
    num_test_pairs=24,
    image_size_px=32,
)
SETTINGS = """
extends: demo
data: {{root: {root}, image_size: 32, workers: 0}}
folds: {{count: 3}}
model: {{backbone_options: {{channels: [8, 8, 16, 16], stem_width: 8}}, embedding_size: 16}}
train: {{epochs: 2, batch_size: 8, tensorboard: false}}
device: cpu
"""


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("competition") / "tiny"
    write_embedded_dataset(root, SIZE, seed=3)
    return root


@pytest.fixture
def workspace(tmp_path: Path, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory whose default settings are called `tiny`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLE_FACE_CONFIG", "tiny")
    write_settings(tmp_path, tiny_root)
    return tmp_path


def write_settings(folder: Path, root: Path, more: str = "") -> None:
    (folder / "configs").mkdir(exist_ok=True)
    (folder / "configs" / "tiny.yaml").write_text(SETTINGS.format(root=root) + more, encoding="utf-8")


@pytest.fixture(scope="session")
def trained_workspace(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where fold 0 of the run `main` was trained, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    commands_in(folder, tiny_root, ["train", "--fold", "0", "--run", "main"])
    return folder


@pytest.fixture(scope="session")
def trained_for_an_epoch(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fold 0 after one epoch (`train.epochs=1`), to be copied into any run."""
    folder = tmp_path_factory.mktemp("one-epoch")
    commands_in(folder, tiny_root, ["train", "--fold", "0", "--run", "main", "train.epochs=1"])
    return folder / "runs/tiny/main/fold0"


@pytest.fixture
def trained_fold(workspace: Path, trained_workspace: Path) -> Path:
    """The workspace, with fold 0 of the run `main`."""
    shutil.copytree(trained_workspace / "runs", workspace / "runs")
    return workspace


def commands_in(folder: Path, root: Path, *commands: Sequence[str]) -> None:
    """Runs commands in a new workspace, each of which must succeed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("KAGGLE_FACE_CONFIG", "tiny")
        write_settings(folder, root)
        for words in commands:
            assert main(list(words)) == 0, words


class Launcher:
    """Runs command lines in processes that share their imports; what they print goes to `log.txt`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seconds = 0.0

    def __call__(self, *words: str, moment: str = "", act: str = "") -> int:
        """The exit code of `kaggle-face WORDS`, which may stop or kill itself at a moment."""
        answer = self._answer_to({**self._order(words), "moment": moment, "act": act})
        self.seconds = answer["seconds"]
        return int(answer["code"])

    def together(self, *command_lines: Sequence[str]) -> list[int]:
        """The exit codes of command lines that run at one time."""
        processes = [self.begin(*words) for words in command_lines]
        return [self.end(process) for process in processes]

    def begin(self, *words: str) -> int:
        """Begins `kaggle-face WORDS`, and returns the id of its process."""
        return int(self._answer_to({**self._order(words), "moment": "", "goes_on": True})["process"])

    def end(self, process: int) -> int:
        """The exit code of a process that was begun, once it has ended."""
        return int(self._answer_to({"process": process})["code"])

    def _order(self, words: Sequence[str]) -> dict[str, Any]:
        config = os.environ.get("KAGGLE_FACE_CONFIG", "demo")
        return {"folder": str(Path.cwd()), "config": config, "log": "log.txt", "words": words}

    def _answer_to(self, order: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    if not hasattr(os, "fork"):
        pytest.skip("this system forks no processes")
    command = [sys.executable, str(Path(__file__).parents[1] / "support" / "forking_process.py")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Launcher(process)


@pytest.fixture
def launch(launcher: Launcher, workspace: Path) -> Launcher:
    """Runs command lines in processes of their own, in the workspace."""
    return launcher


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must fail with one line and exit code 2, and returns that line."""

    def run(*words: str) -> str:
        capsys.readouterr()
        assert main(list(words)) == 2
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1 and "Traceback" not in "".join(lines)
        return errors[0].removeprefix("error: ")

    return run
