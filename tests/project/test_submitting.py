"""Submissions from Python: what the command tells is told, and nothing that was given is left unread."""

from __future__ import annotations

import numpy as np
import pytest

import kaggle_face as kf
from kaggle_face.artifacts.blends import seal_blend
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import write_seal
from kaggle_face.cli.main import main
from tests.support.blended_run import make_blended_run
from tests.support.progress import Told


@pytest.fixture
def run(kaggle, clock, tiny_faces) -> RunFolder:
    """A run whose blend decides instead of scoring, which is doubted."""
    made = make_blended_run(tiny_faces)
    np.save(made.ensemble_folder / "pairs" / "scores.npy", np.repeat([0.0, 1.0], 6))
    write_seal(made.ensemble_folder / "pairs", {})
    seal_blend(made.ensemble_folder, [(made.fold(0), "best_ver")])
    return made


def test_doubts_are_warnings_before_anything_is_sent(kaggle, run):
    class Listening(Told):
        def warn(self, line: str) -> None:
            super().warn(line)
            assert kaggle.competition.submissions == []

    told = Listening()
    project = kf.open_project("faces", progress=told)
    blended = project.run("main")
    plan = project.submit(blended, task="verification", only_blend=True, dry_run=True)
    doubt = "the scores of 'Label' take only 2 values in 12 rows"
    assert doubt in plan["doubts"].item()
    told.lines.clear()
    assert len(project.submit(blended, task="verification", only_blend=True)) == 1
    assert any(doubt in line for line in told.lines)
    assert any(line.endswith("main_ensemble_verification.csv: 12 rows, checked") for line in told.lines)
    assert len(kaggle.competition.submissions) == 1


def test_two_csvs_to_send_are_refused(kaggle):
    with pytest.raises(kf.InputError, match="name is of a CSV of the run, file is one of your own"):
        kf.open_project("faces").submit(name="main_fold0_last", file="mine.csv")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--file", "a.csv", "--send", "b"], "--send names a CSV of the run, --file is one of your own"),
        (["--wait", "--file", "a.csv"], "sends nothing; leave it out, or --file"),
        (["--wait", "--send", "main_fold0_last"], "sends nothing; leave it out, or --send"),
        (["--wait", "--dry-run"], "sends nothing; leave it out, or --dry-run"),
        (["--wait", "-m", "blend"], "sends nothing; leave it out, or --message"),
    ],
)
def test_an_option_that_would_be_left_unread_is_refused(kaggle, words, line, capsys):
    assert main(["submit", *words]) == 2
    assert line in capsys.readouterr().err and kaggle.requests == []
