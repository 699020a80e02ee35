"""Records survive the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import stored
from kaggle_face.errors import RunError
from kaggle_face.records import ClassTable, Embeddings, Folds, Pairs, PairScores, Predictions

IDS = np.array(["a b.jpg", "nan", '0,"1"', "007"])


def test_predictions_come_back_with_ids_that_look_like_numbers_or_nothing(tmp_path: Path) -> None:
    logits = np.arange(8, dtype=np.float16).reshape(4, 2)
    stored.write_predictions(tmp_path / "p", Predictions(IDS, logits, np.array(["1", "01"])))
    back = stored.read_predictions(tmp_path / "p")
    assert back.image_ids.tolist() == IDS.tolist()
    assert back.class_names.tolist() == ["1", "01"]
    assert np.array_equal(back.logits, logits) and back.logits.dtype == np.float16


def test_predictions_written_in_blocks_are_those_written_at_once(tmp_path: Path) -> None:
    logits = np.arange(8, dtype=np.float32).reshape(4, 2)
    blocks = [(slice(0, 3), logits[:3]), (slice(3, 4), logits[3:])]
    stored.write_prediction_blocks(tmp_path / "p", IDS, np.array(["1", "01"]), blocks)
    assert np.array_equal(stored.read_predictions(tmp_path / "p").logits, logits)


def test_embeddings_and_pair_scores_come_back(tmp_path: Path) -> None:
    stored.write_embeddings(tmp_path / "e", Embeddings(IDS, np.eye(4, dtype=np.float32)))
    assert np.array_equal(stored.read_embeddings(tmp_path / "e").vectors, np.eye(4))
    scores = PairScores(IDS, np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 1, 0]))
    stored.write_pair_scores(tmp_path / "s", scores)
    back = stored.read_pair_scores(tmp_path / "s")
    assert back.labels.tolist() == [0, 1, 1, 0] and back.scores.tolist() == [0.1, 0.2, 0.3, 0.4]


def test_pairs_come_back(tmp_path: Path) -> None:
    pairs = Pairs(np.array(["7", "a b"]), IDS[:2], IDS[2:], np.array([1, -1]))
    stored.write_pairs(tmp_path / "pairs.csv", pairs)
    back = stored.read_pairs(tmp_path / "pairs.csv")
    assert (back.pair_ids.tolist(), back.first_ids.tolist()) == (["7", "a b"], ["a b.jpg", "nan"])
    assert (back.second_ids.tolist(), back.labels.tolist()) == (['0,"1"', "007"], [1, -1])


def test_classes_come_back(tmp_path: Path) -> None:
    stored.write_classes(
        tmp_path / "classes.csv", ClassTable(np.array(["n1", "n0"]), np.array(["7", "0"])), np.array([3, 0])
    )
    back = stored.read_classes(tmp_path / "classes.csv")
    assert (back.names.tolist(), back.submitted.tolist()) == (["n1", "n0"], ["7", "0"])
    assert stored.read_train_images(tmp_path / "classes.csv").tolist() == [3, 0]


def test_folds_come_back(tmp_path: Path) -> None:
    pairs = tuple(Pairs(np.array([f"{k}-0"]), IDS[:1], IDS[1:2], np.array([k])) for k in range(2))
    folds = Folds("f", IDS, np.array([0, 1, 0, -1]), np.array([-1, -1, 1, -1]), pairs)
    stored.write_folds(tmp_path / "f", folds)
    back = stored.read_folds(tmp_path / "f", 2)
    assert back.training_ids(0).tolist() == ["nan", "007"]
    assert back.training_ids(1).tolist() == ["a b.jpg", "007"]
    assert back.validation_ids(0).tolist() == ["a b.jpg", '0,"1"']
    assert [p.pair_ids.tolist() for p in back.pairs] == [["0-0"], ["1-0"]]


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there are no predictions at"):
        stored.read_predictions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content", ["", "name,submitted,train_images\nn0,0,\n", "name,submitted,train_images\nn0\n"]
)
def test_a_table_that_a_full_disk_cut_off_is_one_line_with_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(RunError, match=r"classes\.csv cannot be read") as caught:
        stored.read_train_images(tmp_path / "classes.csv")
    assert "\n" not in str(caught.value)
