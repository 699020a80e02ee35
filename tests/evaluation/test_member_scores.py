from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import read_seal
from kaggle_face.artifacts.tables import write_table
from kaggle_face.errors import DataError, InputError, RunError
from kaggle_face.evaluation.held_out_pairs import open_held_out_pairs
from kaggle_face.evaluation.member_scores import (
    TestScores,
    open_held_out_logits,
    open_test_logits,
    open_test_scores,
)
from kaggle_face.evaluation.members import Member, choose_members
from kaggle_face.records import Pairs, PairScores, Predictions
from tests.support.worlds import reseal


@pytest.fixture
def members(tmp_path: Path, two_runs: Path) -> tuple[Member, ...]:
    shutil.copytree(two_runs, tmp_path / "runs")
    return choose_members([RunFolder(tmp_path / "runs" / "demo" / name) for name in "ab"], ["best_cls"])


def folder(member: Member, kind: Any = "predictions", part: Any = "test", fold: int = 1) -> Path:
    return member.run.fold(fold).record_folder(part, "best_cls", kind)


def rewrite(member: Member, part: str = "test", **changes: Any) -> None:
    """Writes a changed copy of the predictions of fold 1."""
    old = record_io.read_predictions(folder(member, part=part))
    values = {"image_ids": old.image_ids, "logits": np.array(old.logits), "class_names": old.class_names}
    made_of = read_seal(folder(member, part=part)).made_of
    record_io.write_predictions(folder(member, part=part), Predictions(**{**values, **changes}), made_of)


def held_out(members: tuple[Member, ...]) -> Any:
    return open_held_out_logits(members, open_test_logits(members).class_names)


def test_members_are_aligned_by_id_in_whatever_order_they_lie_on_disk(members: tuple[Member, ...]) -> None:
    straight: TestScores = open_test_logits(members)
    old = record_io.read_predictions(folder(members[1]))
    order = np.random.default_rng(0).permutation(len(old.image_ids))
    rewrite(members[1], image_ids=old.image_ids[order], logits=old.logits[order])
    shuffled = open_test_logits(members)
    everything = slice(0, len(order))
    assert shuffled.members[1][1].rows is not None
    assert np.array_equal(straight.members[1][1].block(everything), shuffled.members[1][1].block(everything))


def test_nothing_is_read_into_memory_when_records_are_opened(members: tuple[Member, ...]) -> None:
    assert all(
        isinstance(source.values, np.memmap)
        for networks in open_test_logits(members).members
        for source in networks
    )


def test_different_classes_are_refused(members: tuple[Member, ...]) -> None:
    rewrite(members[1], class_names=np.array([f"m{i}" for i in range(12)]))
    with pytest.raises(
        RunError, match=r"b@best_cls fold 1 and demo/a@best_cls fold 0 have different classes.*'m0'"
    ):
        open_test_logits(members)
    rewrite(members[1], "oof", class_names=np.array([f"m{i}" for i in range(12)]))
    with pytest.raises(RunError, match=r"^demo/b@best_cls fold 1 and demo/a@best_cls fold 0 have different"):
        open_held_out_logits(members)


def test_a_class_less_is_refused(members: tuple[Member, ...]) -> None:
    old = record_io.read_predictions(folder(members[1]))
    rewrite(members[1], class_names=old.class_names[:-1], logits=old.logits[:, :-1])
    with pytest.raises(RunError, match=r"different classes \(11 and 12, one has more\)"):
        open_test_logits(members)


@pytest.mark.parametrize("longer", [True, False])
def test_different_test_files_are_refused(members: tuple[Member, ...], longer: bool) -> None:
    old = record_io.read_predictions(folder(members[1]))
    ids = old.image_ids.copy()
    if longer:
        rewrite(members[1], image_ids=ids[:-1], logits=old.logits[:-1])
        expected = "1 of 30 ids is missing from the former, first: test/00029.jpg"
    else:
        ids[3] = "test/other.jpg"
        rewrite(members[1], image_ids=ids)
        expected = "first: test/00003.jpg"
    with pytest.raises(RunError, match=expected):
        open_test_logits(members)


def test_nan_names_the_member_and_the_image(members: tuple[Member, ...]) -> None:
    path = folder(members[1]) / "logits.npy"
    logits = np.load(path)
    logits[4, 2] = np.nan
    np.save(path, logits)
    reseal(members[1].run)
    expected = r"demo/b@best_cls fold 1: .*/predictions: the logits of test/00004.jpg are not a number"
    with pytest.raises(DataError, match=expected):
        open_test_logits(members)


