"""From members to the blend of a task: opens what is needed, lets the blends compete, keeps the winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from kaggle_face.ensemble.blended import ClassBlend, PairBlend, plain_weights
from kaggle_face.ensemble.blending import CLASS_SPACES, PAIR_SPACES
from kaggle_face.ensemble.class_search import contest_classes, open_class_board
from kaggle_face.ensemble.contenders import Contender, Contest, Kind, settle_for
from kaggle_face.ensemble.copies import without_copies
from kaggle_face.ensemble.held_out_pairs import open_held_out_pairs
from kaggle_face.ensemble.members import Member
from kaggle_face.ensemble.objective import task_objective
from kaggle_face.ensemble.pair_search import PairBoard, contest_pairs
from kaggle_face.ensemble.sources import (
    has_record,
    open_held_out_logits,
    open_test_logits,
    open_test_scores,
)
from kaggle_face.errors import RunError
from kaggle_face.metrics.bootstrap import Resampling
from kaggle_face.progress import Progress

Method = Literal["auto", "mean", "hill", "constrained"]
METHODS: tuple[Method, ...] = ("auto", "mean", "hill", "constrained")

RESAMPLING = Resampling(num_resamples=500)
"""A table has up to a dozen intervals, and each of verification takes as many sums over all pairs."""


@dataclass(frozen=True)
class Decision:
    """The blend of a task, the contest that it won (None where nothing is held out), and what to know."""

    blend: ClassBlend | PairBlend
    contest: Contest | None
    notes: tuple[str, ...] = ()


def decide_classes(
    members: Sequence[Member],
    formula: str,
    method: Method,
    progress: Progress,
    resampling: Resampling = RESAMPLING,
) -> Decision:
    """Chooses the blend of the members' class probabilities.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    test = open_test_logits(members)
    distinct, notes = without_copies(members, test.members, len(test.image_ids))
    if not _are_measured(distinct, "predictions", method):
        return Decision(
            ClassBlend(distinct, plain_weights(distinct), (1.0,) * len(distinct)),
            None,
            (*notes, _unmeasured(distinct)),
        )
    held_out = open_held_out_logits(distinct, test.class_names)
    objective = task_objective(formula, "classification", {})
    board = open_class_board(held_out, test.class_names, objective, progress, resampling)
    names = [member.name for member in distinct]
    contest = _asked_for(contest_classes(board, names, _kinds(method)), method)
    return Decision(class_blend(distinct, contest.winner), contest, notes)


def decide_pairs(
    members: Sequence[Member], formula: str, method: Method, resampling: Resampling = RESAMPLING
) -> Decision:
    """Chooses the blend of the members' pair scores.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    distinct, notes = tuple(members), tuple[str, ...]()
    if has_record(members, "test", "pairs"):
        test = open_test_scores(members)
        distinct, notes = without_copies(members, test.members, len(test.pair_ids))
    trials = None
    if _are_measured(distinct, "pairs", method):
        trials = open_held_out_pairs(distinct)
    if trials is None:
        return Decision(PairBlend(distinct, plain_weights(distinct)), None, (*notes, _unmeasured(distinct)))
    board = PairBoard(trials, task_objective(formula, "verification", {}), resampling)
    names = [member.name for member in distinct]
    contest = _asked_for(contest_pairs(board, names, _kinds(method)), method)
    return Decision(pair_blend(distinct, contest.winner), contest, notes)


def class_blend(members: Sequence[Member], winner: Contender) -> ClassBlend:
    """The winner of a contest as a blend of these members."""
    space = next(space for space in CLASS_SPACES if space == winner.space)
    return ClassBlend(tuple(members), winner.weights, winner.temperatures, space)


def pair_blend(members: Sequence[Member], winner: Contender) -> PairBlend:
    """The winner of a contest as a blend of these members."""
    space = next(space for space in PAIR_SPACES if space == winner.space)
    return PairBlend(tuple(members), winner.weights, space)


def _kinds(method: Method) -> tuple[Kind, ...]:
    match method:
        case "auto":
            return ("equal", "hill", "constrained")
        case "mean":
            return ()
        case "hill":
            return ("hill",)
        case "constrained":
            return ("constrained",)
        case _:
            assert_never(method)


def _asked_for(contest: Contest, method: Method) -> Contest:
    match method:
        case "auto":
            return contest
        case "mean":
            return settle_for("equal", contest)
        case "hill" | "constrained":
            return settle_for(method, contest)
        case _:
            assert_never(method)


def _are_measured(members: Sequence[Member], kind: Literal["predictions", "pairs"], method: Method) -> bool:
    """Whether all members have out-of-fold records; those that must be compared without are refused."""
    lacking = [
        member.network_name(fold)
        for member in members
        for fold in member.folds
        if not fold.record_folder("oof", member.checkpoint, kind).is_dir()
    ]
    if not lacking:
        return True
    if method == "mean" or len(members) == 1:
        return False
    raise RunError(
        f"{lacking[0]} has no out-of-fold {kind}, so its weight cannot be found; "
        "leave it out, train it again, or take the plain mean: --method mean"
    )


def _unmeasured(members: Sequence[Member]) -> str:
    return f"{members[0].name}: without labelled out-of-fold records nothing is known of the blend's score"
