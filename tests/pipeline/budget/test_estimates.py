"""The table of estimates: rows of finished folds, and what the next plan takes from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config import dump_config, load_config
from kaggle_face.errors import RunError
from kaggle_face.pipeline.budget.estimates import (
    FILE,
    Estimate,
    add_estimate,
    competition_key,
    estimates_of,
    known_of,
    read_estimates,
)
from kaggle_face.progress import SilentProgress
from tests.support.progress import Told
from tests.support.worlds import make_run

ROW = Estimate(
    "2026-01-01T00:00:00Z", "a machine", "demo, 921 images", "demo-8min/main", 0, "small-2-both", 48,
    400.0, 500.0, 100.0, 12.0, 0.8, 0.2, 40_000.0,
)  # fmt: skip


@pytest.fixture
def finished(world: object) -> RunFolder:
    """A run whose folds have histories."""
    run = make_run(world, "main", checkpoints=("last",))
    for fold in run.started_folds():
        info = {**fold.read_info(), "train_images": 36, "results": {"last": {"accuracy": 0.5, "eer": 0.25}}}
        fold.write_info(info)
        write_text(fold.config_file, dump_config(load_config("demo").config))
        write_table(fold.history_file, {"epoch": ["1", "2"], "images_per_second": ["100", "300"]})
    return run


def test_a_finished_fold_becomes_a_row(finished: RunFolder) -> None:
    runs = finished.path.parents[1]
    add_estimate(runs, finished.fold(0), SilentProgress(), "small-2-both", 200.0, 7.5)
    add_estimate(runs, finished.fold(1), SilentProgress())
    first, second = read_estimates(runs)
    # Equal numbers of images at 100 and 300 images/s: 2 / (1/100 + 1/300)
    assert first.images_per_second == pytest.approx(150.0)
    assert (first.accuracy, first.eer, first.seconds, first.blend_seconds) == (0.5, 0.25, 10.0, 7.5)
    assert (first.run, first.fold, first.recipe) == ("demo/main", 0, "small-2-both")
    assert (second.recipe, second.planned_images_per_second, second.blend_seconds) == ("", None, None)
    assert first.competition == competition_key("demo", 36)
    # 36 images in each epoch of the settings, or in those that a deadline left of them
    assert first.images == 36 * load_config("demo").config.train.epochs
    finished.fold(1).write_info({**finished.fold(1).read_info(), "pace": [[0.0, 0.0], [2.5, 10.0]]})
    add_estimate(runs, finished.fold(1), SilentProgress())
    assert read_estimates(runs)[2].images == 90.0


def test_a_row_is_filed_under_the_images_that_the_plan_counted(finished: RunFolder) -> None:
    runs = finished.path.parents[1]
    add_estimate(runs, finished.fold(0), SilentProgress(), "small-2-both", 200.0, 7.5, 38)
    (row,) = read_estimates(runs)
    assert row.competition == competition_key("demo", 38)
    assert row.images == 36 * load_config("demo").config.train.epochs, "those that it was trained on"


def test_rows_of_settings_whose_name_begins_alike_are_not_shown(finished: RunFolder) -> None:
    runs = finished.path.parents[1]
    names = ["demo/main", "demo-8min/main", "demo-2.5h-accuracy/x", "demo-8min-tune/main", "demo-2/main"]
    cells = {name: [str(getattr(ROW, name))] * len(names) for name in ROW.__dataclass_fields__}
    write_table(runs / FILE, {**cells, "run": names})
    loaded = load_config("demo", [f"paths.runs={runs}"])
    assert [row.run for row in estimates_of(loaded)] == names[:3]
    assert [row.run for row in estimates_of(loaded, of_all_settings=True)] == names


def test_a_table_that_cannot_be_read_is_a_warning_and_stays(finished: RunFolder) -> None:
    runs, told = finished.path.parents[1], Told()
    (runs / FILE).write_text("nonsense\n", encoding="utf-8")
    add_estimate(runs, finished.fold(0), told)
    assert len(told.lines) == 1 and "no row was added to" in told.lines[0]
    assert (runs / FILE).read_text(encoding="utf-8") == "nonsense\n"
    with pytest.raises(RunError, match=r"estimates\.csv has no column 'when'"):
        read_estimates(runs)


def test_a_table_without_the_images_of_an_earlier_version_is_read_and_gets_them(finished: RunFolder) -> None:
    runs = finished.path.parents[1]
    cells = {column: [str(getattr(ROW, column))] for column in ROW.__dataclass_fields__ if column != "images"}
    write_table(runs / FILE, cells)
    assert read_estimates(runs) == [replace(ROW, images=None)]
    add_estimate(runs, finished.fold(0), SilentProgress())
    assert [row.images is None for row in read_estimates(runs)] == [True, False]


@pytest.mark.parametrize(
    ("name", "value"), [("fold", "x"), ("seconds", ""), ("accuracy", "high"), ("images_per_second", "-400")]
)
def test_a_cell_that_is_no_number_is_one_line(finished: RunFolder, name: str, value: str) -> None:
    runs = finished.path.parents[1]
    cells = {column: [str(getattr(ROW, column))] for column in ROW.__dataclass_fields__}
    write_table(runs / FILE, {**cells, name: [value]})
    with pytest.raises(RunError, match=r"estimates\.csv cannot be read") as refusal:
        read_estimates(runs)
    assert f"row 2 has no number in '{name}' but '{value}'); delete that row" in str(refusal.value)


def test_the_next_plan_takes_rates_of_this_machine_and_scores_of_this_competition() -> None:
    rows = [
        ROW,
        replace(ROW, images_per_second=250.0, accuracy=0.9, eer=0.1),
        replace(ROW, images_per_second=200.0, machine="another"),
        replace(ROW, recipe="", planned_images_per_second=None, images_per_second=1.0),
        replace(ROW, competition="others, 7 images", accuracy=0.1),
    ]
    known = known_of(rows, "a machine", "demo, 921 images")
    # 500/400, 500/250 and 500/400 on this machine: the median
    assert known.slower == pytest.approx(1.25) and known.blend_seconds == 12.0
    # Rows of all machines: 80, 90 and 80 %; 20, 10 and 20 %
    assert (
        known.scores_of("small-2-both", 40_000)
        == "accuracy 83.3 %, EER 16.7 % in 3 networks here, each alone"
    )
    assert known.scores_of("small-8-both", 40_000) == ""


def test_without_rows_nothing_is_known(tmp_path: Path) -> None:
    assert read_estimates(tmp_path) == []
    known = known_of([], "a machine", "demo, 921 images")
    assert (known.slower, known.blend_seconds, known.scores_of("small-2-both", 1.0)) == (None, None, "")


def test_scores_of_a_shorter_or_longer_training_are_not_expected_of_a_plan() -> None:
    rows = [ROW, replace(ROW, images=6_000.0, accuracy=0.1, eer=0.4), replace(ROW, images=None, accuracy=0.0)]
    known = known_of(rows, "a machine", "demo, 921 images")
    assert known.scores_of("small-2-both", 41_000) == "accuracy 80.0 %, EER 20.0 % in 1 network here"
    assert known.scores_of("small-2-both", 6_100) == "accuracy 10.0 %, EER 40.0 % in 1 network here"
    assert known.scores_of("small-2-both", 15_000) == ""


def test_one_wild_measurement_does_not_ruin_the_next_plan() -> None:
    assert known_of([replace(ROW, images_per_second=1.0)], "a machine", "demo, 921 images").slower == 3.0