def test_a_damaged_file_is_named(members: tuple[Member, ...]) -> None:
    (folder(members[1]) / "logits.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(RunError, match=r"demo/b@best_cls fold 1: .*logits.npy is damaged.*predict again"):
        open_test_logits(members)


def test_missing_test_predictions_name_the_command_that_makes_them(members: tuple[Member, ...]) -> None:
    folder(members[1]).rename(folder(members[1]).with_name("away"))
    with pytest.raises(
        RunError,
        match=r"b@best_cls fold 1 has no test predictions; .* kaggle-face predict --folds 1 --run b -c demo",
    ):
        open_test_logits(members)


def test_missing_out_of_fold_predictions_are_named(members: tuple[Member, ...]) -> None:
    folder(members[1], part="oof").rename(folder(members[1], part="oof").with_name("away"))
    with pytest.raises(RunError, match=r"demo/b@best_cls fold 1 has no out-of-fold predictions"):
        held_out(members)


def test_different_folds_are_refused(members: tuple[Member, ...]) -> None:
    old = record_io.read_predictions(folder(members[1], part="oof"))
    ids = old.image_ids.copy()
    ids[0] = "p0/else.jpg"
    rewrite(members[1], part="oof", image_ids=ids)
    with pytest.raises(RunError, match=r"different folds: 2 of 27 held-out images differ, first: p0/"):
        held_out(members)


def test_the_same_images_with_other_labels_are_refused(members: tuple[Member, ...]) -> None:
    fold = members[1].run.fold(1)
    ids = record_io.read_predictions(folder(members[1], part="oof")).image_ids
    write_table(fold.labels_file, {"image_id": ids, "label": np.zeros(len(ids), np.int64)})
    with pytest.raises(RunError, match=r"the held-out images or their classes changed since"):
        held_out(members)
    reseal(members[1].run)
    with pytest.raises(RunError, match=r"trained on different folds"):
        held_out(members)


def test_folds_that_hold_out_the_same_image_are_refused(members: tuple[Member, ...]) -> None:
    for member in members:
        old = record_io.read_predictions(folder(member, part="oof", fold=0))
        record_io.write_predictions(folder(member, part="oof"), old)
        labels = member.run.fold(0).labels_file.read_text()
        member.run.fold(1).labels_file.write_text(labels)
    for member in members:
        reseal(member.run)
    with pytest.raises(RunError, match=r"the folds overlap"):
        held_out(members)


def test_missing_labels_are_named(members: tuple[Member, ...]) -> None:
    members[0].run.fold(0).labels_file.unlink()
    reseal(members[0].run)
    with pytest.raises(InputError, match=r"labels.csv is missing"):
        held_out(members)


def test_different_test_pairs_are_refused(members: tuple[Member, ...]) -> None:
    old = record_io.read_pair_scores(folder(members[1], "pairs"))
    record_io.write_pair_scores(folder(members[1], "pairs"), PairScores(old.pair_ids[1:], old.scores[1:]))
    reseal(members[1].run)
    with pytest.raises(
        RunError, match=r"demo/b@best_cls fold 1 and demo/a@best_cls fold 0 are of different files"
    ):
        open_test_scores(members)


def test_trials_with_another_truth_are_refused(members: tuple[Member, ...]) -> None:
    old = record_io.read_pair_scores(folder(members[1], "pairs", "oof"))
    flipped = PairScores(old.pair_ids, old.scores, 1 - old.labels)
    record_io.write_pair_scores(folder(members[1], "pairs", "oof"), flipped)
    reseal(members[1].run)
    with pytest.raises(RunError, match=r"disagree on the truth"):
        open_held_out_pairs(members)


def test_trials_without_truth_measure_nothing(members: tuple[Member, ...]) -> None:
    for member in members:
        for fold in member.folds:
            path = fold.record_folder("oof", "best_cls", "pairs")
            old = record_io.read_pair_scores(path)
            record_io.write_pair_scores(path, PairScores(old.pair_ids, old.scores))
            fold.pairs_file("oof").unlink()
    for member in members:
        reseal(member.run)
    assert open_held_out_pairs(members) is None


def test_people_of_trials_are_known_from_the_pairs_file(world: Any, members: tuple[Member, ...]) -> None:
    trials = open_held_out_pairs(members)
    assert trials is not None
    people = {
        world.person_of([first])[0]: person
        for first, person in zip(trials.first_ids.tolist(), trials.people[:, 0].tolist(), strict=True)
    }
    assert len(people) == 6  # three people held out of each of two folds
    same = trials.people[:, 0] == trials.people[:, 1]
    assert np.array_equal(same, trials.labels == 1)


def test_one_pair_id_for_two_trials_in_two_folds_stays_two_trials(members: tuple[Member, ...]) -> None:
    for member in members:
        for fold in member.folds:
            pairs = record_io.read_pairs(fold.pairs_file("oof"))
            ids = np.array([str(i) for i in range(len(pairs))])
            record_io.write_pairs(
                fold.pairs_file("oof"), Pairs(ids, pairs.first_ids, pairs.second_ids, pairs.labels)
            )
            path = fold.record_folder("oof", "best_cls", "pairs")
            old = record_io.read_pair_scores(path)
            record_io.write_pair_scores(path, PairScores(ids, old.scores, old.labels))
    for member in members:
        reseal(member.run)
    trials = open_held_out_pairs(members)
    assert trials is not None and len(trials.labels) == 2 * len(ids)
    first = members[0].folds[1].record_folder("oof", "best_cls", "pairs")
    scores = record_io.read_pair_scores(first).scores
    assert sorted(trials.values("scores")[0][trials.pools == 1].tolist()) == pytest.approx(sorted(scores))
