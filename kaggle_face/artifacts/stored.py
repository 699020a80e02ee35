"""Records on disk: a folder each, `.npy` for numbers and CSV for ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.atomic import read_array, reading, replacing_folder, write_array, write_json
from kaggle_face.artifacts.row_files import RowFile, new_rows
from kaggle_face.artifacts.tables import read_table, write_table
from kaggle_face.errors import RunError
from kaggle_face.records import (
    ClassTable,
    Embeddings,
    FloatArray,
    Folds,
    Gallery,
    IntArray,
    Pairs,
    PairScores,
    Predictions,
    StrArray,
)


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Writes `images.csv`, `classes.csv` and `logits.npy`."""
    with replacing_folder(folder) as new:
        write_table(new / "images.csv", {"image_id": predictions.image_ids})
        write_table(new / "classes.csv", {"name": predictions.class_names})
        write_array(new / "logits.npy", predictions.logits)


@contextmanager
def new_predictions(
    folder: Path, image_ids: StrArray, class_names: StrArray, dtype: type[np.floating[Any]] = np.float16
) -> Iterator[RowFile]:
    """Yields logits (N, C) on the disk to be filled; the record appears if all goes well."""
    with replacing_folder(folder) as new:
        write_table(new / "images.csv", {"image_id": image_ids})
        write_table(new / "classes.csv", {"name": class_names})
        shape = (len(image_ids), len(class_names))
        with new_rows(new / "logits.npy", shape, dtype) as logits:
            yield logits


def write_prediction_blocks(
    folder: Path, image_ids: StrArray, class_names: StrArray, blocks: Iterable[tuple[slice, FloatArray]]
) -> None:
    """Writes what `write_predictions` writes, from blocks of rows that never stand in memory all at once."""
    with new_predictions(folder, image_ids, class_names, np.float32) as logits:
        for rows, block in blocks:
            logits[rows] = block


def read_predictions(folder: Path) -> Predictions:
    """Reads what `write_predictions` wrote; the logits stay a memory map."""
    _require(folder, "predictions")
    ids = read_table(folder / "images.csv", ["image_id"])["image_id"]
    names = read_table(folder / "classes.csv", ["name"])["name"]
    return Predictions(ids, read_array(folder / "logits.npy"), names)


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """Writes `images.csv` and `embeddings.npy`."""
    with replacing_folder(folder) as new:
        write_table(new / "images.csv", {"image_id": embeddings.image_ids})
        write_array(new / "embeddings.npy", embeddings.vectors)


def read_embeddings(folder: Path) -> Embeddings:
    """Reads what `write_embeddings` wrote; the vectors stay a memory map."""
    _require(folder, "embeddings")
    ids = read_table(folder / "images.csv", ["image_id"])["image_id"]
    return Embeddings(ids, read_array(folder / "embeddings.npy"))


def write_pair_scores(folder: Path, scores: PairScores) -> None:
    """Writes `pairs.csv` (id, label) and `scores.npy`."""
    with replacing_folder(folder) as new:
        write_table(new / "pairs.csv", {"pair_id": scores.pair_ids, "label": scores.labels})
        write_array(new / "scores.npy", scores.scores)


def read_pair_scores(folder: Path) -> PairScores:
    """Reads what `write_pair_scores` wrote."""
    _require(folder, "pair scores")
    path = folder / "pairs.csv"
    table = read_table(path, ["pair_id", "label"])
    return PairScores(table["pair_id"], read_array(folder / "scores.npy"), _integers(path, table["label"]))


def write_pairs(path: Path, pairs: Pairs) -> None:
    """Writes trials as CSV: id, both images, and the truth or -1."""
    columns = {
        "pair_id": pairs.pair_ids,
        "first_id": pairs.first_ids,
        "second_id": pairs.second_ids,
        "label": pairs.labels,
    }
    write_table(path, columns)


def read_pairs(path: Path) -> Pairs:
    """Reads what `write_pairs` wrote."""
    table = read_table(path, ["pair_id", "first_id", "second_id", "label"])
    return Pairs(table["pair_id"], table["first_id"], table["second_id"], _integers(path, table["label"]))


