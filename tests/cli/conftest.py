"""A small competition of generated faces, and a command line that works on it."""

from __future__ import annotations

import json
import os
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


class Launcher:
    """Runs command lines in processes that share their imports; what they print goes to `log.txt`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seconds = 0.0

    def __call__(self, *words: str, moment: str = "", act: str = "") -> int:
        """The exit code of `kaggle-face WORDS`, which may stop or kill itself at a moment."""
        return int(self._answer(words=words, moment=moment, act=act)["code"])

    def together(self, *command_lines: Sequence[str]) -> list[int]:
        """The exit codes of command lines that run at one time."""
        codes: list[int] = self._answer(words=(), moment="", act="", together=command_lines)["codes"]
        return codes

    def _answer(self, **values: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"folder": str(Path.cwd()), "config": os.environ.get("KAGGLE_FACE_CONFIG", "demo")}
        order |= {"log": "log.txt"}
        print(json.dumps({**order, **values}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.seconds = answer["seconds"]
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
