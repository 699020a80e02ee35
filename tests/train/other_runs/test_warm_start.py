"""Whose weights a competition's rules allow to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, dump_config, load_config
from kaggle_face.errors import RulesError
from kaggle_face.train.other_runs.warm_start import find_warm_start

STRICT = "competition.slug=hw-2-p-2-fall-2026-student-competition"
"""It allows neither pretrained weights nor outside data."""


def write_run(runs: Path, *overrides: str) -> None:
    folder = FoldFolder(runs / "faces/old/fold0")
    folder.path.mkdir(parents=True)
    folder.config_file.write_text(dump_config(settings(*overrides)), encoding="utf-8")
    folder.weights_file("last").parent.mkdir()
    folder.weights_file("last").write_bytes(b"")
    folder.write_info({"status": "finished", "folds": "five"})


def settings(*overrides: str) -> Config:
    return load_config("base", overrides).config


def find(runs: Path, *overrides: str) -> str:
    target = FoldFolder(runs / "faces/new/fold0")
    warm_start = find_warm_start(settings("model.init_from=old", *overrides), target, "five")
    assert warm_start is not None
    return warm_start.name


def test_a_run_of_the_same_competition_may_be_started_from(tmp_path: Path) -> None:
    write_run(tmp_path, STRICT)
    assert find(tmp_path, STRICT) == "faces/old/fold0@last"


def test_a_run_of_another_competition_is_refused_where_outside_data_is(tmp_path: Path) -> None:
    write_run(tmp_path, "competition.slug=demo")
    with pytest.raises(RulesError, match="was trained for demo"):
        find(tmp_path, STRICT)
    assert find(tmp_path, "competition.slug=some-other-one") == "faces/old/fold0@last"


def test_a_run_that_began_with_pretrained_weights_is_refused_where_those_are(tmp_path: Path) -> None:
    write_run(tmp_path, STRICT, "model.pretrained=true")
    with pytest.raises(RulesError, match="began with pretrained weights"):
        find(tmp_path, STRICT)
