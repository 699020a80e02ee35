"""Figures of a run on what it held out: the plain mean over its networks, nothing chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.evaluation.member_scores import open_pair_scores, open_predictions, read_labels
from kaggle_face.evaluation.members import members_of_task
from kaggle_face.metrics.classification import accuracy
from kaggle_face.metrics.verification import verification_summary


def figures_of_mean(runs: Sequence[RunFolder]) -> tuple[float, float, float]:
    """Accuracy, EER and AUC of the mean probabilities and pair scores of runs' last epochs.

    Args:
        runs: Each with one fold, and all of them with the same one.

    Raises:
        RunError: A record is missing.
        DataError: The runs were measured on other images or trials.
    """
    members = members_of_task("classification", runs, ["last"])
    predicted = [open_predictions(member, member.folds[0], "oof") for member in members]
    image_ids = predicted[0].image_ids
    probabilities = np.mean(
        [softmax(each.aligned_to(image_ids).logits, axis=1) for each in predicted], axis=0
    )
    labels = read_labels(members[0].folds[0], image_ids)
    members = members_of_task("verification", runs, ["last"])
    scored = [open_pair_scores(member, member.folds[0], "oof") for member in members]
    scores = np.mean([each.aligned_to(scored[0].pair_ids).scores for each in scored], axis=0)
    pairs = verification_summary(scores, scored[0].labels)
    return accuracy(probabilities, labels), pairs["eer"], pairs["auc"]
