"""The members' records, opened but not read: memory maps whose rows are aligned by id.

Letters: N images, C classes, P pairs, B rows of a block, M members.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.provenance import how_to_renew, require_current
from kaggle_face.artifacts.record_io import read_embeddings, read_pair_scores, read_predictions
from kaggle_face.artifacts.runs import FoldFolder, RecordKind, RecordPart
from kaggle_face.artifacts.tables import read_labels as read_labels_file
from kaggle_face.config.values import MOST
from kaggle_face.errors import DataError, RunError, counted, naming_first
from kaggle_face.evaluation.members import Member
from kaggle_face.records import (
    Embeddings,
    FloatArray,
    IntArray,
    PairScores,
    Predictions,
    StrArray,
    positions_of,
)

_Record = TypeVar("_Record", Predictions, PairScores, Embeddings)


@dataclass(frozen=True, eq=False)
class MemberScores:
    """One network's logits (N, C) or pair scores (N), on disk.

    `rows` leads from the position that all networks share to the row on disk; None where both are equal.
    """

    name: str
    values: npt.NDArray[Any]
    rows: IntArray | None = None

    def block(self, part: slice | IntArray) -> FloatArray:
        """The values of some shared positions as float32, or float64 where they are stored so."""
        chosen = self.values[part] if self.rows is None else self.values[self.rows[part]]
        block = np.array(chosen, np.result_type(self.values.dtype, np.float32))
        release_pages(self.values)
        return block

    def restricted_to(self, positions: IntArray) -> MemberScores:
        """The record restricted to some of the shared positions."""
        return MemberScores(self.name, self.values, positions if self.rows is None else self.rows[positions])


@dataclass(frozen=True, eq=False)
class TestScores:
    """The scores of each network of each member for the test images or test pairs.

    Attributes:
        ids: Of the images, or of the pairs.
        members: For each member the logits or the scores of its networks, in the order of the ids.
        class_names: The classes of logits; empty for pairs.
    """

    __test__ = False  # not for pytest

    ids: StrArray
    members: tuple[tuple[MemberScores, ...], ...]
    class_names: StrArray = field(default_factory=lambda: np.empty(0, np.str_))


@dataclass(frozen=True, eq=False)
class HeldOutLogits:
    """The images that one fold holds out, sorted by id, their classes, and each member's logits of them."""

    fold: int
    image_ids: StrArray
    labels: IntArray
    member_scores: tuple[MemberScores, ...]


