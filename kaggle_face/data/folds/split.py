"""The split of labelled images into folds, and the verification trials of each fold.

Images of an identity are spread over the folds as evenly as they can be, so every fold measures people that
its training knows. Trials, in contrast, are of people whom the fold's training never saw: either the
competition's own dev pairs, or pairs drawn among identities that are held out of the fold as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Literal, assert_never

import numpy as np

from kaggle_face.artifacts.files.locking import wait_for_lock
from kaggle_face.artifacts.record_io import read_folds, write_folds
from kaggle_face.artifacts.seals import has_seal
from kaggle_face.config.schema import FoldsConfig
from kaggle_face.data.folds.leaks import check_no_leak
from kaggle_face.data.folds.trials import draw_trials, require_both_kinds
from kaggle_face.data.loading.samplers import Stream, seeded
from kaggle_face.errors import DataError
from kaggle_face.records import UNKNOWN, CompetitionData, FaceTable, Folds, IntArray, Pairs, no_pairs

FORMAT = 1
"""Raised whenever the same images and settings would give other folds."""

_FEWEST_IDENTITIES = 2  # held out by a fold: a pair of different people needs two


def saved_folds(
    folder: Path, data: CompetitionData, config: FoldsConfig, groups: IntArray | None = None
) -> Folds:
    """The folds of these images and settings: read from `folder` if they lie there, else made and saved.

    The arguments are those of `make_folds`.

    Raises:
        DataError: As `make_folds`, or the saved folds were changed by hand.
    """
    require_measurable_trials(data, config)
    path = folder / name_of_folds(data, config, groups)
    if not has_seal(path):  # nothing is there, or folds of an earlier version, which come out the same
        with wait_for_lock(folder / f".{path.name}.lock", lambda: None):
            if not has_seal(path):
                write_folds(path, make_folds(data, config, groups))
    folds = read_folds(path, number_of_folds(config))
    if not np.array_equal(folds.image_ids, _labelled(data).image_ids):
        raise DataError(f"the folds {path} list other images than the competition; delete them")
    check_no_leak(folds, data)
    return folds


def make_folds(data: CompetitionData, config: FoldsConfig, groups: IntArray | None = None) -> Folds:
    """Splits the labelled images of train and dev into folds; the order of `data`'s rows does not matter.

    Args:
        data: The competition; images of the dev split are pooled with train or held out by a single fold.
        config: The number of folds, the seed, and where trials come from.
        groups: A number for each row of `data.faces`, as `near_duplicate_groups` gives them; images of one
            identity with the same number stay in one fold. Without it every image stands alone.

    Raises:
        DataError: There are too few labelled images or identities, no dev split to hold out, no labelled dev
            pairs of both kinds where they are needed, or a leak.
    """
    require_measurable_trials(data, config)
    faces = _labelled(data)
    if not len(faces):
        raise DataError("there are no labelled images in the train and dev splits to make folds of")
    heldout = np.full(len(faces), UNKNOWN, np.int64)
    if _kind_of_trials(data, config) == "identities" and config.heldout_identities > 0:
        heldout = _hold_out_identities(faces.labels, number_of_folds(config), config)
    if config.dev == "holdout":
        fold_of_image, heldout = _hold_out_dev(faces, heldout)
    else:
        fold_of_image = _assign_folds(faces, _groups_of(faces, data, groups), heldout, config)
    trials = _trials_of_folds(faces, heldout, data, config)
    name = name_of_folds(data, config, groups)
    folds = Folds(name, faces.image_ids, fold_of_image, heldout, trials)
    check_no_leak(folds, data)
    return folds


def number_of_folds(config: FoldsConfig) -> int:
    """The number of folds of the settings: one where the dev split is held out."""
    return config.total


def name_of_folds(data: CompetitionData, config: FoldsConfig, groups: IntArray | None = None) -> str:
    """The settings in words and a digest of everything that the folds follow from."""
    faces, pairs = _labelled(data), data.dev_pairs
    total = blake2b(f"{FORMAT} {config.model_dump_json()}".encode(), digest_size=5)
    columns = (faces.image_ids, data.classes.names[faces.labels], faces.splits)
    for column in (*columns, pairs.pair_ids, pairs.first_ids, pairs.second_ids, pairs.labels.astype(np.str_)):
        total.update("\0".join(column.tolist()).encode() + b"\1")
    if groups is not None:
        total.update(_groups_of(faces, data, groups).tobytes())
    return f"{number_of_folds(config)}-{config.dev}-seed{config.seed}-{total.hexdigest()}"


def _labelled(data: CompetitionData) -> FaceTable:
    """The labelled images of train and dev, sorted by id."""
    faces = data.faces.of_split("train", "dev")
    faces = faces.where(faces.labels != UNKNOWN)
    order = np.argsort(faces.image_ids, kind="stable")
    return FaceTable(faces.image_ids[order], faces.labels[order], faces.splits[order])


def _groups_of(faces: FaceTable, data: CompetitionData, groups: IntArray | None) -> IntArray:
    """For each image the position of the first image of its group (N): the same in any order of the rows."""
    if groups is None:
        return np.arange(len(faces))
    number = dict(zip(data.faces.image_ids.tolist(), groups.tolist(), strict=True))
    numbers = [number[image_id] for image_id in faces.image_ids.tolist()]
    _, first, group_of_image = np.unique(numbers, return_index=True, return_inverse=True)
    return first[group_of_image].astype(np.int64, copy=False)


def _kind_of_trials(data: CompetitionData, config: FoldsConfig) -> Literal["dev_pairs", "identities"]:
    match config.verification:
        case "auto":
            return "dev_pairs" if data.dev_pairs.are_labelled else "identities"
        case "dev_pairs":
            if not data.dev_pairs.are_labelled:
                raise DataError(
                    "folds.verification=dev_pairs needs labelled dev pairs, and the competition has none; "
                    "set folds.verification=identities"
                )
            return "dev_pairs"
        case "identities":
            return "identities"
        case other:
            assert_never(other)


def require_measurable_trials(data: CompetitionData, config: FoldsConfig) -> None:
    """Checks that dev pairs, where they are the trials, are of both kinds if pairs are to be submitted.

    Raises:
        DataError: They are all of one person or all of two, or there are none where they are needed.
    """
    if _kind_of_trials(data, config) == "dev_pairs":
        remedy = "correct their labels, or set folds.verification=identities"
        require_both_kinds(data.dev_pairs, data, remedy)


def can_hold_out_identities(data: CompetitionData, config: FoldsConfig) -> bool:
    """Whether there are enough identities for each fold to hold some out; True where folds need none."""
    if _kind_of_trials(data, config) != "identities" or config.heldout_identities == 0:
        return True
    return _count_to_hold_out(_labelled(data).labels, number_of_folds(config), config)[2] > 0


def _count_to_hold_out(labels: IntArray, count: int, config: FoldsConfig) -> tuple[IntArray, IntArray, int]:
    """All identities, those with two images, and how many of these folds hold out; 0: they are too few."""
    identities, sizes = np.unique(labels, return_counts=True)
    paired = identities[sizes >= 2]
    fewest = _FEWEST_IDENTITIES * count
    wanted = min(max(round(config.heldout_identities * len(identities)), fewest), len(paired))
    is_possible = wanted >= fewest and len(identities) - math.ceil(wanted / count) >= 2
    return identities, paired, wanted if is_possible else 0


def _hold_out_identities(labels: IntArray, count: int, config: FoldsConfig) -> IntArray:
    """The fold that holds out each image's identity, or -1 (N): `count` disjoint groups of identities."""
    identities, paired, wanted = _count_to_hold_out(labels, count, config)
    if not wanted:
        raise DataError(
            f"{count} folds cannot hold out {config.heldout_identities:g} of {len(identities)} identities, "
            f"{len(paired)} of them with two images; change folds.heldout_identities (0: no trials)"
        )
    chosen = seeded(config.seed, Stream.FOLDS, 0).permutation(paired)[:wanted]
    heldout = np.full(len(labels), UNKNOWN, np.int64)
    for fold, group in enumerate(np.array_split(chosen, count)):
        heldout[np.isin(labels, group)] = fold
    return heldout


