from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.top_k import TopK
from kaggle_face.competitions.submission.tables import fill_table, topk_columns
from kaggle_face.errors import DataError
from kaggle_face.metrics.unknowns import choose_unknown_threshold
from kaggle_face.records import Predictions


def test_the_unknown_label_is_no_class(whales):
    data = whales.read()
    assert data.classes.names.tolist() == ["w10", "w2"]
    labels = dict(zip(data.faces.image_ids.tolist(), data.faces.labels.tolist(), strict=True))
    assert labels["train_images/d.jpg"] == -1
    assert labels["train_images/b.jpg"] == 0


def test_the_gallery_holds_the_images_of_known_individuals(whales):
    gallery = whales.read().test_gallery
    assert gallery.no_match == "new_individual"
    assert gallery.names.tolist() == ["w2", "w10", "w2"]
    assert gallery.probe_ids.tolist() == ["x.jpg", "y.jpg"]


def test_the_unknown_label_stands_where_the_score_falls_below_the_threshold(whales):
    data = whales.read()
    scores = np.array([[0.9, 0.3], [0.2, 0.1]], np.float32)  # x: w10 0.9, w2 0.3; y: w10 0.2, w2 0.1
    predictions = Predictions(data.test_rows.image_ids, scores, data.classes.names)
    form = TopK().formats("happywhale").of_task("classification")
    table = fill_table(form, [topk_columns(data, predictions, "new_individual", threshold=0.5, k=2)])
    assert table.columns == ("image", "predictions")
    assert table.cells["image"].tolist() == ["x.jpg", "y.jpg"]
    assert table.cells["predictions"].tolist() == ["w10 new_individual", "new_individual w10"]


def test_without_a_threshold_the_likeliest_classes_are_written(whales):
    data = whales.read()
    predictions = Predictions(
        data.test_rows.image_ids, np.array([[0.9, 0.3], [0.2, 0.4]]), data.classes.names
    )
    form = TopK().formats("happywhale").of_task("classification")
    table = fill_table(form, [topk_columns(data, predictions, "new_individual", threshold=None, k=2)])
    assert table.cells["predictions"].tolist() == ["w10 w2", "w2 w10"]