def write_gallery(folder: Path, gallery: Gallery) -> None:
    """Writes `known.csv` (image, name), `probes.csv` (id, image, true name or empty) and `gallery.json`."""
    with replacing_folder(folder) as new:
        write_table(new / "known.csv", {"image_id": gallery.image_ids, "name": gallery.names})
        probes = {
            "probe_id": gallery.probe_ids,
            "image_id": gallery.probe_image_ids,
            "name": gallery.probe_names,
        }
        write_table(new / "probes.csv", probes)
        write_json(new / "gallery.json", {"no_match": gallery.no_match})


def read_gallery(folder: Path) -> Gallery:
    """Reads what `write_gallery` wrote."""
    _require(folder, "known people")
    known = read_table(folder / "known.csv", ["image_id", "name"])
    probes = read_table(folder / "probes.csv", ["probe_id", "image_id", "name"])
    with reading(folder / "gallery.json"):
        no_match = json.loads((folder / "gallery.json").read_text(encoding="utf-8")).get("no_match")
    return Gallery(
        known["image_id"], known["name"], probes["probe_id"], probes["image_id"], probes["name"], no_match
    )


def write_matches(path: Path, probe_ids: StrArray, names: StrArray, scores: FloatArray) -> None:
    """Writes the best match of each probe (Q) of a gallery and its score as CSV."""
    write_table(path, {"probe_id": probe_ids, "name": names, "score": [repr(float(s)) for s in scores]})


def read_matches(path: Path) -> tuple[StrArray, StrArray, FloatArray]:
    """Ids, names and scores (Q each) that `write_matches` wrote."""
    table = read_table(path, ["probe_id", "name", "score"])
    with reading(path):
        return table["probe_id"], table["name"], table["score"].astype(np.float64)


def write_classes(path: Path, classes: ClassTable, train_images: IntArray) -> None:
    """Writes a fold's classes: index, name, the label that a submission carries, and training images (C)."""
    columns = {
        "index": np.arange(len(classes)),
        "name": classes.names,
        "submitted": classes.submitted,
        "train_images": train_images,
    }
    write_table(path, columns)


def read_classes(path: Path) -> ClassTable:
    """Reads what `write_classes` wrote."""
    table = read_table(path, ["name", "submitted"])
    return ClassTable(table["name"], table["submitted"])


def read_train_images(path: Path) -> IntArray:
    """The number of training images that a fold had of each class (C)."""
    return _integers(path, read_table(path, ["train_images"])["train_images"])


def write_folds(folder: Path, folds: Folds) -> None:
    """Writes `images.csv` (id, fold, heldout_fold) and `pairs.csv` (fold and trial)."""
    with replacing_folder(folder) as new:
        columns = {
            "image_id": folds.image_ids,
            "fold": folds.fold_of_image,
            "heldout_fold": folds.heldout_fold,
        }
        write_table(new / "images.csv", columns)
        sizes = [len(pairs) for pairs in folds.pairs]
        pairs_columns = {"fold": np.repeat(np.arange(folds.count), sizes)}
        for name in ("pair_ids", "first_ids", "second_ids", "labels"):
            pairs_columns[name] = np.concatenate([getattr(pairs, name) for pairs in folds.pairs])
        write_table(new / "pairs.csv", pairs_columns)


def read_folds(folder: Path, count: int) -> Folds:
    """Reads the `count` folds that `write_folds` wrote; the folder's name is theirs."""
    _require(folder, "folds")
    images_file, pairs_file = folder / "images.csv", folder / "pairs.csv"
    images = read_table(images_file, ["image_id", "fold", "heldout_fold"])
    table = read_table(pairs_file, ["fold", "pair_ids", "first_ids", "second_ids", "labels"])
    fold_of_pair, labels = _integers(pairs_file, table["fold"]), _integers(pairs_file, table["labels"])
    everything = (table["pair_ids"], table["first_ids"], table["second_ids"], labels)
    pairs = [Pairs(*(column[fold_of_pair == fold] for column in everything)) for fold in range(count)]
    return Folds(
        folder.name,
        images["image_id"],
        _integers(images_file, images["fold"]),
        _integers(images_file, images["heldout_fold"]),
        tuple(pairs),
    )


def _integers(path: Path, column: StrArray) -> IntArray:
    with reading(path):
        return column.astype(np.int64) if len(column) else np.empty(0, np.int64)


def _require(folder: Path, what: str) -> None:
    if not folder.is_dir():
        raise RunError(f"there are no {what} at {folder}")