def _assign_folds(faces: FaceTable, alike: IntArray, heldout: IntArray, config: FoldsConfig) -> IntArray:
    """The fold that measures each image, or -1 (N); never the fold that holds out its identity."""
    fold_of_image = np.full(len(faces), UNKNOWN, np.int64)
    for group in range(UNKNOWN, config.count):
        rows = np.flatnonzero(heldout == group)
        choices = [fold for fold in range(config.count) if fold != group]
        # With a single other fold every second image stays in training, which else would know none of them.
        choices = choices if len(choices) > 1 else [*choices, UNKNOWN]
        draw = seeded(config.seed, Stream.FOLDS, 1, group + 1)
        fold_of_image[rows] = _assign_stratified(faces.labels[rows], alike[rows], choices, draw)
    return fold_of_image


def _assign_stratified(
    labels: IntArray, alike: IntArray, choices: Sequence[int], draw: np.random.Generator
) -> IntArray:
    """Stratified assignment: the groups of each identity go to the choices in turn; an only group gets -1.

    The turn goes on from one identity to the next, so the numbers of groups differ by one at most,
    both in total and within each identity.
    """
    _, first, group_of_image = np.unique(
        np.stack([labels, alike], axis=1), axis=0, return_index=True, return_inverse=True
    )
    label_of_group = labels[first]
    order = np.lexsort([draw.permutation(len(first)), label_of_group])
    _, class_of_group, sizes = np.unique(label_of_group, return_inverse=True, return_counts=True)
    is_only = sizes[class_of_group] == 1
    order = order[~is_only[order]]
    fold_of_group = np.full(len(first), UNKNOWN, np.int64)
    fold_of_group[order] = np.asarray(choices)[np.arange(len(order)) % len(choices)]
    assigned: IntArray = fold_of_group[group_of_image.reshape(-1)]
    return assigned


def _hold_out_dev(faces: FaceTable, heldout: IntArray) -> tuple[IntArray, IntArray]:
    """Fold 0 measures the dev images; the images of identities without a train image it never sees."""
    is_dev = faces.splits == "dev"
    if not is_dev.any():
        raise DataError(
            "folds.dev=holdout needs labelled dev images, and the competition has none; set folds.dev=pool"
        )
    is_trained = np.isin(faces.labels, faces.labels[~is_dev])
    heldout = np.where(is_trained, heldout, 0)
    return np.where(is_dev & (heldout == UNKNOWN), 0, UNKNOWN).astype(np.int64), heldout


def _trials_of_folds(
    faces: FaceTable, heldout: IntArray, data: CompetitionData, config: FoldsConfig
) -> tuple[Pairs, ...]:
    count = number_of_folds(config)
    if _kind_of_trials(data, config) == "dev_pairs":
        return (data.dev_pairs,) * count
    if config.heldout_identities == 0:
        return (no_pairs(),) * count
    drawn = []
    for fold in range(count):
        rows = heldout == fold
        draw = seeded(config.seed, Stream.TRIALS, fold)
        trials = (faces.image_ids[rows], faces.labels[rows], config.pairs_per_fold)
        drawn.append(draw_trials(*trials, f"fold{fold}", draw))
    return tuple(drawn)
