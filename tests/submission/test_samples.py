"""The sample submission is found by its name, and never taken for the other task's."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.submission.samples import sample_of


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id,label\n")


@pytest.mark.parametrize(
    ("names", "tasks", "expected"),
    [
        (["sample_submission.csv"], ["verification"], "sample_submission.csv"),
        (["ver/hw2p2_sample_submission.csv"], ["verification"], "ver/hw2p2_sample_submission.csv"),
        (
            ["classification_sample_submission.csv", "verification_sample_submission.csv"],
            ["verification"],
            "verification_sample_submission.csv",
        ),
        (["classification_sample_submission.csv"], ["verification"], None),
        (["classification_sample_submission.csv"], ["classification", "verification"], None),
        (["sample_submission.csv"], ["classification", "verification"], "sample_submission.csv"),
        (["submission.csv"], ["verification"], None),
        # two archives side by side, each with a sample of the same name
        (
            ["s24-face-recognition/sample_submission.csv", "s24-face-verification/sample_submission.csv"],
            ["verification"],
            "s24-face-verification/sample_submission.csv",
        ),
        (
            ["s24-face-recognition/sample_submission.csv", "s24-face-verification/sample_submission.csv"],
            ["classification"],
            "s24-face-recognition/sample_submission.csv",
        ),
    ],
)
def test_the_sample_of_a_task(tmp_path, names, tasks, expected):
    make(tmp_path, *names)
    assert sample_of(tmp_path, tasks) == (None if expected is None else tmp_path / expected)


def test_junk_is_no_sample(tmp_path):
    make(tmp_path, "__MACOSX/._sample_submission.csv", "@eaDir/sample_submission.csv")
    assert sample_of(tmp_path, ["verification"]) is None


def test_a_folder_that_is_not_there_has_no_sample(tmp_path):
    assert sample_of(tmp_path / "nothing", ["verification"]) is None
