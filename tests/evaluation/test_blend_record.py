from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError
from kaggle_face.evaluation.blend_record import (
    BlendRecord,
    MemberRecord,
    SelectionRecord,
    TaskRecord,
    read_blend_record,
    write_blend_record,
)
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.intervals.bootstrap import Interval

CLASSES = TaskRecord(
    space="probabilities",
    members=(MemberRecord("demo/a@last", "demo/a", "last", (0, 1), 5, 0.25),),
    notes=("a note",),
    metrics={"accuracy": 0.5},
    temperatures=(1.5,),
    out_of_fold=Estimate("accuracy", 0.5),
    selection=SelectionRecord("mean of ranks", "it is the simplest", 0.4, ({"name": "demo/a@last"},)),
    post_processing={"recipe": {"count": 0}},
)
PAIRS = TaskRecord("scores", (), metrics={"eer": 0.125}, out_of_fold=Estimate("eer", 0.125))
RECORD = BlendRecord(
    "0.5*accuracy + 0.5*(1-eer)",
    0.6875,
    10,
    ("demo/a",),
    ("last",),
    ("predictions", "pairs"),
    {"classification": CLASSES, "verification": PAIRS},
    ("a rule",),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "demo" / "a")


def test_what_is_written_is_read_back(run: RunFolder) -> None:
    write_blend_record(run.ensemble_folder, RECORD)
    assert read_blend_record(run) == RECORD


def test_an_interval_is_kept_where_there_is_one(run: RunFolder) -> None:
    figure = Estimate("accuracy", 0.5, Interval(0.5, 0.25, 0.75))
    classes = replace(CLASSES, out_of_fold=figure)
    path = write_blend_record(run.ensemble_folder, replace(RECORD, tasks={"classification": classes}))
    found = read_blend_record(run)
    assert found is not None and found.tasks["classification"].out_of_fold == figure
    kept = json.loads(path.read_text())["tasks"]["classification"]["out_of_fold"]
    assert (kept["low"], kept["high"]) == (0.25, 0.75)


def test_the_keys_of_the_file_and_their_order(run: RunFolder) -> None:
    values = json.loads(write_blend_record(run.ensemble_folder, RECORD).read_text())
    assert list(values) == [
        "formula",
        "score",
        "num_parameters",
        "runs",
        "checkpoints",
        "records",
        "tasks",
        "ignored_rules",
    ]
    assert " ".join(values["tasks"]["classification"]) == (
        "space members notes metrics temperatures out_of_fold winner reason nested candidates post_processing"
    )
    assert " ".join(values["tasks"]["verification"]) == "space members notes metrics out_of_fold"
    assert values["tasks"]["verification"]["out_of_fold"] == {
        "metric": "eer",
        "value": 0.125,
        "higher_is_better": False,
    }


def test_a_file_with_the_keys_of_the_first_release_is_read_as_todays(run: RunFolder) -> None:
    candidate = {"name": "demo/a@last", "nested": 0.4, "in_sample_gain": 0.125}
    selection = SelectionRecord("mean of ranks", "it is the simplest", 0.4, (candidate,))
    steps = {"recipe": {"count": 0}, "tried": [{"in_sample_gain": 0.25}]}
    record = replace(
        RECORD,
        tasks={"classification": replace(CLASSES, selection=selection, post_processing=steps)},
    )
    path = write_blend_record(run.ensemble_folder, record)
    text = path.read_text()
    for today, first in (("nested", "honest"), ("candidates", "contenders"), ("in_sample", "optimistic")):
        text = text.replace(today, first)
    assert text.count("honest") == 2 and text.count("contenders") == 1 and text.count("optimistic_gain") == 2
    path.write_text(text)
    assert read_blend_record(run) == record


def test_a_run_without_a_blend_has_no_record(run: RunFolder) -> None:
    assert read_blend_record(run) is None


def test_a_record_with_the_few_keys_that_are_needed_is_read(run: RunFolder) -> None:
    member = {"run": "demo/a", "checkpoint": "last"}
    write_json(run.ensemble_folder / "ensemble.json", {"tasks": {"verification": {"members": [member]}}})
    found = read_blend_record(run)
    assert found is not None and (found.formula, found.score, found.num_parameters) == ("", None, None)
    assert found.tasks["verification"].members[0].name == "demo/a@last"
    assert found.tasks["verification"].selection is None


@pytest.mark.parametrize(
    ("change", "name"),
    [({"score": "high"}, "score"), ({"num_parameters": -1}, "num_parameters"), ({"runs": [1]}, "runs")],
)
def test_a_value_of_a_wrong_type_is_named(run: RunFolder, change: dict[str, object], name: str) -> None:
    write_json(run.ensemble_folder / "ensemble.json", {**RECORD.as_json(), **change})
    with pytest.raises(RunError, match=name):
        read_blend_record(run)


def test_a_gallerys_accuracy_takes_the_place_of_the_pairs_figure() -> None:
    from kaggle_face.ensemble.summary import with_gallery

    figure = Estimate("accuracy", 0.75)
    changed = with_gallery(RECORD, figure)
    assert changed.tasks["verification"] == replace(PAIRS, out_of_fold=figure)
    assert with_gallery(RECORD, None) is RECORD
