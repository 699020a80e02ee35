"""What an upload would do: uploads left, expected scores with intervals, and equal contents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from kaggle_face import open_project
from kaggle_face.artifacts.blends import seal_blend
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.provenance import inputs_beside
from kaggle_face.artifacts.record_io import read_classes, write_predictions
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.cli.main import main
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import load_config
from kaggle_face.evaluation.figures import measure_classes
from kaggle_face.evaluation.members import Member
from kaggle_face.pipeline.submission_plan import (
    ExpectedScore,
    PlannedFile,
    SubmissionPlan,
    UploadsLeft,
    plan_submission,
)
from kaggle_face.pipeline.submit import SubmitOptions, write_submissions
from kaggle_face.progress import SilentProgress
from kaggle_face.records import Predictions
from kaggle_face.summaries.submission import describe_submission_plan
from tests.support.blended_run import make_blended_run
from tests.support.kaggle_server import SLUG, Competition
from tests.support.progress import Told


@pytest.fixture
def run(kaggle, clock, tiny_faces) -> RunFolder:
    kaggle.competitions["classes-2026"] = Competition("classes-2026")
    run = make_blended_run(tiny_faces)
    summary = json.loads((run.ensemble_folder / "ensemble.json").read_text())
    summary["tasks"]["classification"]["out_of_fold"] |= {"low": 0.7, "high": 0.8125}
    write_json(run.ensemble_folder / "ensemble.json", summary)
    seal_blend(run.ensemble_folder, [(run.fold(0), "best_ver")])
    return run


def planned(run: RunFolder, progress=None) -> SubmissionPlan:
    loaded = load_config("faces")
    result = write_submissions(loaded, run, SubmitOptions(), SilentProgress())
    return plan_submission(loaded, result, result.chosen(), progress or SilentProgress())


def test_each_csv_has_its_competition_and_its_expected_score(run: RunFolder) -> None:
    files = {(each.name, each.competition): each for each in planned(run).files}
    blend = files["main_ensemble", "classes-2026"]
    assert blend.is_sent and (blend.expected.metric, blend.expected.value) == ("accuracy", 0.75)
    assert (blend.expected.low, blend.expected.high) == (0.7, 0.8125)
    pairs = files["main_ensemble", SLUG]
    assert pairs.is_sent and (pairs.expected.metric, pairs.expected.value) == ("eer", 0.125)
    assert pairs.expected.low is None  # a record of before intervals were kept
    single = files["main_fold0_best_ver", SLUG]
    assert not single.is_sent and single.expected.measured == "on what fold 0 held out"


def expected_of_network(run: RunFolder) -> ExpectedScore:
    files = {(each.name, each.competition): each for each in planned(run).files}
    return files["main_fold0_best_ver", "classes-2026"].expected


def write_held_out(fold: FoldFolder) -> None:
    """Writes what a network says of forty held-out images, ten of each of four identities."""
    names = read_classes(fold.classes_file).names
    ids = np.array([f"held{number:02d}.jpg" for number in range(40)])
    labels = np.repeat(np.arange(4), 10)
    logits = np.random.default_rng(1).normal(size=(40, len(names)))
    logits[np.arange(40), labels] += 1.5
    write_table(fold.labels_file, {"image_id": ids, "label": labels})
    target = fold.record_folder("oof", "best_ver", "predictions")
    write_predictions(target, Predictions(ids, logits, names), inputs_beside(fold, "oof"))


def test_a_single_network_has_the_interval_that_evaluate_gives(run: RunFolder) -> None:
    assert expected_of_network(run).low is None  # it keeps no out-of-fold predictions yet
    write_held_out(run.fold(0))
    expected = expected_of_network(run)
    (measured,) = measure_classes([Member(run, "best_ver", (run.fold(0),))])
    interval = measured[0].interval
    assert interval is not None and expected.metric == measured[0].metric == "accuracy"
    assert (expected.low, expected.high) == (interval.low, interval.high)


def test_equal_contents_are_named_and_so_is_an_earlier_upload(run: RunFolder) -> None:
    first = planned(run)
    by_name = {(each.name, each.competition): each for each in first.files}
    # The blend holds the logits of the checkpoint, and pair scores of its own.
    assert by_name["main_ensemble", "classes-2026"].same_as == ("main_fold0_best_ver",)
    assert by_name["main_ensemble", SLUG].same_as == ()
    assert all(each.uploaded == () for each in first.files)
    assert main(["submit"]) == 0
    second = {(each.name, each.competition): each for each in planned(run).files}
    (upload,) = second["main_ensemble", SLUG].uploaded
    assert (upload.status, upload.public_score) == ("COMPLETE", "0.0312")
    assert len(second["main_fold0_best_ver", "classes-2026"].uploaded) == 1
    assert second["main_fold0_best_ver", SLUG].uploaded == ()


def test_uploads_left_are_those_of_kaggle(run: RunFolder) -> None:
    found = [(each.competition, each.left, each.limit, each.source) for each in planned(run).competitions]
    assert found == [("classes-2026", 5, 5, "Kaggle"), (SLUG, 5, 5, "Kaggle")]
    assert main(["submit", "--task", "verification"]) == 0
    (left,) = [each for each in planned(run).competitions if each.competition == SLUG]
    assert (left.left, left.made, left.planned, left.is_enough) == (4, 1, 1, True)


def test_without_kaggle_the_ledger_counts(run: RunFolder, monkeypatch) -> None:
    assert main(["submit", "--task", "verification"]) == 0
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    progress = Told()
    left = {each.competition: each for each in planned(run, progress).competitions}
    assert (left[SLUG].made, left[SLUG].left, left[SLUG].source) == (1, None, "the ledger")
    assert left["classes-2026"].made == 0
    assert len(progress.lines) == 1 and "from the ledger" in progress.lines[0]


@pytest.mark.parametrize(("left", "is_enough"), [(3, True), (2, False), (None, True)])
def test_a_reserve_is_kept(left: int | None, is_enough: bool) -> None:
    assert UploadsLeft("a", left, 5, 2, reserve=1, planned=2, source="Kaggle").is_enough is is_enough


def test_the_command_prints_the_plan_and_sends_nothing(run: RunFolder, kaggle, capsys) -> None:
    assert main(["submit", "--dry-run"]) == 0
    out = capsys.readouterr().out
    for expected in (
        "0.7500  0.7000 to 0.8125",
        "main_ensemble has the same bytes as main_fold0_best_ver",
        f"{SLUG}: 5 of 5 uploads left today, by Kaggle; 1 upload planned",
    ):
        assert expected in re.sub("(?<=0) +(?=0)", "  ", out)
    assert kaggle.competition.submissions == []
    assert main(["submit", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["files"][0]["expected"]["high"] == 0.8125
    assert plan["competitions"][0]["left"] == 5


def test_equal_contents_are_named_once_in_lines_that_fit(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"mate_fold{fold}_best_cls" for fold in range(7)]
    unknown = ExpectedScore("", None, None, None, "not measured")
    files = [
        PlannedFile(name, Path(name), 3, None, False, unknown, (*names[:place], *names[place + 1 :]), ())
        for place, name in enumerate(names)
    ]
    Terminal().show(describe_submission_plan(SubmissionPlan(tuple(files), ())))
    lines = capsys.readouterr().out.splitlines()
    first = next(place for place, line in enumerate(lines) if "same bytes" in line)
    said = " ".join(line.strip() for line in lines[first:-1])
    assert said == f"{names[0]} has the same bytes as {', '.join(names[1:])}"
    assert max(map(len, lines)) <= 100


def test_a_project_gives_the_same_plan(run: RunFolder, kaggle) -> None:
    frame = open_project("faces", progress=SilentProgress()).submit(dry_run=True)
    row = frame[(frame["name"] == "main_ensemble") & (frame["competition"] == SLUG)].iloc[0]
    assert row["is_sent"] and row["expected"] == 0.125 and row["uploads_left"] == 5
    assert kaggle.competition.submissions == [] and Path(row["path"]).is_file()
