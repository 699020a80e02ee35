"""Values made elsewhere: their kind, their range, and their form in the records.

Letters: N images or pairs, C classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import DataError, InputError, naming_first, part_of
from kaggle_face.evaluation.imported.kinds import ValueKind
from kaggle_face.metrics.trials import sort_trials
from kaggle_face.records import FloatArray, IntArray, StrArray

_MOST_OFF_ONE = 0.01
"""Sums of probabilities that were written with few digits are off by this much at most."""
_PER_CENT = 100.0
_SURELY_EQUAL = 1e-3
"""Logits never sum to the same in every row; shares of anything but 1 do, to this part of the sum."""
_LEAST = 1e-7
"""What a probability of 0 stands for: it was rounded, and is not a class that the model cannot name."""
_STANDARD_ERRORS = 3.0
_FEWEST_ROWS = 8
_LEAST_AUC = 0.4


def require_finite(path: Path, ids: StrArray, values: FloatArray) -> None:
    """Checks that all numbers (N, ...) are finite.

    Raises:
        DataError: One is NaN (or missing), or infinite; the rows are counted and the first is named.
    """
    good = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not good.all():
        row = int((~good).argmax())
        kind = "missing or not a number (NaN)" if np.isnan(values[row]).any() else "infinite"
        text = naming_first(
            int((~good).sum()), len(ids), "row", f"have values that are {kind}", str(ids[row])
        )
        raise DataError(f"{path}: {text}")


def kind_of_classes(path: Path, ids: StrArray, values: FloatArray, wanted: ValueKind | None) -> ValueKind:
    """The kind of values (N, C), probabilities or logits: as given, or as they look.

    Raises:
        InputError: `wanted` is `scores`, which is for pairs.
        DataError: They are between 0 and 1, or should be, and a row does not sum to 1; or they are shares of
            another sum, such as per cent.
    """
    if wanted == "scores":
        raise InputError("the values of classes are probabilities or logits; scores are for verification")
    if wanted == "logits":
        return "logits"
    outside = (values < 0) | (values > 1)
    if outside.any():
        _refuse_shares(path, values)
        if wanted is None:
            return "logits"
        row = int(outside.any(axis=1).argmax())
        text = naming_first(
            int(outside.any(axis=1).sum()),
            len(ids),
            "row",
            "have probabilities beyond 0 and 1",
            str(ids[row]),
        )
        raise DataError(f"{path}: {text}")
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > _MOST_OFF_ONE
    if off.any():
        row = int(off.argmax())
        text = naming_first(
            int(off.sum()),
            len(ids),
            "row of probabilities",
            "do not sum to 1",
            f"{ids[row]} ({sums[row]:.4g})",
        )
        raise DataError(f"{path}: {text}; if they are not probabilities: --values logits")
    return "probabilities"


def _refuse_shares(path: Path, values: FloatArray) -> None:
    """Checks that values (N, C) are not per cent, votes or other shares of a sum that is not 1.

    Raises:
        DataError: They are.
    """
    if (values < 0).any() or values.shape[1] < 2:
        return
    sums = values.sum(axis=1)
    usual = float(np.median(sums))
    off = np.abs(sums - usual).max() / usual
    is_per_cent = np.abs(sums - _PER_CENT).max() <= _PER_CENT * _MOST_OFF_ONE
    if is_per_cent or (len(sums) > 1 and off <= _SURELY_EQUAL):
        total = _PER_CENT if is_per_cent else usual
        what = "are they per cent?" if is_per_cent else "are they shares?"
        raise DataError(
            f"{path}: every row sums to {total:g}: {what} Divide by {total:g} for probabilities; if they are "
            f"logits: --values logits"
        )


def as_logits(values: FloatArray, kind: ValueKind) -> FloatArray:
    """Values (N, C) as records keep them: float32 logits, of probabilities their logarithm.

    >>> [round(value, 2) for value in as_logits(np.array([[1.0, 0.0]]), "probabilities")[0].tolist()]
    [0.0, -16.12]
    """
    if kind == "logits":
        with np.errstate(over="ignore"):
            shifted = values - values.max(axis=1, keepdims=True)
        return np.asarray(np.maximum(shifted, -1e30), np.float32)
    positive = values[values > 0]
    floor = min(_LEAST, float(positive.min())) if len(positive) else _LEAST
    return np.asarray(np.log(np.where(values > 0, values, floor)), np.float32)


def require_class_order(path: Path, values: FloatArray, labels: IntArray, names: StrArray) -> None:
    """Checks that no other order of the columns, nor the other sign, fits the true classes (N) better.

    For each column the class is found that it is highest for on half of the images; where that names the
    other half better than the columns do, by more than noise, the columns are in another order. With two
    classes the other sign is the other order.

    Raises:
        DataError: One does.
    """
    order = np.argsort(labels, kind="stable")
    halves = (order[::2], order[1::2])
    if len(halves[1]) < _FEWEST_ROWS:
        return
    highest, lowest = values.argmax(axis=1), values.argmin(axis=1)
    right, inverted = highest == labels, lowest == labels
    moved, meant = _in_their_best_order(highest, labels, len(names), halves)
    if len(names) > 2:
        inverted = max(inverted, _in_their_best_order(lowest, labels, len(names), halves)[0], key=np.sum)
        if _is_surely_better(inverted, max(right, moved, key=np.sum)):
            raise DataError(
                f"{path}: lower is better here: "
                f"{part_of(int(right.sum()), len(labels), 'image', 'are right')} by the highest "
                f"value and {int(inverted.sum())} by the lowest; are they distances? "
                f"Write them with the other sign"
            )
    if _is_surely_better(moved, right):
        column = int(np.flatnonzero(meant != np.arange(len(names)))[0])
        sign = "" if len(names) > 2 else ", or, if lower is better, write the values with the other sign"
        raise DataError(
            f"{path}: the classes of its columns are in another order: '{names[column]}' is highest for "
            f"images of '{names[meant[column]]}', and "
            f"{part_of(int(right.sum()), len(labels), 'image', 'are right')} where {int(moved.sum())} "
            f"would be; name the columns as the model had its classes{sign}"
        )


def _in_their_best_order(
    chosen: IntArray, labels: IntArray, num_classes: int, halves: tuple[IntArray, IntArray]
) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """The images (N) that are right if each column means the class that half of them give it.

    Also the class that each column means (C), by the second half.
    """
    moved, meant = np.zeros(len(labels), np.bool_), np.arange(num_classes)
    for found_on, judged_on in (halves, halves[::-1]):
        counts = np.zeros((num_classes, num_classes), np.int64)
        np.add.at(counts, (chosen[found_on], labels[found_on]), 1)
        meant = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), np.arange(num_classes))
        moved[judged_on] = meant[chosen[judged_on]] == labels[judged_on]
    return moved, meant


def _is_surely_better(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether more of the same images are right, by more than noise."""
    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return bool(won - lost > _STANDARD_ERRORS * np.sqrt(won + lost))


