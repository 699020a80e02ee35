"""The ledger's out-of-fold score of a blend and of a single checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import dump_config, load_config
from kaggle_face.submission.ledger.entries import OutOfFold
from kaggle_face.submission.out_of_fold import out_of_fold_of
from kaggle_face.tasks import Task

FORMULA = "0.5*accuracy + 0.5*(1-eer)"
RESULTS = {"best_ver": {"accuracy": 0.5, "eer": 0.25, "auc": 0.8}}
CLASSES = {
    "metrics": {"accuracy": 0.75, "top5": 0.9},
    "out_of_fold": {"metric": "top5", "value": 0.9, "higher_is_better": True},
}
PAIRS = {
    "metrics": {"eer": 0.125, "auc": 0.9, "tpr@1e-2": 0.4},
    "out_of_fold": {"metric": "tpr@1e-2", "value": 0.4, "higher_is_better": True},
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "runs" / "tiny" / "main")
    run.fold(0).write_info({"status": "finished", "results": RESULTS})
    tasks = {"classification": CLASSES, "verification": PAIRS}
    write_json(run.ensemble_folder / "ensemble.json", {"formula": "accuracy", "score": 0.75, "tasks": tasks})
    return run


def of(run: RunFolder, slug: str, **folders: Path) -> tuple[str, float, bool] | None:
    config = load_config("demo", [f"competition.slug={slug}"]).config
    write_text(run.fold(0).config_file, dump_config(config))
    tasks: dict[Task, Path] = dict(folders)  # type: ignore[arg-type]
    found = out_of_fold_of(tasks, run)
    return None if found is None else (found.metric, found.value, found.higher_is_better)


@pytest.mark.parametrize(
    ("slug", "blend", "single"),
    [
        ("11-785-s22-hw2p2-verification", ("auc", 0.9, True), ("auc", 0.8, True)),
        ("11785-hw-2-p-2-face-verification-fall-2024", ("eer", 0.125, False), ("eer", 0.25, False)),
        ("unheard-of", ("eer", 0.125, False), ("eer", 0.25, False)),
        (
            "11-785-f23-hw2p2-verification",
            None,
            None,
        ),  # names, and there is no dev gallery to measure them on
    ],
)
def test_verification_goes_by_the_competitions_metric(
    run: RunFolder, slug: str, blend: object, single: object
) -> None:
    assert of(run, slug, verification=run.ensemble_folder / "pairs") == blend
    assert of(run, slug, verification=run.fold(0).path / "test" / "best_ver" / "pairs") == single


def test_one_file_for_both_tasks_goes_by_both(run: RunFolder) -> None:
    slug = "hw-2-p-2-fall-2026-student-competition"
    blend = {
        "classification": run.ensemble_folder / "predictions",
        "verification": run.ensemble_folder / "pairs",
    }
    assert of(run, slug, **blend) == (FORMULA, pytest.approx(0.5 * 0.75 + 0.5 * 0.875), True)
    test = run.fold(0).path / "test" / "best_ver"
    single = {"classification": test / "predictions", "verification": test / "pairs"}
    assert of(run, slug, **single) == (FORMULA, pytest.approx(0.5 * 0.5 + 0.5 * 0.75), True)


def test_where_the_metric_was_not_measured_the_kept_one_is_told(run: RunFolder) -> None:
    summary: dict[str, Any] = {"tasks": {"verification": {**PAIRS, "metrics": {}}}}
    write_json(run.ensemble_folder / "ensemble.json", summary)
    found = out_of_fold_of({"verification": run.ensemble_folder / "pairs"}, run)
    assert found == OutOfFold("tpr@1e-2", 0.4, True)


def test_nothing_is_known_of_a_run_without_figures(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "tiny" / "main")
    assert out_of_fold_of({"verification": run.ensemble_folder / "pairs"}, run) is None
    run.fold(0).write_info({"status": "finished"})
    assert out_of_fold_of({"verification": run.ensemble_folder / "pairs"}, run) is None
    assert out_of_fold_of({"verification": run.fold(0).path / "test" / "last" / "pairs"}, run) is None
