"""The leak check: no fold is measured on its training data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import UNKNOWN, CompetitionData, Folds, IntArray, StrArray

_OTHER_TRIALS = "set folds.verification=identities"
_NEW_FOLDS = "delete the saved folds"


def check_no_leak(folds: Folds, data: CompetitionData) -> None:
    """Checks that no fold trains on images that it is measured on, on people of its trials or on test images.

    Raises:
        DataError: The folds leak, or list an image that the competition has not; the first is named.
    """
    row_of = {image_id: row for row, image_id in enumerate(data.faces.image_ids.tolist())}
    is_test = (data.faces.splits == "test") | np.isin(data.faces.image_ids, data.test_rows.image_ids)
    test_rows = np.flatnonzero(is_test)
    for fold in range(folds.count):
        is_trained = np.zeros(len(data.faces), np.bool_)
        is_trained[_rows(folds.training_ids(fold), row_of)] = True
        measured = _rows(folds.validation_ids(fold), row_of)
        trials = _rows(folds.pairs[fold].image_ids, row_of)
        _require_none(
            is_trained, measured, f"measured image of fold {fold}", "are trained on", _NEW_FOLDS, data
        )
        _require_none(is_trained, test_rows, "test image", f"are trained on in fold {fold}", _NEW_FOLDS, data)
        trial = f"trial image of fold {fold}"
        _require_none(is_trained, trials, trial, "are trained on", _OTHER_TRIALS, data)
        labels = data.faces.labels
        shows_trained = (labels != UNKNOWN) & np.isin(labels, labels[is_trained])
        _require_none(shows_trained, trials, trial, "show people that it trains on", _OTHER_TRIALS, data)


def _rows(image_ids: StrArray, row_of: dict[str, int]) -> IntArray:
    names = image_ids.tolist()
    missing = [name for name in names if name not in row_of]
    if missing:
        raise DataError(
            naming_first(len(missing), len(names), "image of the folds", "do not exist", missing[0])
        )
    return np.array([row_of[name] for name in names], np.int64)


def _require_none(
    is_bad: npt.NDArray[np.bool_], rows: IntArray, noun: str, clause: str, remedy: str, data: CompetitionData
) -> None:
    bad = rows[is_bad[rows]]
    if len(bad):
        first = str(data.faces.image_ids[bad[0]])
        raise DataError(f"{naming_first(len(bad), len(rows), noun, clause, first)}; {remedy}")
