"""A blend on held-out data: its scores are the weighted means of its members'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.ensemble.held_out_blend import blended_logits, blended_scores, members_of_record
from kaggle_face.errors import RunError
from kaggle_face.evaluation.blend_record import MemberRecord, TaskRecord
from kaggle_face.evaluation.member_scores import open_held_out_logits, open_predictions
from kaggle_face.evaluation.members import Member

WEIGHTS = (0.75, 0.25)


def record(space: str, checkpoint: str, runs: tuple[str, ...] = ("demo/a", "demo/b")) -> TaskRecord:
    members = tuple(
        MemberRecord(f"{run}@{checkpoint}", run, checkpoint, (0, 1), 1000, weight)
        for run, weight in zip(runs, WEIGHTS, strict=True)
    )
    return TaskRecord(space, members, temperatures=(1.0, 1.0))


def test_the_members_of_a_record_are_found_below_the_runs(two_runs: Path) -> None:
    found = members_of_record(record("scores", "best_ver"), two_runs)
    runs = [RunFolder(two_runs / "demo" / name) for name in "ab"]
    assert found == tuple(Member(run, "best_ver", (run.fold(0), run.fold(1))) for run in runs)
    with pytest.raises(RunError, match="demo/c, a member of the blend, is not under"):
        members_of_record(record("scores", "best_ver", ("demo/a", "demo/c")), two_runs)


def test_probabilities_are_averaged(two_runs: Path) -> None:
    task = record("probabilities", "best_cls")
    members = members_of_record(task, two_runs)
    names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    found = blended_logits(task, members, names, "blend")
    for fold in open_held_out_logits(members, names):
        exponentials = [
            np.exp(np.float64(each.block(slice(0, len(fold.labels))))) for each in fold.member_scores
        ]
        shares = [each / each.sum(axis=1, keepdims=True) for each in exponentials]
        mean = WEIGHTS[0] * shares[0] + WEIGHTS[1] * shares[1]
        ids, blended = found[fold.fold]
        assert ids.tolist() == fold.image_ids.tolist()
        assert np.exp(blended.values) == pytest.approx(mean, abs=1e-6)


def test_scores_are_averaged(two_runs: Path) -> None:
    task = record("scores", "best_ver")
    members = members_of_record(task, two_runs)
    ids, scores = blended_scores(task, members, "blend")[0]
    from kaggle_face.artifacts.record_io import read_pair_scores

    expected = sum(
        weight
        * read_pair_scores(member.folds[0].record_folder("oof", "best_ver", "pairs")).aligned_to(ids).scores
        for member, weight in zip(members, WEIGHTS, strict=True)
    )
    assert scores.values == pytest.approx(expected)


def test_a_space_of_a_newer_version_is_refused(two_runs: Path) -> None:
    members = members_of_record(record("scores", "best_ver"), two_runs)
    with pytest.raises(RunError, match="averaged in 'squares', which is unknown to this version"):
        blended_scores(record("squares", "best_ver"), members, "blend")
