"""Records survive the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.seals import write_seal
from kaggle_face.errors import InputError, RunError
from kaggle_face.records import ClassTable, Embeddings, Folds, Gallery, Pairs, PairScores, Predictions

IDS = np.array(["a b.jpg", "nan", '0,"1"', "007"])


def test_predictions_come_back_with_ids_that_look_like_numbers_or_nothing(tmp_path: Path) -> None:
    logits = np.arange(8, dtype=np.float16).reshape(4, 2)
    record_io.write_predictions(tmp_path / "p", Predictions(IDS, logits, np.array(["1", "01"])))
    back = record_io.read_predictions(tmp_path / "p")
    assert back.image_ids.tolist() == IDS.tolist()
    assert back.class_names.tolist() == ["1", "01"]
    assert np.array_equal(back.logits, logits) and back.logits.dtype == np.float16


def test_predictions_written_in_blocks_are_those_written_at_once(tmp_path: Path) -> None:
    logits = np.arange(8, dtype=np.float32).reshape(4, 2)
    blocks = [(slice(0, 3), logits[:3]), (slice(3, 4), logits[3:])]
    record_io.write_prediction_blocks(tmp_path / "p", IDS, np.array(["1", "01"]), blocks)
    assert np.array_equal(record_io.read_predictions(tmp_path / "p").logits, logits)


def test_embeddings_and_pair_scores_come_back(tmp_path: Path) -> None:
    record_io.write_embeddings(tmp_path / "e", Embeddings(IDS, np.eye(4, dtype=np.float32)))
    assert np.array_equal(record_io.read_embeddings(tmp_path / "e").vectors, np.eye(4))
    scores = PairScores(IDS, np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 1, 0]))
    record_io.write_pair_scores(tmp_path / "s", scores)
    back = record_io.read_pair_scores(tmp_path / "s")
    assert back.labels.tolist() == [0, 1, 1, 0] and back.scores.tolist() == [0.1, 0.2, 0.3, 0.4]


def test_pairs_come_back(tmp_path: Path) -> None:
    pairs = Pairs(np.array(["7", "a b"]), IDS[:2], IDS[2:], np.array([1, -1]))
    record_io.write_pairs(tmp_path / "pairs.csv", pairs)
    back = record_io.read_pairs(tmp_path / "pairs.csv")
    assert (back.pair_ids.tolist(), back.first_ids.tolist()) == (["7", "a b"], ["a b.jpg", "nan"])
    assert (back.second_ids.tolist(), back.labels.tolist()) == (['0,"1"', "007"], [1, -1])


def test_classes_come_back(tmp_path: Path) -> None:
    record_io.write_classes(
        tmp_path / "classes.csv", ClassTable(np.array(["n1", "n0"]), np.array(["7", "0"])), np.array([3, 0])
    )
    back = record_io.read_classes(tmp_path / "classes.csv")
    assert (back.names.tolist(), back.submitted.tolist()) == (["n1", "n0"], ["7", "0"])
    assert record_io.read_train_images(tmp_path / "classes.csv").tolist() == [3, 0]


def test_folds_come_back(tmp_path: Path) -> None:
    pairs = tuple(Pairs(np.array([f"{k}-0"]), IDS[:1], IDS[1:2], np.array([k])) for k in range(2))
    folds = Folds("f", IDS, np.array([0, 1, 0, -1]), np.array([-1, -1, 1, -1]), pairs)
    record_io.write_folds(tmp_path / "f", folds)
    back = record_io.read_folds(tmp_path / "f", 2)
    assert back.training_ids(0).tolist() == ["nan", "007"]
    assert back.training_ids(1).tolist() == ["a b.jpg", "007"]
    assert back.validation_ids(0).tolist() == ["a b.jpg", '0,"1"']
    assert [p.pair_ids.tolist() for p in back.pairs] == [["0-0"], ["1-0"]]


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there are no predictions at"):
        record_io.read_predictions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content", ["", "name,submitted,train_images\nn0,0,\n", "name,submitted,train_images\nn0\n"]
)
def test_a_table_that_a_full_disk_cut_off_is_one_line_with_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(RunError, match=r"classes\.csv cannot be read") as caught:
        record_io.read_train_images(tmp_path / "classes.csv")
    assert "\n" not in str(caught.value)


def saved_records(folder: Path) -> None:
    names = np.array(["n0", "n1"])
    record_io.write_predictions(folder / "predictions", Predictions(IDS, np.zeros((4, 2), np.float32), names))
    record_io.write_embeddings(folder / "embeddings", Embeddings(IDS, np.ones((4, 3), np.float32)))
    record_io.write_pair_scores(folder / "pairs", PairScores(IDS, np.zeros(4, np.float32), np.zeros(4, int)))


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("predictions/logits.npy", np.zeros((4, 3)), "an array of shape (4, 3), expected (4, 2)"),
        ("predictions/logits.npy", np.zeros((3, 2)), "an array of shape (3, 2), expected (4, 2)"),
        ("predictions/logits.npy", np.zeros((4, 2), int), "its numbers are of type int64"),
        ("predictions/logits.npy", np.full((4, 2), np.inf), "the logits of a b.jpg are infinite"),
        ("predictions/logits.npy", np.full((4, 2), -np.inf), "the logits of a b.jpg are infinite"),
        ("predictions/logits.npy", np.full((4, 2), np.nan), "the logits of a b.jpg are not a number"),
        ("embeddings/embeddings.npy", np.zeros(()), "an array of shape (), expected (4, any)"),
        ("embeddings/embeddings.npy", np.zeros((3, 3)), "an array of shape (3, 3), expected (4, any)"),
        ("embeddings/embeddings.npy", np.full((4, 3), np.inf), "the embeddings of a b.jpg are infinite"),
        ("pairs/scores.npy", np.zeros((4, 1)), "an array of shape (4, 1), expected (4)"),
        ("pairs/scores.npy", np.full(4, -np.inf), "the pair scores of a b.jpg are infinite"),
        ("pairs/scores.npy", np.array(["a"] * 4), "its numbers are of type <U1"),
    ],
)
def test_an_array_that_does_not_fit_its_record_is_refused(
    tmp_path: Path, file: str, array: np.ndarray, message: str
) -> None:
    saved_records(tmp_path)
    np.save(tmp_path / file, array)
    write_seal((tmp_path / file).parent, {})
    read = {
        "predictions": record_io.read_predictions,
        "embeddings": record_io.read_embeddings,
        "pairs": record_io.read_pair_scores,
    }
    name = file.partition("/")[0]
    with pytest.raises(InputError) as caught:
        read[name](tmp_path / name)
    assert message in str(caught.value) and str(tmp_path / name) in str(caught.value)


def test_logits_of_a_class_that_was_never_trained_are_minus_infinity(tmp_path: Path) -> None:
    logits = np.array([[0.5, -np.inf]] * 4, np.float32)
    record_io.write_predictions(tmp_path / "p", Predictions(IDS, logits, np.array(["n0", "n1"])))
    assert np.array_equal(record_io.read_predictions(tmp_path / "p").logits, logits)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("predictions/images.csv", "image_id\na\na\nb\nc\n", "ids appears twice, first: a"),
        ("predictions/images.csv", "image_id\na\n", "an array of shape (4, 2), expected (1, 2)"),
        ("pairs/pairs.csv", "pair_id,label\na,5\nb,0\nc,0\nd,0\n", "5 is not from -1 to 1"),
        ("pairs/pairs.csv", "pair_id,label\na,x\nb,0\nc,0\nd,0\n", "invalid literal"),
        ("pairs/pairs.csv", "pair_id,label\na," + "9" * 30 + "\nb,0\nc,0\nd,0\n", "too large"),
    ],
)
def test_a_table_that_does_not_fit_its_record_is_refused(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    saved_records(tmp_path)
    (tmp_path / file).write_text(text)
    write_seal((tmp_path / file).parent, {})
    read = record_io.read_predictions if file.startswith("predictions") else record_io.read_pair_scores
    with pytest.raises(InputError) as caught:
        read(tmp_path / file.partition("/")[0])
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.csv", "a b.jpg,0,-1", "a b.jpg,2,-1", "2 is not from -1 to 1"),
        ("images.csv", "a b.jpg,0,-1", "a b.jpg,0,0", "held out of its fold by name and by identity"),
        ("images.csv", "a b.jpg,0,-1", "a b.jpg,0", "row 2 has 2 cells, its header has 3"),
        ("images.csv", "a b.jpg,0,-1", "nan,0,-1", "ids appears twice, first: nan"),
        ("pairs.csv", "\n0,", "\n7,", "7 is not from 0 to 1"),
    ],
)
def test_folds_that_were_changed_are_refused(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    pairs = tuple(Pairs(np.array([f"{k}-0"]), IDS[:1], IDS[1:2], np.array([k])) for k in range(2))
    record_io.write_folds(
        tmp_path / "f", Folds("f", IDS, np.array([0, 1, 0, -1]), np.array([-1, -1, 1, -1]), pairs)
    )
    text = (tmp_path / "f" / file).read_text()
    assert old in text
    (tmp_path / "f" / file).write_text(text.replace(old, new, 1))
    write_seal(tmp_path / "f", {})
    with pytest.raises(InputError) as caught:
        record_io.read_folds(tmp_path / "f", 2)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ['{"no_match": 5}', "[]", "{"])
def test_a_gallerys_label_of_no_match_is_text(tmp_path: Path, text: str) -> None:
    gallery = Gallery(IDS[:2], IDS[:2], IDS[2:], IDS[2:], IDS[2:], "none")
    record_io.write_gallery(tmp_path / "g", gallery)
    assert record_io.read_gallery(tmp_path / "g").no_match == "none"
    (tmp_path / "g" / "gallery.json").write_text(text)
    write_seal(tmp_path / "g", {})
    with pytest.raises(RunError, match=r"gallery\.json"):
        record_io.read_gallery(tmp_path / "g")
