"""Agreement of two members on held-out data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kaggle_face.errors import RunError
from kaggle_face.evaluation.figures import class_figures
from kaggle_face.evaluation.held_out_pairs import open_held_out_pairs
from kaggle_face.evaluation.member_scores import open_predictions
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.pair_scales import pair_values
from kaggle_face.tasks import Task

_FEWEST = 3


def held_out_values(member: Member, task: Task) -> Mapping[tuple[int, str], float]:
    """The probability of each held-out image's class, or the score of each trial, by fold and id.

    Scores are brought to mean 0 and deviation 1 within a fold: each network has a scale of its own.

    Raises:
        RunError: A record is missing or out of date, or the truth of the trials is not known.
        DataError: A record holds NaN.
    """
    if task == "classification":
        figures = class_figures([member])[0]
        ids = [np.sort(open_predictions(member, fold, "oof").image_ids).tolist() for fold in member.folds]
        keys = [
            (fold.fold, image) for fold, images in zip(member.folds, ids, strict=True) for image in images
        ]
        return dict(zip(keys, np.exp(-figures.log_losses).tolist(), strict=True))
    trials = open_held_out_pairs([member])
    if trials is None:
        raise RunError(f"the truth of the held-out trials of {member.name} is not known")
    found: dict[tuple[int, str], float] = {}
    for fold in trials.folds:
        scores = pair_values(fold.member_scores[0].block(slice(0, len(fold.positions))), "z_scores")
        keys = [(fold.fold, pair) for pair in trials.pair_ids[fold.positions].tolist()]
        found.update(zip(keys, scores.tolist(), strict=True))
    return found


def correlation_of(first: Mapping[tuple[int, str], float], second: Mapping[tuple[int, str], float]) -> float:
    """Pearson's correlation over the common ids; NaN where one side is constant.

    Raises:
        RunError: They share too little.
    """
    keys = sorted(first.keys() & second.keys())
    if len(keys) < _FEWEST:
        raise RunError(f"only {len(keys)} of the held-out images or trials are shared")
    one, other = (np.array([values[key] for key in keys]) for values in (first, second))
    if not (one.std() and other.std()):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
