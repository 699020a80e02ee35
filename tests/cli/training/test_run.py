"""`run` and `runs --estimates` on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.cli.terminal import Terminal
from kaggle_face.cli.training.run import print_result
from kaggle_face.evaluation.blend_record import BlendRecord, TaskRecord
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.intervals.bootstrap import Interval
from kaggle_face.pipeline.budget import run as budget_run
from kaggle_face.pipeline.budget.estimates import COLUMNS, FILE
from kaggle_face.pipeline.budget.execute import BudgetResult, StageTime
from tests.support.budgets import FakeClock, FakeTrial


@pytest.fixture
def machine(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTrial:
    """A machine of which a fake trial knows the rates."""
    clock, trial = FakeClock(), FakeTrial(seconds_a_megapixel=100.0)
    monkeypatch.setattr(budget_run.plan_run, "__defaults__", (clock, trial.as_context, None))
    return trial


def test_a_plan_shows_stages_times_and_why_no_larger_recipe_was_taken(
    machine: FakeTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--minutes", "10", "--plan"]) == 0
    out = capsys.readouterr().out
    for word in (
        "small-1-both",
        "fold 0",
        "predict",
        "blend",
        "margin",
        "of a budget of 600",
        "not measured",
    ):
        assert word in out, word
    assert "configs/tiny-10min.yaml was written; change what you like" in out
    assert "small-2-both" in out, "the next larger recipe"
    assert not Path("runs").exists()
    assert main(["run", "--minutes", "10", "--plan"]) == 0
    assert "was there and is taken as it stands" in capsys.readouterr().out


def test_a_budget_that_is_too_small_names_a_call_that_plans(
    machine: FakeTrial, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused("run", "--minutes", "0.1", "--plan")
    least = line.rpartition("--minutes ")[2]
    assert "is too little here" in line and main(["run", "--minutes", least, "--plan"]) == 0


def test_what_was_done_stands_beside_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Estimate("accuracy", 0.91, Interval(0.91, 0.9, 0.92))
    tasks = {"classification": TaskRecord("probabilities", (), out_of_fold=figure)}
    blend = BlendRecord("accuracy", 0.91, 5, (), (), (), tasks)  # type: ignore[arg-type]
    result = BudgetResult(
        run=None,  # type: ignore[arg-type]
        settings=Path("configs/x-8min.yaml"),
        plan=None,  # type: ignore[arg-type]
        stages=(StageTime("fold 0", 100.0, 130.0), StageTime("margin", 20.0, None)),
        runs=(),
        networks=(0,),
        dropped=("fold 1", "fold 2"),
        notes=("fold 1 was dropped: 5 s were left for it, and it takes 130 s",),
        paths=(Path("submissions/x/main_ensemble_verification.csv"),),
        evaluation=None,
        blend=blend,
        seconds=490.0,
        budget_seconds=480.0,
    )
    print_result(result, Terminal())
    shown = capsys.readouterr()
    assert re.search(r"^the blend +classification +accuracy +0\.9100 +0\.9000 to 0\.9200$", shown.out, re.M)
    assert re.search(r"^all +120 +130$", shown.out, re.MULTILINE), "sums of what stands above"
    assert "from the first call to the end: 490 s of a budget of 480 s" in shown.out
    assert "130" in shown.out and "not trained: fold 1, fold 2" in shown.out and "5 s were left" in shown.out
    assert "main_ensemble_verification.csv" in shown.out
    assert "it took 10 s longer than its budget" in shown.err


def test_the_table_of_estimates_shows_its_rows(
    workspace: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused("runs", "--estimates")
    assert line.startswith("no training of 'tiny' has ended here yet; train one first: kaggle-face run")
    row = (
        "2026-01-01T00:00:00Z,a machine,tiny,tiny-8min/main,0,small-2-both,32,400,500,90,12,0.8125,0.25,36000"
    )
    Path("runs").mkdir()
    (Path("runs") / FILE).write_text(f"{','.join(COLUMNS)}\n{row}\n", encoding="utf-8")
    assert main(["runs", "--estimates"]) == 0
    out = capsys.readouterr().out
    for cell in ("tiny-8min/main", "small-2-both", "400", "500", "1.5", "0.8125", "0.2500", "a machine"):
        assert cell in out, cell
    assert main(["runs", "--estimates", "--json"]) == 0
    (values,) = json.loads(capsys.readouterr().out)
    assert (values["run"], values["planned_images_per_second"], values["accuracy"]) == (
        "tiny-8min/main",
        500,
        0.8125,
    )
    assert "no training of 'demo' has ended" in refused("runs", "--estimates", "-c", "demo")
    assert main(["runs", "--estimates", "--all", "-c", "demo"]) == 0


@pytest.mark.slow
def test_a_training_by_hand_adds_a_row_too(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--fold", "0", "train.epochs=1"]) == 0
    capsys.readouterr()
    assert main(["runs", "--estimates"]) == 0
    assert "tiny/train.epochs=1" in capsys.readouterr().out
