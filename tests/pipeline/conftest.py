"""A small competition whose chain has run from train to submit, to be copied and changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import RunFolder, run_folder
from kaggle_face.cli.main import main
from kaggle_face.config import LoadedConfig, dump_config, load_config
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset

SIZE = EmbeddedSize(
    num_identities=5,
    train_images_per_identity=6,
    dev_images_per_identity=3,
    test_images_per_identity=2,
    num_verification_identities=6,
    images_per_verification_identity=3,
    num_val_pairs=16,
    num_test_pairs=12,
    image_size_px=16,
)
SETTINGS = """
extends: demo
data: {root: data/tiny, image_size: 16, workers: 0}
folds: {count: 2}
model: {backbone_options: {channels: [8, 8, 8, 8], stem_width: 8}, embedding_size: 8}
train: {epochs: 1, batch_size: 16, tensorboard: false}
device: cpu
"""
STAGES = (["train", "--fold", "0"], ["predict"], ["ensemble"], ["submit", "--dry-run", "--only-ensemble"])


@dataclass(frozen=True)
class Workspace:
    """A working directory with a raw folder, settings called `tiny`, and what the commands made."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "data" / "tiny"

    @property
    def fold(self) -> Path:
        return self.path / "runs" / "tiny" / "main" / "fold0"

    @property
    def run(self) -> Path:
        return self.fold.parent

    def csvs(self) -> dict[str, bytes]:
        """The CSVs by name."""
        return {path.name: path.read_bytes() for path in (self.path / "submissions/tiny").glob("*.csv")}

    def images(self, below: str) -> list[Path]:
        """The pictures below a folder of the raw folder, sorted."""
        return sorted((self.root / below).rglob("*.jpg"))


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_stages(folder: Path, first: int = 0, last: int = len(STAGES)) -> int:
    """Runs some stages in a folder; the first exit code that is not 0, or 0."""
    with working_in(folder):
        for words in STAGES[first:last]:
            if code := main([*words, "-c", "tiny"]):
                return code
    return 0


@pytest.fixture(scope="session")
def raw_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw folder and settings; nothing was trained."""
    folder = tmp_path_factory.mktemp("raw")
    write_embedded_dataset(folder / "data" / "tiny", SIZE, seed=3)
    (folder / "configs").mkdir()
    (folder / "configs" / "tiny.yaml").write_text(SETTINGS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def finished_workspaces(raw_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A working directory after each stage: train, predict, ensemble, submit."""
    folders, before = [], raw_workspace
    for number in range(len(STAGES)):
        folder = tmp_path_factory.mktemp("stage") / str(number)
        shutil.copytree(before, folder)
        assert run_stages(folder, number, number + 1) == 0
        folders.append(folder)
        before = folder
    return folders


@pytest.fixture
def after(
    finished_workspaces: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Workspace]:
    """A copy of the working directory after a stage, in which commands run."""

    def copied(stage: str) -> Workspace:
        number = [words[0] for words in STAGES].index(stage)
        shutil.copytree(finished_workspaces[number], tmp_path / "work")
        monkeypatch.chdir(tmp_path / "work")
        monkeypatch.setenv("KAGGLE_FACE_CONFIG", "tiny")
        return Workspace(tmp_path / "work")

    return copied


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must fail with one line and exit code 2, and returns that line."""

    def run(*words: str) -> str:
        capsys.readouterr()
        assert main(list(words)) == 2, words
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        return errors[0].removeprefix("error: ")

    return run


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    """Settings called `tiny` of a small competition, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    write_embedded_dataset(tmp_path / "data" / "tiny", SIZE, seed=3)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.yaml").write_text(SETTINGS, encoding="utf-8")
    return load_config("tiny")


def run_of(loaded: LoadedConfig, name: str = "main") -> RunFolder:
    return run_folder(Path(loaded.config.paths.runs), loaded.name, name)


def begun(run: RunFolder, fold: int, loaded: LoadedConfig, status: str, *, state: bool = False) -> None:
    """Lays out what a training leaves that was begun: its settings, its status, and maybe a state."""
    folder = run.fold(fold)
    folder.path.mkdir(parents=True)
    folder.config_file.write_text(dump_config(loaded.config), encoding="utf-8")
    folder.info_file.write_text(json.dumps({"status": status}), encoding="utf-8")
    if state:
        folder.resume_file.write_bytes(b"state")
