"""Files aligned with folds whose trials differ, and with submissions that ask for an image twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_face.errors import DataError, InputError
from kaggle_face.evaluation.imported.reading import HeldOutImages, Sources, read_classes, read_pairs
from kaggle_face.records import ClassTable, CompetitionData, FaceTable, Pairs, RowList, no_pairs

TEST_IDS = np.array(["t/1.jpg", "t/2.jpg"])


def data_of(rows: RowList, pairs: Pairs) -> CompetitionData:
    faces = FaceTable(TEST_IDS, np.full(2, -1, np.int64), np.full(2, "test"))
    names = np.array(["ann", "bob"])
    return CompetitionData(faces, ClassTable(names, names), rows, no_pairs(), pairs)


def trials(fold: int) -> Pairs:
    ids = np.array([f"fold{fold}-{number}" for number in range(4)])
    images = np.array([f"{fold}/{number}.jpg" for number in range(5)])
    return Pairs(ids, images[:4], images[1:], np.array([1, 0, 1, 0], np.int64))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_trials_of_several_folds_are_read_from_one_file(folder: Path) -> None:
    test = Pairs(np.array(["0"]), TEST_IDS[:1], TEST_IDS[1:], np.array([-1], np.int64))
    data = data_of(RowList(TEST_IDS, TEST_IDS), test)
    both = [trials(0), trials(1)]
    ids = np.concatenate([each.pair_ids for each in both])
    table = pd.DataFrame({"pair": ids, "fold": [0] * 4 + [1] * 4, "score": np.arange(8) / 8})
    pd.DataFrame({"pair": ["0"], "score": [0.5]}).to_csv("test.csv", index=False)
    table.sample(frac=1, random_state=1).to_csv("oof.csv", index=False)
    sources = Sources(Path("test.csv"), Path("oof.csv"))
    oof, scores = read_pairs(data, both, sources)
    assert (
        oof is not None
        and oof.ids.tolist() == ids.tolist()
        and oof.values.tolist() == [i / 8 for i in range(8)]
    )
    assert scores.values.tolist() == [0.5] and oof.kind == "scores"
    table.astype({"fold": float}).to_csv("oof.csv", index=False)
    again, _ = read_pairs(data, both, sources)
    assert again is not None and again.values.tolist() == oof.values.tolist()
    table.assign(score=table["score"] * 1e300).to_csv("oof.csv", index=False)
    with pytest.raises(DataError, match="7 of 8 rows have values that are infinite, first: fold0-1"):
        read_pairs(data, both, sources)
    table.assign(fold=0).to_csv("oof.csv", index=False)
    with pytest.raises(
        DataError, match=r"4 of 8 rows are of another fold, first: fold1-0 \(fold 0, here 1\)"
    ):
        read_pairs(data, both, sources)
    table.assign(fold=table["fold"] + 1).to_csv("oof.csv", index=False)
    with pytest.raises(DataError, match="its folds are counted from 1, here from 0; subtract 1 from each"):
        read_pairs(data, both, sources)
    with pytest.raises(InputError, match="hold out no trials"):
        read_pairs(data, [no_pairs()], sources)
    with pytest.raises(InputError, match="no test pairs"):
        read_pairs(data_of(RowList(TEST_IDS, TEST_IDS), no_pairs()), both, sources)


@pytest.mark.parametrize("columns", [("pair",), ("first", "second")])
def test_trials_with_an_unreadable_image_may_be_given_and_need_not(
    folder: Path, columns: tuple[str, ...]
) -> None:
    test = Pairs(np.array(["0"]), TEST_IDS[:1], TEST_IDS[1:], np.array([-1], np.int64))
    data, every = data_of(RowList(TEST_IDS, TEST_IDS), test), trials(0)
    is_read = np.array([True, True, False, True])
    named = {"pair": every.pair_ids, "first": every.first_ids, "second": every.second_ids}
    table = pd.DataFrame({**{name: named[name] for name in columns}, "score": np.arange(4) / 4})
    pd.DataFrame({"pair": ["0"], "score": [0.5]}).to_csv("test.csv", index=False)
    sources = Sources(Path("test.csv"), Path("oof.csv"))
    for rows in (np.full(4, True), is_read):
        table[rows].to_csv("oof.csv", index=False)
        oof, _ = read_pairs(data, [every.where(is_read)], sources, [every.where(~is_read)])
        assert oof is not None and oof.values.tolist() == [0.0, 0.25, 0.75]


def test_a_pair_that_a_list_has_twice_is_answered_by_its_images(folder: Path) -> None:
    ids, first = np.array(["p0", "p1", "p2"]), np.array(["t/1.jpg", "t/1.jpg", "t/2.jpg"])
    second = np.array(["t/2.jpg", "t/1.jpg", "t/1.jpg"])
    data = data_of(RowList(TEST_IDS, TEST_IDS), Pairs(ids, first, second, np.full(3, -1, np.int64)))
    table = pd.DataFrame({"a": [2, 1, 1], "b": [1, 1, 2], "score": [0.25, 0.75, 0.25]})
    table.to_csv("test.csv", index=False)
    _, test = read_pairs(data, [], Sources(Path("test.csv")))
    assert test.ids.tolist() == ids.tolist() and test.values.tolist() == [0.25, 0.75, 0.25]
    table[:2].to_csv("test.csv", index=False)
    assert read_pairs(data, [], Sources(Path("test.csv")))[1].values.tolist() == [0.25, 0.75, 0.25]
    table.assign(score=[0.25, 0.75, 0.5]).to_csv("test.csv", index=False)
    with pytest.raises(DataError, match=r"two rows of the couple 1 \| 2 have different scores, 0.25 and 0.5"):
        read_pairs(data, [], Sources(Path("test.csv")))


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_column_beside_pair_ids_is_no_image(folder: Path, place: int) -> None:
    ids = np.array(["p0", "p1"])
    pairs = Pairs(ids, TEST_IDS, TEST_IDS[::-1], np.full(2, -1, np.int64))
    table = pd.DataFrame({"pid": ids, "score": [0.25, 0.75]})
    table.insert(min(place, 2), "extra", [5, 5])
    if place == 3:
        table = table.rename(columns={"extra": "score", "score": "extra"})
    table.to_csv("test.csv", index=False)
    with pytest.raises(DataError, match="'pid' holds the pair ids and 'score' the scores, so 'extra' is one"):
        read_pairs(data_of(RowList(TEST_IDS, TEST_IDS), pairs), [], Sources(Path("test.csv")))


def test_rows_of_one_image_must_agree(folder: Path) -> None:
    data = data_of(RowList(np.array(["r1", "r2", "r3"]), TEST_IDS[[0, 1, 0]]), no_pairs())
    nothing = HeldOutImages(TEST_IDS[:0], np.empty(0, np.int64), np.empty(0, np.int64), TEST_IDS[:0])
    table = pd.DataFrame({"id": ["r3", "r2", "r1"], "ann": [0.7, 0.2, 0.7], "bob": [0.3, 0.8, 0.3]})
    table.to_csv("test.csv", index=False)
    oof, test = read_classes(data, nothing, Sources(Path("test.csv")))
    assert oof is None and test.ids.tolist() == TEST_IDS.tolist()
    np.testing.assert_allclose(np.exp(test.values), [[0.7, 0.3], [0.2, 0.8]], rtol=1e-6)
    table.loc[0, ["ann", "bob"]] = [0.6, 0.4]
    table.to_csv("test.csv", index=False)
    with pytest.raises(DataError, match=r"two rows of the image t/1.jpg differ, one of them is r3"):
        read_classes(data, nothing, Sources(Path("test.csv")))


def test_both_files_hold_numbers_of_one_kind(folder: Path) -> None:
    data = data_of(RowList(TEST_IDS, TEST_IDS), no_pairs())
    held_out = HeldOutImages(
        np.array(["x.jpg"]), np.zeros(1, np.int64), np.zeros(1, np.int64), np.array(["broken.jpg"])
    )
    pd.DataFrame({"id": ["x.jpg"], "ann": [3.0], "bob": [-1.0]}).to_csv("oof.csv", index=False)
    pd.DataFrame({"id": TEST_IDS, "ann": [0.5, 0.5], "bob": [0.5, 0.5]}).to_csv("test.csv", index=False)
    with pytest.raises(DataError, match=r"looks like probabilities and oof\.csv does not"):
        read_classes(data, held_out, Sources(Path("test.csv"), Path("oof.csv")))
    oof, _ = read_classes(data, held_out, Sources(Path("test.csv"), Path("oof.csv"), "logits"))
    assert oof is not None and oof.values.tolist() == [[0.0, -4.0]]