def release_pages(values: npt.NDArray[Any]) -> None:
    """Lets go of the pages of a memory map that were read.

    They would count as this process's memory until others need it, and 50 members are larger than memory.
    """
    mapped = getattr(values, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def has_record(members: Sequence[Member], part: RecordPart, *kinds: RecordKind) -> bool:
    """Whether any of the members' networks has a record of one of these kinds."""
    return any(
        fold.record_folder(part, member.checkpoint, kind).is_dir()
        for member in members
        for fold in member.folds
        for kind in kinds
    )


def has_embeddings(members: Sequence[Member], part: RecordPart = "oof") -> bool:
    """Whether every network of the members kept its embeddings, which imported predictions are without."""
    return all(
        has_record([Member(each.run, each.checkpoint, (fold,))], part, "embeddings")
        for each in members
        for fold in each.folds
    )


def open_test_logits(members: Sequence[Member]) -> TestScores:
    """The test predictions of all members.

    Raises:
        RunError: One is missing, or they are of different classes or test images.
        DataError: A prediction is NaN.
    """
    opened = [
        [(member.network_name(fold), open_predictions(member, fold, "test")) for fold in member.folds]
        for member in members
    ]
    first_name, first = opened[0][0]
    for name, predictions in (network for networks in opened for network in networks):
        require_same_classes(name, predictions, first_name, first)
    member_scores = tuple(
        tuple(
            MemberScores(name, found.logits, shared_rows(first.image_ids, found.image_ids, first_name, name))
            for name, found in networks
        )
        for networks in opened
    )
    return TestScores(first.image_ids, member_scores, first.class_names)


def open_held_out_logits(
    members: Sequence[Member], class_names: StrArray | None = None
) -> tuple[HeldOutLogits, ...]:
    """The out-of-fold predictions of all members, one entry per fold.

    `class_names` are those of the test predictions; None: those of the first network.

    Raises:
        RunError: One is missing, or the members were trained on different folds or classes.
        DataError: A prediction is NaN, or has no label.
    """
    known = "the test predictions"
    if class_names is None:
        known = members[0].network_name(members[0].folds[0])
        class_names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    opened = [
        _open_held_out_fold(members, position, class_names, known)
        for position in range(len(members[0].folds))
    ]
    seen: dict[str, int] = {}
    for held_out in opened:
        twice = [image_id for image_id in held_out.image_ids.tolist() if image_id in seen]
        if twice:
            raise RunError(
                f"{members[0].name}: the folds overlap: {twice[0]} is held out by fold {seen[twice[0]]} "
                f"and by fold {held_out.fold}; train all folds of a run with the same folds"
            )
        seen.update(dict.fromkeys(held_out.image_ids.tolist(), held_out.fold))
    return tuple(opened)


def open_test_scores(members: Sequence[Member]) -> TestScores:
    """The scores of the test pairs of all members.

    Raises:
        RunError: One is missing, or they are of different pairs.
        DataError: A score is NaN.
    """
    opened = [
        [(member.network_name(fold), open_pair_scores(member, fold, "test")) for fold in member.folds]
        for member in members
    ]
    first_name, first = opened[0][0]
    member_scores = tuple(
        tuple(
            MemberScores(name, found.scores, shared_rows(first.pair_ids, found.pair_ids, first_name, name))
            for name, found in networks
        )
        for networks in opened
    )
    return TestScores(first.pair_ids, member_scores)


def open_predictions(member: Member, fold: FoldFolder, part: RecordPart) -> Predictions:
    """One network's predictions, memory-mapped."""
    return _open(
        read_predictions, fold.record_folder(part, member.checkpoint, "predictions"), member, fold, part
    )


def open_pair_scores(member: Member, fold: FoldFolder, part: RecordPart) -> PairScores:
    """One network's pair scores, memory-mapped."""
    return _open(read_pair_scores, fold.record_folder(part, member.checkpoint, "pairs"), member, fold, part)


def open_embeddings(member: Member, fold: FoldFolder, part: RecordPart) -> Embeddings:
    """One network's embeddings, memory-mapped."""
    return _open(
        read_embeddings, fold.record_folder(part, member.checkpoint, "embeddings"), member, fold, part
    )


def read_labels(fold: FoldFolder, image_ids: StrArray, num_classes: int = MOST) -> IntArray:
    """The true class index of each held-out image.

    Raises:
        RunError: The fold kept no labels, or they are damaged.
        DataError: An image has none.
    """
    ids, labels = read_labels_file(fold.labels_file, num_classes)
    labels_N: IntArray = labels[positions_of(image_ids, ids, f"images of {fold.labels_file}")]
    return labels_N


def shared_rows(shared_ids: StrArray, ids: StrArray, shared_name: str, name: str) -> IntArray | None:
    """The row of each shared id; None where the order is the same already.

    Raises:
        RunError: One has ids that the other lacks.
    """
    if np.array_equal(shared_ids, ids):
        return None
    for (here, here_name), (there, there_name) in (
        ((shared_ids, shared_name), (ids, name)),
        ((ids, name), (shared_ids, shared_name)),
    ):
        lacking = here[~np.isin(here, there)]
        if len(lacking):
            raise RunError(
                f"{there_name} and {here_name} are of different files: "
                + naming_first(len(lacking), len(here), "id", "are missing from the former", str(lacking[0]))
                + "; predict both on the same data"
            )
    return positions_of(shared_ids, ids, name)


def require_same_classes(name: str, found: Predictions, first_name: str, first: Predictions) -> None:
    """Checks that two predictions have the same classes in the same order.

    Raises:
        RunError: They have not.
    """
    if np.array_equal(found.class_names, first.class_names):
        return
    numbered = enumerate(zip(found.class_names.tolist(), first.class_names.tolist(), strict=False))
    difference = next(
        (
            f"class {number} is '{a}' in the one and '{b}' in the other"
            for number, (a, b) in numbered
            if a != b
        ),
        "one has more",
    )
    raise RunError(
        f"{name} and {first_name} have different classes ({len(found.class_names)} and "
        f"{len(first.class_names)}, {difference}); only runs of the same classes go together"
    )


def _open_held_out_fold(
    members: Sequence[Member], position: int, class_names: StrArray, known: str
) -> HeldOutLogits:
    opened = [(member, member.folds[position]) for member in members]
    predictions = [open_predictions(member, fold, "oof") for member, fold in opened]
    names = [member.network_name(fold) for member, fold in opened]
    expected = Predictions(np.empty(0, np.str_), np.empty((0, len(class_names)), np.float32), class_names)
    for name, found in zip(names, predictions, strict=True):
        require_same_classes(name, found, known, expected)
    image_ids = np.sort(predictions[0].image_ids)
    labels = read_labels(opened[0][1], image_ids, len(class_names))
    member_scores = []
    for name, found, (_, fold) in zip(names, predictions, opened, strict=True):
        _require_same_fold(image_ids, labels, found, fold, (names[0], name))
        member_scores.append(
            MemberScores(name, found.logits, shared_rows(image_ids, found.image_ids, names[0], name))
        )
    return HeldOutLogits(opened[0][1].fold, image_ids, labels, tuple(member_scores))


def _require_same_fold(
    image_ids: StrArray,
    labels: IntArray,
    found: Predictions,
    fold: FoldFolder,
    names: tuple[str, str],
) -> None:
    """Checks that two networks were measured on the same images with the same labels."""
    different = np.setxor1d(image_ids, found.image_ids)
    if not len(different):
        theirs = read_labels(fold, image_ids, len(found.class_names))
        different = image_ids[theirs != labels]
    if not len(different):
        return
    raise RunError(
        f"{names[0]} and {names[1]} were trained on different folds: "
        f"{naming_first(len(different), len(image_ids), 'held-out image', 'differ', str(different[0]))}; "
        "train both with the same folds"
    )


def _open(
    read: Callable[[Path], _Record], folder: Path, member: Member, fold: FoldFolder, part: RecordPart
) -> _Record:
    name = member.network_name(fold)
    if not folder.is_dir():
        described = "out-of-fold" if part == "oof" else "test"
        raise RunError(f"{name} has no {described} {folder.name}; {how_to_renew(fold, part)}")
    kind: RecordKind = folder.name  # type: ignore[assignment]
    require_current(fold, part, member.checkpoint, kind)
    try:
        record = read(folder)
    except DataError as error:
        raise DataError(f"{name}: {error}; leave it out, or {how_to_renew(fold, part)}") from error
    except RunError as error:
        raise RunError(f"{name}: {error}; {how_to_renew(fold, part)}") from error
    except (OSError, ValueError, AssertionError) as error:
        raise RunError(f"{name}: {folder} cannot be read ({error}); {how_to_renew(fold, part)}") from error
    match record:
        case Predictions():
            release_pages(record.logits)
        case PairScores():
            release_pages(record.scores)
        case Embeddings():
            release_pages(record.vectors)
    return record


def finite_block(source: MemberScores, part: slice | IntArray) -> FloatArray:
    """A block of logits (B, C), checked.

    Raises:
        DataError: The highest logit of an image is infinite.
    """
    logits_BC = source.block(part)
    infinite_B = ~np.isfinite(logits_BC.max(axis=1))
    if infinite_B.any():
        raise DataError(
            f"{source.name}: the highest logit of {counted(int(infinite_B.sum()), 'image')} is infinite; "
            "leave it out or train it again"
        )
    return logits_BC


def log_softmax(logits_BC: FloatArray) -> FloatArray:
    """Log-probabilities (B, C); the highest logit of a row must be finite."""
    shifted_BC = logits_BC - logits_BC.max(axis=1, keepdims=True)
    return np.asarray(shifted_BC - np.log(np.exp(shifted_BC).sum(axis=1, keepdims=True)))