def kind_of_scores(path: Path, ids: StrArray, scores: FloatArray, wanted: ValueKind | None) -> ValueKind:
    """The kind of the scores (N) of pairs; they are kept as they are, for only their order and scale count.

    Raises:
        DataError: They should be probabilities, and one is not between 0 and 1.
    """
    outside = (scores < 0) | (scores > 1)
    if wanted == "probabilities" and outside.any():
        row = int(outside.argmax())
        text = naming_first(int(outside.sum()), len(ids), "probability", "are not from 0 to 1", str(ids[row]))
        raise DataError(f"{path}: {text}")
    return wanted or "scores"


def require_direction(path: Path, scores: FloatArray, labels: IntArray) -> None:
    """Checks that higher scores are given to pairs (N) of one person.

    Raises:
        DataError: Lower ones are.
    """
    if len(np.unique(labels)) < 2 or len(labels) < _FEWEST_ROWS:
        return
    area, same = sort_trials(scores, labels).roc_auc(), int((labels == 1).sum())
    # Of scores that know nothing, by Mann and Whitney.
    standard_error = np.sqrt((len(labels) + 1) / (12 * same * (len(labels) - same)))
    if area < min(_LEAST_AUC, 0.5 - _STANDARD_ERRORS * standard_error):
        raise DataError(
            f"{path}: pairs of one person have the lower scores (AUC {area:.3f}); are they distances? "
            "Write them with the other sign"
        )
