"""Records at stage borders: frozen, checked when built, aligned by id, never by position.

Letters: N images, C classes, D embedding size, P pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import DataError, naming_first
from kaggle_face.string_hashing import are_different, find_positions

StrArray = npt.NDArray[np.str_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating[Any]]

Split = Literal["train", "dev", "test", "verification"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test", "verification")
UNKNOWN = -1
"""The label of an image whose class, or of a pair whose truth, is not known."""


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The classes of a competition: position = class index of the network.

    `names` are the folder names or integers of the label file, `submitted` the text that stands for the
    class in a submission. The two differ between layouts, so both are data and nothing else guesses.
    """

    names: StrArray
    submitted: StrArray

    def __post_init__(self) -> None:
        _same_length("classes", names=self.names, submitted=self.submitted)
        _unique(self.names, "class name")
        _unique(self.submitted, "submitted class label")

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class FaceTable:
    """All images: id = path below the data root with '/', class index or -1, and split (N each)."""

    image_ids: StrArray
    labels: IntArray
    splits: StrArray

    def __post_init__(self) -> None:
        _same_length("face table", image_ids=self.image_ids, labels=self.labels, splits=self.splits)
        _unique(self.image_ids, "image")
        foreign = set(np.unique(self.splits)) - set(SPLITS)
        assert not foreign, f"unknown splits {foreign}"
        assert self.labels.dtype == np.int64 and (self.labels >= UNKNOWN).all()

    def __len__(self) -> int:
        return len(self.image_ids)

    def where(self, mask: npt.NDArray[np.bool_]) -> FaceTable:
        """The rows chosen by a mask of length N, in order."""
        return FaceTable(self.image_ids[mask], self.labels[mask], self.splits[mask])

    def of_split(self, *splits: Split) -> FaceTable:
        """The rows of the named splits, in order."""
        return self.where(np.isin(self.splits, splits))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Verification trials: the submission's id of the row, two image ids, and 1 same, 0 different or -1."""

    pair_ids: StrArray
    first_ids: StrArray
    second_ids: StrArray
    labels: IntArray

    def __post_init__(self) -> None:
        _same_length(
            "pairs",
            pair_ids=self.pair_ids,
            first_ids=self.first_ids,
            second_ids=self.second_ids,
            labels=self.labels,
        )
        _unique(self.pair_ids, "pair")
        assert np.isin(self.labels, (UNKNOWN, 0, 1)).all(), "a pair's label is 0, 1 or unknown"

    def __len__(self) -> int:
        return len(self.pair_ids)

    @property
    def are_labelled(self) -> bool:
        """Whether the truth of every pair is known (false for no pairs)."""
        return len(self) > 0 and bool((self.labels != UNKNOWN).all())

    @property
    def image_ids(self) -> StrArray:
        """The ids of all images, each once, sorted."""
        different = {*self.first_ids.tolist(), *self.second_ids.tolist()}
        return np.asarray(sorted(different), dtype=np.str_)

    def where(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """The rows chosen by a mask of length P, in order."""
        return Pairs(self.pair_ids[mask], self.first_ids[mask], self.second_ids[mask], self.labels[mask])


@dataclass(frozen=True, eq=False)
class Gallery:
    """Known people, each with one or more images, and probes that may be none of them.

    `probe_names` holds the true name of each probe, `no_match` for people outside the gallery, or "" where
    the truth is not known. `probe_ids` is what a submission calls the row. `no_match` is None where every
    probe has a match.
    """

    image_ids: StrArray
    names: StrArray
    probe_ids: StrArray
    probe_image_ids: StrArray
    probe_names: StrArray
    no_match: str | None = None

    def __post_init__(self) -> None:
        _same_length("gallery", image_ids=self.image_ids, names=self.names)
        _same_length(
            "probes",
            probe_ids=self.probe_ids,
            probe_image_ids=self.probe_image_ids,
            probe_names=self.probe_names,
        )
        _unique(self.image_ids, "gallery image")
        _unique(self.probe_ids, "probe")


@dataclass(frozen=True, eq=False)
class RowList:
    """The rows of a submission in their order: the id to write, and the image that it stands for."""

    row_ids: StrArray
    image_ids: StrArray

    def __post_init__(self) -> None:
        _same_length("rows", row_ids=self.row_ids, image_ids=self.image_ids)
        _unique(self.row_ids, "row")

    def __len__(self) -> int:
        return len(self.row_ids)


@dataclass(frozen=True, eq=False)
class CompetitionData:
    """The contents of a raw competition folder, independent of its layout.

    Pairs and galleries are named by what they are for: `dev_*` carry the truth, `test_*` are submitted.
    """

    faces: FaceTable
    classes: ClassTable
    test_rows: RowList
    dev_pairs: Pairs
    test_pairs: Pairs
    dev_gallery: Gallery | None = None
    test_gallery: Gallery | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = set(self.faces.image_ids.tolist())
        for what, ids in self._named_images().items():
            missing = [image_id for image_id in ids.tolist() if image_id not in known]
            if missing:
                raise DataError(
                    naming_first(len(missing), len(ids), f"image of the {what}", "do not exist", missing[0])
                )
        labelled = self.faces.labels[self.faces.labels != UNKNOWN]
        assert not len(labelled) or labelled.max() < len(self.classes), "a label beyond the classes"

    @property
    def labelled_test(self) -> FaceTable:
        """The test images whose class is known: they are measured, never trained on."""
        test = self.faces.of_split("test")
        return test.where(test.labels != UNKNOWN)

    def _named_images(self) -> Mapping[str, StrArray]:
        named = {
            "classification test": self.test_rows.image_ids,
            "dev pairs": self.dev_pairs.image_ids,
            "test pairs": self.test_pairs.image_ids,
        }
        for what, gallery in (("dev gallery", self.dev_gallery), ("test gallery", self.test_gallery)):
            if gallery is not None:
                named[what] = np.concatenate([gallery.image_ids, gallery.probe_image_ids])
        return named


@dataclass(frozen=True, eq=False)
class Folds:
    """The fold that holds out each labelled image, and the verification pairs of each fold.

    `fold_of_image` (N) is in 0..count-1, or -1 for an image that every fold trains on. `heldout_fold` (N) is
    the fold whose training must not see the image's identity at all, or -1. `pairs` lists one set of labelled
    trials per fold; no identity of `pairs[k]` is in the training set of fold k.
    """

    name: str
    image_ids: StrArray
    fold_of_image: IntArray
    heldout_fold: IntArray
    pairs: tuple[Pairs, ...]

    def __post_init__(self) -> None:
        _same_length(
            "folds",
            image_ids=self.image_ids,
            fold_of_image=self.fold_of_image,
            heldout_fold=self.heldout_fold,
        )
        _unique(self.image_ids, "image in the folds")
        both = (self.fold_of_image != UNKNOWN) & (self.fold_of_image == self.heldout_fold)
        assert not both.any(), "an image is held out of its fold by name and by identity at once"

    @property
    def count(self) -> int:
        """The number of folds."""
        return len(self.pairs)

    def training_ids(self, fold: int) -> StrArray:
        """The images that fold `fold` trains on."""
        seen: StrArray = self.image_ids[(self.fold_of_image != fold) & (self.heldout_fold != fold)]
        return seen

    def validation_ids(self, fold: int) -> StrArray:
        """The images whose class fold `fold` is measured on; all their identities are in its training set."""
        held_out: StrArray = self.image_ids[self.fold_of_image == fold]
        return held_out


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class logits (N, C) of images, floating, finite; a class that was never trained holds -inf."""

    image_ids: StrArray
    logits: FloatArray
    class_names: StrArray

    def __post_init__(self) -> None:
        _same_length("predictions", image_ids=self.image_ids, logits=self.logits)
        _unique(self.image_ids, "predicted image")
        if self.logits.shape[1:] != self.class_names.shape:
            raise DataError(
                f"predictions have {self.logits.shape[1:]} columns for {len(self.class_names)} classes"
            )
        _finite(self.logits, self.image_ids, "logits", untrained=True)

    def aligned_to(self, image_ids: StrArray) -> Predictions:
        """The rows of `image_ids`, in that order.

        Raises:
            DataError: An image has no prediction; it is named.
        """
        rows = positions_of(image_ids, self.image_ids, "predictions")
        return replace(self, image_ids=image_ids, logits=self.logits[rows])


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings (N, D) of images, float32 or float16, finite, not normalised."""

    image_ids: StrArray
    vectors: FloatArray

    def __post_init__(self) -> None:
        _same_length("embeddings", image_ids=self.image_ids, vectors=self.vectors)
        _unique(self.image_ids, "embedded image")
        _finite(self.vectors, self.image_ids, "embeddings")

    def aligned_to(self, image_ids: StrArray) -> Embeddings:
        """The rows of `image_ids`, in that order.

        Raises:
            DataError: An image has no embedding; it is named.
        """
        rows = positions_of(image_ids, self.image_ids, "embeddings")
        return Embeddings(image_ids, self.vectors[rows])


@dataclass(frozen=True, eq=False)
class PairScores:
    """One score per trial, higher = more likely the same person, and the truth where it is known."""

    pair_ids: StrArray
    scores: FloatArray
    labels: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if len(self.labels) == 0 and len(self.scores):
            object.__setattr__(self, "labels", np.full(len(self.scores), UNKNOWN, np.int64))
        _same_length("pair scores", pair_ids=self.pair_ids, scores=self.scores, labels=self.labels)
        _unique(self.pair_ids, "scored pair")
        _finite(self.scores, self.pair_ids, "pair scores")

    def aligned_to(self, pair_ids: StrArray) -> PairScores:
        """The rows of `pair_ids`, in that order.

        Raises:
            DataError: A pair has no score; it is named.
        """
        rows = positions_of(pair_ids, self.pair_ids, "pair scores")
        return PairScores(pair_ids, self.scores[rows], self.labels[rows])


def no_pairs() -> Pairs:
    """Pairs without a row."""
    empty = np.empty(0, np.str_)
    return Pairs(empty, empty, empty, np.empty(0, np.int64))


def no_rows() -> RowList:
    """A row list without a row."""
    return RowList(np.empty(0, np.str_), np.empty(0, np.str_))


def positions_of(wanted: StrArray, ids: StrArray, what: str) -> IntArray:
    """The position in `ids` of each wanted id.

    >>> positions_of(np.array(["b", "a"]), np.array(["a", "b"]), "rows")
    array([1, 0])

    Raises:
        DataError: A wanted id is missing; the count and the first are named.
    """
    if np.array_equal(wanted, ids):
        return np.arange(len(ids))
    if len(wanted) and len(ids) and wanted.dtype.kind == ids.dtype.kind == "U":
        rows, found_there = find_positions(wanted, ids)
        if found_there.all():
            return rows
    position = {key: row for row, key in enumerate(ids.tolist())}
    found = [position.get(key, UNKNOWN) for key in wanted.tolist()]
    rows = np.asarray(found, np.int64)
    missing = wanted[rows == UNKNOWN]
    if len(missing):
        raise DataError(
            naming_first(len(missing), len(wanted), "id", f"are not among the {what}", str(missing[0]))
        )
    return rows


def _same_length(what: str, **columns: npt.NDArray[Any]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    assert len(set(lengths.values())) <= 1, f"{what}: columns of different lengths {lengths}"


def _unique(ids: StrArray, what: str) -> None:
    if are_different(ids) if ids.dtype.kind == "U" else len(set(ids.tolist())) == len(ids):
        return
    values, counts = np.unique(ids, return_counts=True)
    raise DataError(
        naming_first(
            int((counts > 1).sum()), len(values), f"{what} id", "appear twice", str(values[counts > 1][0])
        )
    )


def _finite(
    values: FloatArray, ids: StrArray, what: str, untrained: bool = False, rows_at_once: int = 4096
) -> None:
    """Checks that values (N, ...) are finite; if `untrained`, some of a row may be -inf, though not all."""
    for start in range(0, len(values), rows_at_once):
        block = values[start : start + rows_at_once]
        if np.isfinite(block).all():
            continue
        rows = block.reshape(len(block), -1)
        highest, lowest = rows.max(axis=1), rows.min(axis=1)
        good = np.isfinite(highest) & (np.isfinite(lowest) | untrained)
        if good.all():
            continue
        row = int((~good).argmax())
        kind = "not a number (NaN)" if np.isnan(highest[row]) else "infinite"
        raise DataError(
            f"the {what} of {ids[start + row]} are {kind}: no picture does that, the network that made them "
            "has diverged; train it anew with a lower optim.lr"
        )