def test_the_score_that_a_threshold_is_chosen_by_is_that_of_the_rows_written(whales):
    for place in range(40):
        whales.images(f"train_images/n{place}.jpg", f"test_images/n{place}.jpg")
        with (whales.root / "train.csv").open("a") as table:
            table.write(f"n{place}.jpg,whale,v{place % 5}\n")
    data, rng = whales.read(), np.random.default_rng(0)
    num_rows, num_classes = len(data.test_rows.image_ids), len(data.classes.names)
    labels = rng.integers(0, num_classes, num_rows)
    # two decimals, so that probabilities tie with each other and with candidate thresholds
    known = rng.dirichlet(np.full(num_classes, 0.5), num_rows).round(2).astype(np.float32)
    unknown = known.astype(np.float64)
    unknown[np.arange(num_rows), labels] = 0
    unknown /= np.maximum(unknown.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    best = choose_unknown_threshold(known, labels, unknown_share=0.3, k=3)
    form = TopK().formats("happywhale").of_task("classification")

    def written_map(probabilities, truth):
        predictions = Predictions(data.test_rows.image_ids, probabilities, data.classes.names)
        columns = topk_columns(data, predictions, "new_individual", best.threshold, k=3)
        rows = fill_table(form, [columns]).cells["predictions"].tolist()
        places = [
            row.split().index(name) if name in row.split() else None
            for row, name in zip(rows, truth, strict=True)
        ]
        assert all(len(row.split()) == 3 for row in rows)
        return np.mean([0.0 if place is None else 1 / (place + 1) for place in places])

    score = 0.7 * written_map(known, data.classes.submitted[labels].tolist())
    score += 0.3 * written_map(unknown, ["new_individual"] * num_rows)
    assert score == pytest.approx(best.expected_map, abs=1e-15)


def test_five_labels_stand_in_a_row(whales):
    for place, name in enumerate("ghijk"):
        whales.images(f"train_images/{name}.jpg")
        with (whales.root / "train.csv").open("a") as table:
            table.write(f"{name}.jpg,whale,v{place}\n")
    data = whales.read()
    logits = np.tile(np.arange(7, dtype=np.float32), (2, 1))  # classes v0..v4, w10, w2: the last is likeliest
    predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
    form = TopK().formats("happywhale").of_task("classification")
    table = fill_table(form, [topk_columns(data, predictions, None, None, form.labels_per_row)])
    assert table.cells["predictions"].tolist() == ["w2 w10 v4 v3 v2"] * 2


def test_the_humpback_table_is_read_too(whales):
    whales.text("train.csv", "Image,Id", "a.jpg,w_1", "b.jpg,new_whale")
    data = whales.read()
    assert data.classes.names.tolist() == ["w_1"]
    assert data.test_gallery.no_match == "new_whale"
    assert any("2 of 4 images of train_images are not in train.csv" in note for note in data.notes)


def test_an_image_of_the_table_that_does_not_exist_is_refused(whales):
    whales.text("train.csv", "image,species,individual_id", "a.jpg,whale,w1", "z.jpg,whale,w1")
    with pytest.raises(DataError, match=r"train.csv:3: 1 of 2 named images does not exist, first: z.jpg"):
        whales.read()


def test_a_row_without_an_individual_is_noted_and_no_class(whales):
    with (whales.root / "train.csv").open("a") as table:
        table.write("e.jpg,whale,\nf.jpg,whale,nan\ng.jpg,whale,w2\n")
    whales.images(*(f"train_images/{name}.jpg" for name in "efg"))
    data = whales.read()
    assert data.classes.names.tolist() == ["w10", "w2"]
    labels = dict(zip(data.faces.image_ids.tolist(), data.faces.labels.tolist(), strict=True))
    assert labels["train_images/e.jpg"] == labels["train_images/f.jpg"] == -1
    line = "train.csv: 2 of 7 rows have no individual, first: line 6; their images are not trained on"
    assert line in data.notes


def test_a_table_with_semicolons_is_recognised_and_read(whales):
    path = whales.root / "train.csv"
    path.write_text(path.read_text().replace(",", ";"))
    assert whales.read().classes.names.tolist() == ["w10", "w2"]


def test_a_repeated_row_counts_once(whales):
    with (whales.root / "train.csv").open("a") as table:
        table.write("a.jpg,whale,w2\n")
    data = whales.read()
    assert len(data.faces.of_split("train")) == 4
    assert "train.csv: 1 line appears twice, first: line 6" in data.notes


def test_an_image_of_two_individuals_is_refused_with_its_line(whales):
    with (whales.root / "train.csv").open("a") as table:
        table.write("a.jpg,whale,w10\n")
    with pytest.raises(
        DataError, match=r"train\.csv:6: 'train_images/a\.jpg' has the label w10 here and w2 above"
    ):
        whales.read()


def test_a_table_without_a_known_individual_is_refused(whales):
    whales.text("train.csv", "image,individual_id", *(f"{name}.jpg,new_individual" for name in "abcd"))
    with pytest.raises(DataError, match="no training image has a label"):
        whales.read()


def test_two_individuals_whose_names_are_one_when_composed_are_refused(whales):
    whales.text("train.csv", "image,individual_id", "a.jpg,Jos\u00e9", "b.jpg,Jose\u0301", "c.jpg,w2")
    with pytest.raises(
        DataError, match=r"'Jose\\u0301' and 'Jos\\xe9' differ in the spelling of accents alone"
    ):
        whales.read()


def test_pictures_of_every_suffix_and_depth_are_rows(whales):
    whales.images("test_images/deep/er/z.jfif", "test_images/w.PGM")
    rows = whales.read().test_rows
    assert sorted(rows.row_ids.tolist()) == ["w.PGM", "x.jpg", "y.jpg", "z.jfif"]
