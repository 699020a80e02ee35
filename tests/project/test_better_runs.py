"""Searches and soups through the door: the same results as the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from kaggle_face.project.better_runs import Tuning
from tests.project.test_project import SETTINGS, working_in


@pytest.mark.slow
def test_a_project_is_tuned_in_a_storage_and_its_checkpoints_make_a_soup(tmp_path: Path) -> None:
    with working_in(tmp_path):
        settings = [*SETTINGS.values(), "train.score=accuracy", "train.epochs=2"]
        project = kf.open_project("demo", settings)
        space = {"optim.lr": [0.001, 0.002]}
        found = project.tune(space, trials=1, storage="search.journal", device="cpu", trial_epochs=1)
        assert isinstance(found, Tuning) and Path("search.journal").is_file()
        assert found.trials["state"].tolist() == ["complete"] and found.trials["epochs"].tolist() == [1]
        assert found.score == found.trials["score"].max() and "best of 1 trial" in repr(found)
        best = kf.open_project("demo-tune").config
        assert f"optim.lr={best.optim.lr}" in found.overrides and best.train.epochs == 2
        assert project.tune(space, trials=1, storage="search.journal", trial_epochs=1).score == found.score
        with pytest.raises(kf.RunError, match="was begun with other settings or data"):
            project.tune({"optim.lr": [0.5]}, trials=1, storage="search.journal", trial_epochs=1)
        soup = project.soup([project.run("tune-0")], checkpoints=["last", "best_cls"])
        assert soup.folder.kind == "soup" and soup.folds == [0]
        with pytest.raises(kf.RunError, match="choose another name, or replace it with overwrite=True"):
            project.soup([project.run("tune-0")])
