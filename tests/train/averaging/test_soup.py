"""What a soup across folds is scored on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kaggle_face.records import ClassTable, Pairs
from kaggle_face.train.averaging.soup import shared_fold_data
from kaggle_face.train.settings import FoldData
from tests.support.small_training import image_cache


def test_a_soup_across_folds_is_filed_under_the_first_of_them_in_any_order() -> None:
    cache, names = image_cache(), np.array(["a", "b"])
    ids, labels = cache.image_ids[:8], np.arange(8) % 2
    pairs = Pairs(np.array(["p", "q"]), ids[[0, 1]], ids[[2, 4]], np.array([1, 0]))
    first = FoldData(0, ClassTable(names, names), cache, ids[:4], labels[:4], ids[4:], labels[4:], pairs)
    second = replace(
        first,
        fold=1,
        train_ids=ids[4:],
        train_labels=labels[4:],
        validation_ids=ids[:4],
        validation_labels=labels[:4],
    )
    for of_folds in ([first, second], [second, first]):
        shared = shared_fold_data(of_folds)
        assert shared.fold == 0 and len(shared.validation_ids) == 0
        assert shared.train_ids.tolist() == ids.tolist() and shared.train_labels.tolist() == labels.tolist()
