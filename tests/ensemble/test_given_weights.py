"""Members of given weight beside members whose weights were found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.ensemble.blended import ClassBlend, PairBlend
from kaggle_face.ensemble.given_weights import split_given, with_given_weights
from kaggle_face.errors import RunError
from kaggle_face.evaluation.members import Member


@pytest.fixture
def member(tmp_path: Path) -> Callable[..., Member]:
    def make(name: str, is_measured: bool = True) -> Member:
        run = RunFolder(tmp_path / "runs" / "demo" / name)
        fold = FoldFolder(run.path / "fold0")
        if is_measured:
            fold.record_folder("oof", "best_cls", "predictions").mkdir(parents=True)
        return Member(run, "best_cls", (fold,))

    return make


def test_the_others_share_what_is_left(member: Callable[..., Member]) -> None:
    a, b, mate = member("a"), member("b"), member("mate", is_measured=False)
    given, others = split_given([a, mate, b], {"mate": 0.2}, "predictions")
    assert given == {mate: 0.2} and others == (a, b)
    blend = with_given_weights(ClassBlend(others, (0.75, 0.25), (2.0, 1.0)), given)
    assert blend.members == (a, b, mate)
    assert blend.weights == pytest.approx((0.6, 0.2, 0.2))
    assert isinstance(blend, ClassBlend) and blend.temperatures == (2.0, 1.0, 1.0)
    for space, wanted in (("scores", "z_scores"), ("ranks", "ranks"), ("z_scores", "z_scores")):
        assert with_given_weights(PairBlend(others, (0.5, 0.5), space), given).space == wanted


def test_a_weight_is_for_members_that_cannot_be_measured(member: Callable[..., Member]) -> None:
    a, mate = member("a"), member("mate", is_measured=False)
    with pytest.raises(RunError, match="demo/a@best_cls has out-of-fold predictions"):
        split_given([a, mate], {"a": 0.2}, "predictions")
    with pytest.raises(RunError, match="no other member"):
        split_given([mate], {"mate": 0.2}, "predictions")
