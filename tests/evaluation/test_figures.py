from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.evaluation.figures import (
    ClassFigures,
    class_details,
    class_figures,
    compare_classes,
    compare_pairs,
    estimates_of_classes,
    measure_classes,
    measure_episodes,
    measure_identification,
    measure_pairs,
    open_trials,
)
from kaggle_face.evaluation.held_out_pairs import FoldTrials, HeldOutPairs
from kaggle_face.evaluation.member_scores import MemberScores, read_labels
from kaggle_face.evaluation.members import Member, choose_members
from kaggle_face.evaluation.nested_split import disjoint_sets
from kaggle_face.metrics.classification import expected_calibration_error, log_loss, top_k_accuracy
from kaggle_face.metrics.intervals.bootstrap import Interval, Resampling
from kaggle_face.metrics.verification import equal_error_rate
from tests.support.worlds import make_run, reseal

FEW = Resampling(50)


@pytest.fixture
def members(tmp_path: Path, two_runs: Path) -> tuple[Member, ...]:
    shutil.copytree(two_runs, tmp_path / "runs")
    return choose_members([RunFolder(tmp_path / "runs" / "demo" / name) for name in "ab"], ["best_ver"])


def test_class_figures_are_those_of_each_folds_records(members: tuple[Member, ...]) -> None:
    accuracy, top5, loss = measure_classes(members, FEW)[1]
    expected = []
    for fold in members[1].folds:
        record = record_io.read_predictions(fold.record_folder("oof", "best_ver", "predictions"))
        labels = read_labels(fold, record.image_ids)
        top = top_k_accuracy(record.logits, labels)
        expected.append((top[1], top[5], log_loss(record.logits, labels)))
    assert accuracy.folds == pytest.approx([each[0] for each in expected])
    assert top5.folds == pytest.approx([each[1] for each in expected])
    assert loss.folds == pytest.approx([each[2] for each in expected], rel=1e-5)
    assert accuracy.value == pytest.approx(np.mean([each[0] for each in expected]))  # folds of equal size
    assert accuracy.interval is not None and accuracy.interval.low < accuracy.value < accuracy.interval.high
    assert loss.interval is not None and loss.interval.low < loss.value < loss.interval.high
    assert accuracy.spread == pytest.approx(np.std([each[0] for each in expected], ddof=1))


def test_the_interval_of_map_at_five_is_for_other_people() -> None:
    ranks = np.array([1, 1, 2, 2])  # worth 1, 1, 1/2, 1/2: a resample of two people has a mean of 1/2 to 1
    half, nothing = np.full(4, 0.5), np.zeros(4, np.int64)
    figures = ClassFigures(ranks, np.array([0, 0, 1, 1]), nothing, half, nothing, half)
    first, *others = estimates_of_classes(figures, own_metric="map@5")
    assert (first.metric, first.value, first.folds) == ("map@5", 0.75, (0.75,))
    assert first.interval == Interval(0.75, 0.5, 1.0)
    assert [each.metric for each in others] == ["accuracy", "top5", "log_loss"]
    assert compare_classes(figures, figures, FEW, "map@5")["map@5"].value == 0


def test_class_details_are_those_of_all_folds_together(members: tuple[Member, ...]) -> None:
    figures = class_figures(members)[0]
    logits, labels = [], []
    for fold in members[0].folds:
        record = record_io.read_predictions(fold.record_folder("oof", "best_ver", "predictions"))
        logits.append(record.logits)
        labels.append(read_labels(fold, record.image_ids))
    every_logit, every_label = np.concatenate(logits), np.concatenate(labels)
    num_classes = every_logit.shape[1]
    details = class_details(figures, num_classes, most=20)
    hits = {k: float(np.mean(figures.ranks <= k)) for k in (1, 3)}
    assert hits == top_k_accuracy(every_logit, every_label, (1, 3))
    assert details.calibration_error == pytest.approx(expected_calibration_error(every_logit, every_label))
    guess = every_logit.argmax(axis=1)
    matrix = confusion_matrix(every_label, guess, labels=range(num_classes))
    assert details.class_accuracies == pytest.approx(matrix.diagonal() / matrix.sum(axis=1), nan_ok=True)
    np.fill_diagonal(matrix, 0)
    worst = details.confusions[0]
    assert worst.count == matrix.max() == matrix[worst.true_label, worst.predicted_label]


