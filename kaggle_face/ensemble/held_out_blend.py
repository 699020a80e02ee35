"""A blend that was written, on held-out data: its out-of-fold scores from the members' records.

Post-processing is left out: what is seen are the weighted members alone. Letters: N images, C classes, P
pairs.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import numpy as np

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config.schema import CheckpointName
from kaggle_face.ensemble.blending import ClassSpace, WeightedTerm, blend_classes, blend_pairs
from kaggle_face.errors import RunError
from kaggle_face.evaluation.blend_record import TaskRecord
from kaggle_face.evaluation.held_out_pairs import open_held_out_pairs
from kaggle_face.evaluation.member_scores import MemberScores, open_held_out_logits
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.pair_scales import PairSpace
from kaggle_face.records import FloatArray, StrArray


def members_of_record(record: TaskRecord, runs: Path) -> tuple[Member, ...]:
    """The members of a blend, whose runs lie below a folder of runs.

    Raises:
        RunError: A run of it is not at hand.
    """
    members = []
    for each in record.members:
        run = RunFolder(runs / each.run)
        if not run.started_folds():
            raise RunError(f"{each.run}, a member of the blend, is not under {runs}")
        folds = tuple(run.fold(number) for number in each.folds)
        members.append(Member(run, cast(CheckpointName, each.checkpoint), folds))
    return tuple(members)


def blended_logits(
    record: TaskRecord, members: tuple[Member, ...], class_names: StrArray, name: str
) -> dict[int, tuple[StrArray, MemberScores]]:
    """The log-probabilities (N, C) of a blend for the images that each fold holds out, with their ids.

    Raises:
        RunError: A record is missing, or the members were trained on different folds or classes.
        DataError: A record holds NaN.
    """
    temperatures = record.temperatures or (1.0,) * len(members)
    found = {}
    for fold in open_held_out_logits(members, class_names):
        _require_known_space(record, get_args(ClassSpace))
        terms = [
            WeightedTerm(source, each.weight, temperature)
            for source, each, temperature in zip(
                fold.member_scores, record.members, temperatures, strict=True
            )
        ]
        values = np.empty((len(fold.labels), len(class_names)), np.float32)
        for part, block in blend_classes(terms, cast(ClassSpace, record.space), len(fold.labels)):
            values[part] = block
        found[fold.fold] = (fold.image_ids, MemberScores(f"{name} fold {fold.fold}", values))
    return found


def blended_scores(
    record: TaskRecord, members: tuple[Member, ...], name: str
) -> dict[int, tuple[StrArray, MemberScores]]:
    """The scores (P) of a blend for the trials of each fold, with the ids of the trials.

    Raises:
        RunError: A record is missing, or the members were measured on different trials.
        DataError: A score is NaN.
    """
    trials = open_held_out_pairs(members)
    found: dict[int, tuple[StrArray, MemberScores]] = {}
    for fold in () if trials is None else trials.folds:
        _require_known_space(record, get_args(PairSpace))
        terms = [
            WeightedTerm(source, each.weight)
            for source, each in zip(fold.member_scores, record.members, strict=True)
        ]
        scores: FloatArray = blend_pairs(terms, cast(PairSpace, record.space), len(fold.positions))
        assert trials is not None
        found[fold.fold] = (trials.pair_ids[fold.positions], MemberScores(f"{name} fold {fold.fold}", scores))
    return found


def _require_known_space(record: TaskRecord, known: tuple[str, ...]) -> None:
    if record.space not in known:
        raise RunError(
            f"the blend is averaged in '{record.space}', which is unknown to this version; blend again"
        )
