from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.ensemble.blended import (
    PairBlend,
    plain_weights,
    write_class_blend,
    write_embedding_blend,
    write_pair_blend,
)
from kaggle_face.ensemble.postprocess.pair_recipes import PairRecipe
from kaggle_face.ensemble.postprocess.pair_tuning import STEPS, PairTuning
from kaggle_face.ensemble.selection import (
    SelectionOptions,
    duplicates_of,
    select_class_blend,
    select_pair_blend,
)
from kaggle_face.errors import RunError
from kaggle_face.evaluation.figures import measure_classes, measure_pairs, open_trials
from kaggle_face.evaluation.member_scores import MemberScores
from kaggle_face.evaluation.members import choose_members
from kaggle_face.metrics.intervals.bootstrap import Resampling
from kaggle_face.metrics.similarity import normalized, score_pairs
from kaggle_face.progress import SilentProgress
from kaggle_face.records import Embeddings

FORMULA = "0.5*accuracy + 0.5*(1-eer)"


def how(method: Any, post_process: bool = False) -> SelectionOptions:
    return SelectionOptions(method, post_process, Resampling(50))


@pytest.fixture
def runs(tmp_path: Path, two_runs: Path) -> list[RunFolder]:
    shutil.copytree(two_runs, tmp_path / "runs")
    return [RunFolder(tmp_path / "runs" / "demo" / name) for name in "ab"]


def copy_of(run: RunFolder, name: str) -> RunFolder:
    return RunFolder(Path(shutil.copytree(run.path, run.path.with_name(name))))


@pytest.mark.parametrize("method", ["mean", "hill", "auto"])
def test_adding_a_copy_of_a_member_changes_nothing(
    runs: list[RunFolder], method: Any, tmp_path: Path
) -> None:
    members = choose_members(runs, ["best_ver"])
    with_copy = choose_members([*runs, copy_of(runs[0], "c")], ["best_ver"])
    written = []
    for number, chosen in enumerate((members, with_copy)):
        classes = select_class_blend(chosen, FORMULA, how(method), SilentProgress())
        pairs = select_pair_blend(chosen, FORMULA, how(method), SilentProgress())
        write_class_blend(classes.blend, tmp_path / str(number), SilentProgress())
        write_pair_blend(pairs.blend, tmp_path / str(number))
        written.append((classes.selection, pairs.selection))
    assert written[0] == written[1]
    for file in ("predictions/logits.npy", "pairs/scores.npy"):
        assert (tmp_path / "0" / file).read_bytes() == (tmp_path / "1" / file).read_bytes()
    assert classes.notes == ("demo/c@best_ver has the same predictions as demo/a@best_ver and is left out",)


def test_ranks_are_no_candidates_where_probabilities_are_needed(runs: list[RunFolder]) -> None:
    members, spaces = choose_members(runs, ["best_cls"]), []
    for options in (how("hill"), replace(how("hill"), as_probabilities=True)):
        selection = select_class_blend(members, FORMULA, options, SilentProgress()).selection
        assert selection is not None
        spaces.append({each.space for each in selection.candidates})
    assert spaces == [{"probabilities", "log_probabilities", "ranks"}, {"probabilities", "log_probabilities"}]


def test_a_blend_of_one_member_has_the_interval_of_that_member(runs: list[RunFolder]) -> None:
    members = choose_members(runs[:1], ["best_ver"])
    classes = select_class_blend(members, FORMULA, how("auto"), SilentProgress())
    (accuracy, *_) = measure_classes(members, how("auto").resampling)[0]
    assert classes.interval is not None and accuracy.interval is not None
    assert classes.interval.low == pytest.approx(accuracy.interval.low)
    assert classes.interval.high == pytest.approx(accuracy.interval.high)
    trials = open_trials(members)
    assert trials is not None
    pairs = select_pair_blend(members, FORMULA, how("auto"), SilentProgress())
    (eer, *_) = measure_pairs(trials, 0)
    assert eer.metric == "eer" and pairs.interval == eer.interval


