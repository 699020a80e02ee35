from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts import stored
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.ensemble.blended import (
    PairBlend,
    plain_weights,
    write_class_blend,
    write_embedding_blend,
    write_pair_blend,
)
from kaggle_face.ensemble.deciding import decide_classes, decide_pairs
from kaggle_face.ensemble.members import choose_members
from kaggle_face.errors import RunError
from kaggle_face.metrics.bootstrap import Resampling
from kaggle_face.progress import SilentProgress

FORMULA = "0.5*accuracy + 0.5*(1-eer)"
FEW = Resampling(50)


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
        classes = decide_classes(chosen, FORMULA, method, SilentProgress(), FEW)
        pairs = decide_pairs(chosen, FORMULA, method, FEW)
        write_class_blend(classes.blend, tmp_path / str(number), SilentProgress())
        write_pair_blend(pairs.blend, tmp_path / str(number))
        written.append((classes.contest, pairs.contest))
    assert written[0] == written[1]
    for file in ("predictions/logits.npy", "pairs/scores.npy"):
        assert (tmp_path / "0" / file).read_bytes() == (tmp_path / "1" / file).read_bytes()
    assert classes.notes == ("demo/c@best_ver says the same as demo/a@best_ver and is left out",)


def test_the_mean_needs_no_out_of_fold_records(runs: list[RunFolder]) -> None:
    shutil.rmtree(runs[1].fold(0).path / "oof")
    members = choose_members(runs, ["best_ver"])
    decision = decide_classes(members, FORMULA, "mean", SilentProgress(), FEW)
    assert decision.contest is None and decision.blend.weights == (0.5, 0.5)
    assert "nothing is known of the blend's score" in decision.notes[0]
    assert decide_pairs(members, FORMULA, "mean").blend.weights == (0.5, 0.5)


def test_a_member_without_out_of_fold_records_cannot_be_weighted(runs: list[RunFolder]) -> None:
    shutil.rmtree(runs[1].fold(0).path / "oof")
    members = choose_members(runs, ["best_ver"])
    with pytest.raises(
        RunError, match=r"demo/b@best_ver fold 0 has no out-of-fold predictions.*--method mean"
    ):
        decide_classes(members, FORMULA, "auto", SilentProgress(), FEW)
    with pytest.raises(RunError, match=r"demo/b@best_ver fold 0 has no out-of-fold pairs"):
        decide_pairs(members, FORMULA, "hill")


@pytest.mark.parametrize(
    ("method", "kind"), [("mean", "equal"), ("hill", "hill"), ("constrained", "constrained")]
)
def test_a_method_that_is_asked_for_wins(runs: list[RunFolder], method: Any, kind: str) -> None:
    members = choose_members(runs, ["best_ver"])
    for decision in (
        decide_classes(members, FORMULA, method, SilentProgress(), FEW),
        decide_pairs(members, FORMULA, method, FEW),
    ):
        assert decision.contest is not None and decision.contest.winner.kind == kind
        assert "asked for" in decision.contest.reason


def test_the_cosine_of_joined_embeddings_is_the_mean_of_cosines(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    members = choose_members(runs, ["best_ver"])
    blend = PairBlend(members, plain_weights(members))
    joined = stored.read_embeddings(write_embedding_blend(blend, tmp_path))
    scores = stored.read_pair_scores(write_pair_blend(blend, tmp_path)).scores
    pairs = stored.read_pairs(runs[0].fold(0).pairs_file("test"))
    rows = {image: row for row, image in enumerate(joined.image_ids.tolist())}
    vectors = np.asarray(joined.vectors, np.float64)
    cosines = [
        vectors[rows[a]] @ vectors[rows[b]]
        for a, b in zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    ]
    assert cosines == pytest.approx(scores, abs=2e-3)  # half precision


def test_a_single_member_is_the_mean_of_its_folds(runs: list[RunFolder], tmp_path: Path) -> None:
    members = choose_members(runs[:1], ["best_ver"])
    decision = decide_pairs(members, FORMULA, "auto")
    scores = stored.read_pair_scores(write_pair_blend(decision.blend, tmp_path)).scores
    folds = [
        stored.read_pair_scores(fold.record_folder("test", "best_ver", "pairs")).scores
        for fold in members[0].folds
    ]
    assert scores == pytest.approx(np.mean(folds, axis=0))
