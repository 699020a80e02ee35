"""The thresholds of a run, kept in its folder: for pairs, and for galleries of people held out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.blends import inputs_of_blend
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.plain_values import plain_values
from kaggle_face.ensemble.blended import PairBlend
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe
from kaggle_face.ensemble.postprocess.gallery_tuning import open_dev_tuning
from kaggle_face.ensemble.postprocess.neighbours import nearest
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.member_scores import has_record, open_embeddings
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.thresholds import (
    GalleryRule,
    ScoreThreshold,
    gallery_threshold,
    simulate_gallery,
    verification_thresholds,
)
from kaggle_face.metrics.similarity import normalized
from kaggle_face.records import positions_of

FILE_NAME = "thresholds.json"
WANTED_FPRS = (1e-2, 1e-3)


@dataclass(frozen=True)
class RunThresholds:
    """Thresholds of the cosine between embeddings of one network, from the trials of all folds together."""

    checkpoint: str
    folds: tuple[int, ...]
    pairs: tuple[ScoreThreshold, ...]
    gallery: GalleryRule | None


def thresholds_of_run(
    member: Member, trials: HeldOutPairs, number: int = 0, fprs: Sequence[float] = WANTED_FPRS
) -> RunThresholds:
    """The thresholds of the member that is `number` among those of the trials.

    That of galleries is found on the competition's dev gallery, or without one on held-out people arranged
    as a gallery.

    Raises:
        RunError: A fold has no out-of-fold embeddings.
        DataError: An image of a trial has no embedding.
    """
    scores, rows = [], []
    for fold in trials.folds:
        scores.append(fold.member_scores[number].block(slice(0, len(fold.positions))))
        rows.append(fold.positions)
    at = np.concatenate(rows)
    pairs = verification_thresholds(np.concatenate(scores), trials.labels[at], trials.people[at], fprs)
    folds = tuple(fold.fold for fold in member.folds)
    gallery = _dev_gallery_of_run(member) or _gallery_of_run(member, trials)
    return RunThresholds(member.checkpoint, folds, pairs, gallery)


def write_thresholds(member: Member, thresholds: RunThresholds) -> Path:
    """Writes `thresholds.json` into the run's folder; what is not known is null."""
    path = member.run.path / FILE_NAME
    networks = [(fold, member.checkpoint) for fold in member.folds]
    about = {"score": "cosine of the embeddings of one network", "made_of": inputs_of_blend(networks)}
    write_json(path, {**about, **plain_values(thresholds)})
    return path


def _dev_gallery_of_run(member: Member) -> GalleryRule | None:
    """The rule of all folds together on the competition's dev gallery; None where no threshold is needed."""
    if not has_record([member], "test", "embeddings"):
        return None
    problem = open_dev_tuning(PairBlend((member,), (1.0,)))
    if problem is None or not problem.has_unknown:
        return None
    people, scores = problem.best(GalleryRecipe(), problem.everything)
    num_enrolled = len(np.unique(problem.networks[0].person_of_image))
    return gallery_threshold(
        scores, people == problem.truth, problem.truth >= 0, problem.people, num_enrolled
    )


def _gallery_of_run(member: Member, trials: HeldOutPairs) -> GalleryRule | None:
    """Each fold's held-out people as a gallery, its probes judged together."""
    columns: list[tuple[Any, ...]] = []
    num_enrolled = 0
    for fold, fold_trials in zip(member.folds, trials.folds, strict=True):
        if not fold.record_folder("oof", member.checkpoint, "embeddings").is_dir():
            return None
        at = fold_trials.positions
        ids, first = np.unique(
            np.concatenate([trials.first_ids[at], trials.second_ids[at]]), return_index=True
        )
        people = np.concatenate([trials.people[at, 0], trials.people[at, 1]])[first]
        gallery = simulate_gallery(ids, people)
        if len(gallery.enrolled) < 2 or not gallery.has_match.any():
            continue
        embeddings = open_embeddings(member, fold, "oof")
        rows = positions_of(ids, embeddings.image_ids, f"embeddings of {member.network_name(fold)}")
        unit = normalized(embeddings.vectors[rows])
        best, cosines = nearest(unit[gallery.probes], unit[gallery.enrolled], 1)
        probe_people = people[gallery.probes]
        is_correct = people[gallery.enrolled][best[:, 0]] == probe_people
        columns.append((cosines[:, 0], is_correct, gallery.has_match, probe_people))
        num_enrolled += len(gallery.enrolled)
    if not columns:
        return None
    scores, correct, matched, probed = (np.concatenate(column) for column in zip(*columns, strict=True))
    return gallery_threshold(scores, correct, matched, probed, num_enrolled)