def test_a_blend_has_an_interval_around_its_figure(runs: list[RunFolder]) -> None:
    choice = select_class_blend(choose_members(runs, ["best_cls"]), FORMULA, how("auto"), SilentProgress())
    assert choice.interval is not None
    assert choice.interval.low <= choice.metrics["accuracy"] <= choice.interval.high
    assert choice.interval.value == pytest.approx(choice.metrics["accuracy"])


def test_the_mean_needs_no_out_of_fold_records(runs: list[RunFolder]) -> None:
    shutil.rmtree(runs[1].fold(0).path / "oof")
    members = choose_members(runs, ["best_ver"])
    choice = select_class_blend(members, FORMULA, how("mean"), SilentProgress())
    assert choice.selection is None and choice.blend.weights == (0.5, 0.5)
    assert "nothing is known of the blend's score" in choice.notes[0]
    assert select_pair_blend(members, FORMULA, how("mean"), SilentProgress()).blend.weights == (0.5, 0.5)


def test_a_member_without_out_of_fold_records_cannot_be_weighted(runs: list[RunFolder]) -> None:
    shutil.rmtree(runs[1].fold(0).path / "oof")
    members = choose_members(runs, ["best_ver"])
    with pytest.raises(
        RunError, match=r"demo/b@best_ver fold 0 has no out-of-fold predictions.*--method mean"
    ):
        select_class_blend(members, FORMULA, how("auto"), SilentProgress())
    with pytest.raises(RunError, match=r"demo/b@best_ver fold 0 has no out-of-fold pairs"):
        select_pair_blend(members, FORMULA, how("hill"), SilentProgress())


@pytest.mark.parametrize(
    ("method", "kind"), [("mean", "equal"), ("hill", "hill"), ("constrained", "constrained")]
)
def test_a_method_that_is_asked_for_wins(runs: list[RunFolder], method: Any, kind: str) -> None:
    members = choose_members(runs, ["best_ver"])
    for choice in (
        select_class_blend(members, FORMULA, how(method), SilentProgress()),
        select_pair_blend(members, FORMULA, how(method), SilentProgress()),
    ):
        assert choice.selection is not None and choice.selection.winner.kind == kind
        assert "chosen with --method" in choice.selection.reason


