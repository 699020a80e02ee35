"""The data of one fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.config.schema import FoldsConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.folds.split import make_folds
from kaggle_face.errors import DataError
from kaggle_face.records import CompetitionData, Pairs
from kaggle_face.train.settings import FoldData, select_fold
from tests.support.images import make_competition
from tests.support.progress import Told

IMAGES = ["v/0.jpg", "v/1.jpg", "v/2.jpg", "v/3.jpg"]
TRIALS = Pairs(
    np.array(["p0", "p1", "p2"]),
    np.array(["v/0.jpg", "v/0.jpg", "v/2.jpg"]),
    np.array(["v/1.jpg", "v/2.jpg", "v/3.jpg"]),
    np.array([1, 0, 0]),
)


def selected(data: CompetitionData, progress: Told, *broken: str) -> FoldData:
    ids = np.sort(data.faces.image_ids)
    cache = ImageCache(ids, np.zeros((len(ids), 8, 8, 3), np.uint8), ~np.isin(ids, broken), 8)
    return select_fold(data, make_folds(data, FoldsConfig(count=2)), cache, 0, progress)


@pytest.fixture
def data() -> CompetitionData:
    return make_competition([4, 4], dev_pairs=TRIALS, others=IMAGES)


def test_trials_with_an_image_that_cannot_be_read_are_left_out(data: CompetitionData) -> None:
    progress = Told()
    fold = selected(data, progress, "v/3.jpg")
    assert fold.pairs.pair_ids.tolist() == ["p0", "p1"]
    assert len(fold.pair_labels) == len(fold.pairs.image_ids) == 3
    assert progress.lines == ["fold 0: 1 of 3 trials has an image that cannot be read; left out"]


def test_trials_of_one_kind_are_refused_or_not_measured(data: CompetitionData) -> None:
    progress = Told()
    assert len(selected(data, progress, "v/1.jpg").pairs) == 0  # both that are left are of two people
    assert progress.lines[-1] == "fold 0: its trials are all of one kind, so they are not measured"
    with pytest.raises(DataError, match=r"2 of 2 labelled pairs show two people .* repair images"):
        selected(replace(data, test_pairs=TRIALS), progress, "v/1.jpg")
