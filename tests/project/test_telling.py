"""What a command prints beside its result goes to the progress of the call of that name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import kaggle_face as kf
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.evaluation.balance import LeftOut
from kaggle_face.pipeline.evaluation_rows import EvaluationResult, MetricRow, TaskEvaluation
from kaggle_face.project.run import Run
from tests.support.own_shapes import landmarks
from tests.support.progress import Told


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.chdir(tmp_path)
    return Told()


def run_of(progress: Told) -> Run:
    """A run that nothing is known of, whose stages are replaced."""
    return Run(kf.open_project("demo", progress=progress), RunFolder(Path("runs/demo/main")))


def test_tasks_that_a_blend_leaves_out_are_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "the test set has pairs, and no member scores them"
    found = SimpleNamespace(warnings=(line,))
    monkeypatch.setattr("kaggle_face.pipeline.ensemble.ensemble_runs", lambda *_: found)
    run = run_of(told)
    kf.open_project("demo", progress=told).ensemble([run])
    assert told.lines == [line]


@pytest.mark.parametrize("by", ["run", "folder"])
def test_files_that_an_export_leaves_out_are_told(
    told: Told, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    run, line = run_of(told), "int8 is left out: no training images are at hand"
    found = SimpleNamespace(notes=(line,))
    monkeypatch.setattr("kaggle_face.pipeline.export.stage.export_network", lambda *_: found)
    monkeypatch.setattr("kaggle_face.extras.require_extra", lambda *_: None)
    monkeypatch.setattr("kaggle_face.pipeline.export.naming.folder_of", lambda *_, blend: (run, None, blend))
    run.export() if by == "run" else kf.export("runs/demo/main", progress=told)
    assert told.lines == [line]


def test_what_an_evaluation_leaves_out_is_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    member = "demo/main@best_ver"
    row = MetricRow("verification", member, "eer", 0.1, None, None, 0.1, None)
    task = TaskEvaluation(
        "verification",
        (member,),
        (row,),
        (),
        imbalances=("9 of 10 pairs are genuine",),
        left_out=(LeftOut("accuracy", "the larger class has it too"),),
        thresholds_left_out={member: (LeftOut("fpr=0.001", "it takes 1000 impostor pairs"),)},
    )
    monkeypatch.setattr(
        "kaggle_face.pipeline.evaluate.evaluate_runs", lambda *_: EvaluationResult((task,), ())
    )
    assert len(run_of(told).evaluate()) == 1
    assert told.lines == [
        "verification: 9 of 10 pairs are genuine",
        "verification: accuracy is left out: the larger class has it too",
        f"{member}: threshold fpr=0.001 is left out: it takes 1000 impostor pairs",
    ]


def test_what_else_own_data_might_be_is_told(told: Told, tmp_path: Path) -> None:
    landmarks(tmp_path / "raw")
    kf.init_project("mine", "raw", progress=told)
    assert "layout custom: own data, whose files are taken for" in told.lines
    assert told.lines.count("train.csv: column species (old) is not used") == 1