def test_the_cosine_of_joined_embeddings_is_the_mean_of_cosines(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    members = choose_members(runs, ["best_ver"])
    blend = PairBlend(members, plain_weights(members))
    joined = record_io.read_embeddings(write_embedding_blend(blend, tmp_path))
    scores = record_io.read_pair_scores(write_pair_blend(blend, tmp_path)).scores
    pairs = record_io.read_pairs(runs[0].fold(0).pairs_file("test"))
    rows = {image: row for row, image in enumerate(joined.image_ids.tolist())}
    vectors = np.asarray(joined.vectors, np.float64)
    cosines = [
        vectors[rows[a]] @ vectors[rows[b]]
        for a, b in zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    ]
    assert cosines == pytest.approx(scores, abs=2e-3)  # side precision


def test_a_single_member_is_the_mean_of_its_folds(runs: list[RunFolder], tmp_path: Path) -> None:
    members = choose_members(runs[:1], ["best_ver"])
    choice = select_pair_blend(members, FORMULA, how("auto"), SilentProgress())
    scores = record_io.read_pair_scores(write_pair_blend(choice.blend, tmp_path)).scores
    folds = [
        record_io.read_pair_scores(fold.record_folder("test", "best_ver", "pairs")).scores
        for fold in members[0].folds
    ]
    assert scores == pytest.approx(np.mean(folds, axis=0))


def test_six_people_are_too_few_to_try_post_processing(runs: list[RunFolder]) -> None:
    members = choose_members(runs[:1], ["best_ver"])
    choice = select_pair_blend(members, FORMULA, how("auto", post_process=True), SilentProgress())
    assert choice.tuning is None
    assert choice.notes == ("6 people are too few to try post-processing",)


def test_every_step_is_tried_on_the_embeddings_of_the_members(
    runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaggle_face.ensemble.selection.FEWEST_PEOPLE", 2)
    members = choose_members(runs, ["best_ver"])
    choice = select_pair_blend(members, FORMULA, how("mean", post_process=True), SilentProgress())
    assert isinstance(choice.tuning, PairTuning)
    assert [step.name for step in choice.tuning.steps] == [name for name, _ in STEPS]
    if choice.pair_recipe.is_plain:
        assert choice.selection is not None and choice.metrics == choice.selection.winner.metrics


def test_a_recipe_is_done_to_the_test_pairs_of_each_network(runs: list[RunFolder], tmp_path: Path) -> None:
    members = choose_members(runs[:1], ["best_ver"])
    blend = PairBlend(members, (1.0,))
    written = record_io.read_pair_scores(write_pair_blend(blend, tmp_path, PairRecipe(centring=True)))
    expected = []
    for fold in members[0].folds:
        cohort_ids = read_table(fold.labels_file, ["image_id"])["image_id"]
        held_out = record_io.read_embeddings(fold.record_folder("oof", "best_ver", "embeddings"))
        mean = normalized(held_out.aligned_to(cohort_ids).vectors).mean(axis=0)
        test = record_io.read_embeddings(fold.record_folder("test", "best_ver", "embeddings"))
        centred = Embeddings(test.image_ids, normalized(test.vectors) - mean)
        expected.append(score_pairs(centred, record_io.read_pairs(fold.pairs_file("test"))).scores)
    assert written.scores == pytest.approx(np.mean(expected, axis=0), abs=1e-5)


def test_without_embeddings_no_post_processing_is_tried(
    runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaggle_face.ensemble.selection.FEWEST_PEOPLE", 2)
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.record_folder("oof", "best_ver", "embeddings"))
    members = choose_members(runs[:1], ["best_ver"])
    for choice in (
        select_class_blend(members, FORMULA, how("auto", post_process=True), SilentProgress()),
        select_pair_blend(members, FORMULA, how("auto", post_process=True), SilentProgress()),
    ):
        assert choice.tuning is None and "no post-processing is tried" in choice.notes[0]


def test_where_nobody_has_trials_scores_are_averaged(runs: list[RunFolder]) -> None:
    for run in runs:
        for fold in run.finished_folds():
            shutil.rmtree(fold.record_folder("oof", "best_ver", "pairs"))
    members = choose_members(runs, ["best_ver"])
    assert select_pair_blend(members, FORMULA, how("auto"), SilentProgress()).blend.weights == (0.5, 0.5)
    with pytest.raises(RunError, match="no out-of-fold pairs"):
        select_pair_blend(members, FORMULA, how("hill"), SilentProgress())


def test_a_duplicate_is_found_also_in_another_order_and_precision() -> None:
    values = np.random.default_rng(0).integers(0, 99, (50, 4)).astype(np.float16)
    order = np.random.default_rng(1).permutation(50)
    original, other = MemberScores("a", values), MemberScores("b", values + 1)
    copy = MemberScores("c", values[order].astype(np.float32), np.argsort(order))
    assert duplicates_of([[original], [other], [copy]], 50) == [None, None, 0]


def test_a_difference_outside_the_sampled_rows_is_seen() -> None:
    values = np.zeros((500, 2), np.float32)
    changed = values.copy()
    changed[7, 1] = 1e-3
    assert duplicates_of([[MemberScores("a", values)], [MemberScores("b", changed)]], 500) == [None, None]


def test_a_member_with_another_fold_is_not_a_duplicate() -> None:
    first, second = MemberScores("a", np.zeros(5)), MemberScores("a", np.ones(5))
    assert duplicates_of([[first, second], [first, first], [first]], 5) == [None, None, None]
