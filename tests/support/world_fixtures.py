"""A world and its runs on disk, and a working directory for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worlds import World, make_run


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "runs")


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `runs` with runs a and b, to be copied: writing records waits for the disk."""
    world = World(tmp_path_factory.mktemp("two") / "runs")
    for seed, (name, noise) in enumerate({"a": 1.0, "b": 1.3}.items()):
        make_run(world, name, noise=noise, seed=seed, checkpoints=("best_cls", "best_ver"))
    return world.runs


@pytest.fixture
def demo_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with settings called demo."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "demo.yaml").write_text("seed: 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAGGLE_FACE_CONFIG", raising=False)
    return tmp_path