def test_a_run_compared_with_itself_differs_by_nothing(members: tuple[Member, ...]) -> None:
    figures = class_figures(members)
    same = compare_classes(figures[0], figures[0], FEW)["accuracy"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    other = compare_classes(figures[1], figures[0], FEW)["accuracy"]
    values = [measured[0].value for measured in measure_classes(members, FEW)]
    assert other.value == pytest.approx(values[1] - values[0])


def test_pair_figures_of_folds_are_those_of_their_scores(members: tuple[Member, ...]) -> None:
    trials = open_trials(members)
    assert trials is not None
    measured = {each.metric: each for each in measure_pairs(trials, 0)}
    expected = []
    for fold in members[0].folds:
        scores = record_io.read_pair_scores(fold.record_folder("oof", "best_ver", "pairs"))
        expected.append(equal_error_rate(scores.scores, scores.labels).eer)
    assert measured["eer"].folds == pytest.approx(expected)
    shared = measured["ten-fold accuracy, sets share people"]  # six people make no ten sets of their own
    assert 0.5 < shared.value <= 1 and shared.interval is None
    assert len(shared.folds) == 10


def test_ten_sets_share_nobody_where_people_allow_it() -> None:
    rng = np.random.default_rng(0)
    people = np.array([[2 * group, 2 * group + other] for group in range(30) for other in (0, 1)])
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    scores = labels + rng.normal(size=len(labels))
    order = rng.permutation(len(labels))
    ids = np.array([str(row) for row in range(len(labels))])
    images = [np.char.add(f"{side}", ids) for side in "ab"]
    source = MemberScores("one", scores[order])
    fold = FoldTrials(0, np.arange(len(labels)), (source,))
    sides = np.zeros(len(labels), np.int64)
    trials = HeldOutPairs(ids, *images, labels[order], people[order], sides, (fold,))
    measured = {each.metric: each for each in measure_pairs(trials, 0)}["ten-fold accuracy"]
    assert measured.interval is not None and len(measured.folds) == 10
    # Student's t of nine degrees of freedom (2.262) times the deviation over the root of ten.
    margin = 2.262 * np.std(measured.folds, ddof=1) / np.sqrt(10)
    assert measured.interval.high - measured.value == pytest.approx(margin)
    sets = disjoint_sets(trials.people, trials.labels, 10)
    assert sets is not None
    for person in np.unique(trials.people):
        assert len(np.unique(sets[(trials.people == person).any(axis=1)])) == 1


def test_people_who_are_all_compared_with_each_other_make_no_sets() -> None:
    people = np.array([(a, b) for a in range(12) for b in range(a, 12)])
    assert disjoint_sets(people, (people[:, 0] == people[:, 1]).astype(np.int64), 10) is None


def test_too_few_people_leave_intervals_and_comparison_out(members: tuple[Member, ...]) -> None:
    one_fold = choose_members([member.run for member in members], ["best_ver"], [0])
    trials = open_trials(one_fold)
    assert trials is not None and len(np.unique(trials.people)) == 3
    assert measure_pairs(trials, 0)[0].interval is None
    assert compare_pairs(trials, 0, 1) == {}


def test_without_pair_records_there_are_no_trials(members: tuple[Member, ...]) -> None:
    shutil.rmtree(members[1].folds[0].record_folder("oof", "best_ver", "pairs"))
    assert open_trials(members) is None


def test_one_of_three_held_out_people_is_known_from_one_picture_without_noise(world: Any) -> None:
    run = make_run(world, noise=0.0, shared_noise=0.0)
    (member,) = choose_members([run], ["best_ver"])
    assert measure_episodes(member, ways=3) == ()  # nobody told who the trials show
    assert measure_identification(member) == ()
    for fold in member.folds:
        pairs = record_io.read_pairs(fold.pairs_file("oof"))
        person = [image.split("/")[0] for image in pairs.image_ids.tolist()]
        write_table(fold.people_file, {"image_id": pairs.image_ids, "person": np.array(person)})
    reseal(run)
    (measured,) = measure_episodes(member, ways=3)
    assert (measured.metric, measured.value, measured.folds) == ("3-way one-shot accuracy", 1.0, (1.0, 1.0))
    assert [(each.metric, each.value) for each in measure_identification(member)] == [
        ("rank-1 identification", 1.0),
        ("rank-5 identification", 1.0),
    ]
    assert measure_episodes(member, ways=4) == ()  # three people are held out of each fold


def test_one_of_three_people_who_are_told_wrongly_is_known_by_chance(world: Any) -> None:
    (member,) = choose_members([make_run(world, noise=0.0, shared_noise=0.0)], ["best_ver"])
    for fold in member.folds:
        images = record_io.read_pairs(fold.pairs_file("oof")).image_ids
        # Five pictures of each of three people in order: dealt out in turn, nobody's pictures are alike.
        person = np.array([f"n{number % 3}" for number in range(len(images))])
        write_table(fold.people_file, {"image_id": images, "person": person})
    reseal(member.run)
    (measured,) = measure_episodes(member, ways=3)
    assert measured.interval is not None
    assert measured.interval.low < measured.value < measured.interval.high
    assert measured.value == pytest.approx(1 / 3, abs=0.1)
    first, second, third = measure_identification(member, ks=(1, 2, 3))
    assert first.value <= second.value <= third.value == 1.0  # three people are known
    assert first.value < 0.7 and len(first.folds) == 2
