"""Which CSVs a run within a budget can write, found before anything is measured or trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import InputError, SubmissionError
from kaggle_face.pipeline.budget.csvs import require_csvs
from kaggle_face.pipeline.inputs.preparing import open_competition
from kaggle_face.tasks import Task
from tests.support.blended_run import COMBINED
from tests.support.progress import Told

ROOT = Path("data/tiny")


@pytest.fixture
def loaded(raw_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    """Settings called `tiny` of a small competition, in a working directory of their own."""
    shutil.copytree(raw_workspace, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return load_config("tiny")


def checked(loaded: LoadedConfig) -> tuple[tuple[Task, ...], list[str]]:
    told = Told()
    return require_csvs(loaded.config, open_competition(loaded.config), told), told.lines


def test_files_that_hold_everything_have_a_csv_for_each_task(loaded: LoadedConfig) -> None:
    assert checked(loaded) == (("classification", "verification"), [])


def test_a_task_without_test_files_is_left_out_with_a_line(loaded: LoadedConfig) -> None:
    for image in (ROOT / "cls_data" / "test").iterdir():
        image.unlink()
    tasks, (line,) = checked(loaded)
    assert tasks == ("verification",)
    assert line.startswith("the competition has a CSV of classification, and its files hold nothing")


def test_one_csv_for_both_tasks_is_not_written_by_halves(loaded: LoadedConfig) -> None:
    with Path("configs/tiny.yaml").open("a", encoding="utf-8") as stream:
        stream.write(f"\nsubmit:\n{COMBINED}")
    assert checked(load_config("tiny"))[0] == ("classification", "verification")
    for image in (ROOT / "cls_data" / "test").iterdir():
        image.unlink()
    with pytest.raises(SubmissionError, match=r"nothing to answer for it: it is one CSV for both tasks; put"):
        checked(load_config("tiny"))


def test_without_any_test_files_nothing_is_begun(loaded: LoadedConfig) -> None:
    for image in (ROOT / "cls_data" / "test").iterdir():
        image.unlink()
    (ROOT / "test_pairs.txt").unlink()
    with pytest.raises(
        InputError, match=r"no CSV can be written: .* classification or verification; put the"
    ):
        checked(loaded)


def test_a_sample_submission_of_other_test_files_is_refused(loaded: LoadedConfig) -> None:
    sample = ROOT / "classification_sample_submission.csv"
    sample.write_text("id,label\nsomething_else.jpg,0\n", encoding="utf-8")
    with pytest.raises(SubmissionError, match=r"something_else\.jpg"):
        checked(loaded)
