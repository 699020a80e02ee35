"""Records on disk: a folder each, `.npy` for numbers, CSV for ids, and a seal over both.

`made_of` names the digests of what a record was made of (`provenance`); they are kept in its seal. Whatever
is read is compared with the checksums of the seal first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.atomic import replacing_folder, write_array, write_json
from kaggle_face.artifacts.files.reading import read_array, read_json, reading
from kaggle_face.artifacts.files.row_files import RowFile, new_rows
from kaggle_face.artifacts.json_types import GalleryShape
from kaggle_face.artifacts.seals import read_seal, write_seal
from kaggle_face.artifacts.tables import as_integers, read_table, write_table
from kaggle_face.config.values import MOST
from kaggle_face.errors import RunError
from kaggle_face.records import (
    UNKNOWN,
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

MadeOf = Mapping[str, str]

_NOTHING: MadeOf = {}


def write_predictions(folder: Path, predictions: Predictions, made_of: MadeOf = _NOTHING) -> None:
    """Writes `images.csv`, `classes.csv` and `logits.npy`."""
    with _sealed_folder(folder, made_of) as new:
        write_table(new / "images.csv", {"image_id": predictions.image_ids})
        write_table(new / "classes.csv", {"name": predictions.class_names})
        write_array(new / "logits.npy", predictions.logits)


@contextmanager
def new_predictions(
    folder: Path,
    image_ids: StrArray,
    class_names: StrArray,
    dtype: type[np.floating[Any]] = np.float32,
    made_of: MadeOf = _NOTHING,
) -> Iterator[RowFile]:
    """Yields logits (N, C) on the disk to be filled; the record appears if all goes well."""
    with _sealed_folder(folder, made_of) as new:
        write_table(new / "images.csv", {"image_id": image_ids})
        write_table(new / "classes.csv", {"name": class_names})
        shape = (len(image_ids), len(class_names))
        with new_rows(new / "logits.npy", shape, dtype) as logits:
            yield logits


def write_prediction_blocks(
    folder: Path,
    image_ids: StrArray,
    class_names: StrArray,
    blocks: Iterable[tuple[slice, FloatArray]],
    made_of: MadeOf = _NOTHING,
) -> None:
    """As `write_predictions`, from blocks of rows that are never in memory all at once."""
    with new_predictions(folder, image_ids, class_names, np.float32, made_of) as logits:
        for rows, block in blocks:
            logits[rows] = block


def read_predictions(folder: Path) -> Predictions:
    """Reads a record of `write_predictions`; the logits stay a memory map."""
    _require(folder, "predictions")
    ids = read_table(folder / "images.csv", ["image_id"])["image_id"]
    names = read_table(folder / "classes.csv", ["name"])["name"]
    logits = read_array(folder / "logits.npy", (len(ids), len(names)), "f")
    with reading(folder):
        return Predictions(ids, logits, names)


def write_embeddings(folder: Path, embeddings: Embeddings, made_of: MadeOf = _NOTHING) -> None:
    """Writes `images.csv` and `embeddings.npy`."""
    with _sealed_folder(folder, made_of) as new:
        write_table(new / "images.csv", {"image_id": embeddings.image_ids})
        write_array(new / "embeddings.npy", embeddings.vectors)


def read_embeddings(folder: Path) -> Embeddings:
    """Reads a record of `write_embeddings`; the vectors stay a memory map."""
    _require(folder, "embeddings")
    ids = read_table(folder / "images.csv", ["image_id"])["image_id"]
    vectors = read_array(folder / "embeddings.npy", (len(ids), None), "f")
    with reading(folder):
        return Embeddings(ids, vectors)


def write_pair_scores(folder: Path, scores: PairScores, made_of: MadeOf = _NOTHING) -> None:
    """Writes `pairs.csv` (id, label) and `scores.npy`."""
    with _sealed_folder(folder, made_of) as new:
        write_table(new / "pairs.csv", {"pair_id": scores.pair_ids, "label": scores.labels})
        write_array(new / "scores.npy", scores.scores)


def read_pair_scores(folder: Path) -> PairScores:
    """Reads a record of `write_pair_scores`."""
    _require(folder, "pair scores")
    path = folder / "pairs.csv"
    table = read_table(path, ["pair_id", "label"])
    ids, labels = table["pair_id"], as_integers(path, table["label"], UNKNOWN, 1)
    scores = read_array(folder / "scores.npy", (len(ids),), "f")
    with reading(folder):
        return PairScores(ids, scores, labels)


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
    """Reads a table of `write_pairs`."""
    table = read_table(path, ["pair_id", "first_id", "second_id", "label"])
    with reading(path):
        labels = as_integers(path, table["label"], UNKNOWN, 1)
        return Pairs(table["pair_id"], table["first_id"], table["second_id"], labels)


def write_gallery(folder: Path, gallery: Gallery) -> None:
    """Writes `known.csv` (image, name), `probes.csv` (id, image, true name or empty) and `gallery.json`."""
    with _sealed_folder(folder, _NOTHING) as new:
        write_table(new / "known.csv", {"image_id": gallery.image_ids, "name": gallery.names})
        probes = {
            "probe_id": gallery.probe_ids,
            "image_id": gallery.probe_image_ids,
            "name": gallery.probe_names,
        }
        write_table(new / "probes.csv", probes)
        write_json(new / "gallery.json", {"no_match": gallery.no_match})


def read_gallery(folder: Path) -> Gallery:
    """Reads a gallery of `write_gallery`."""
    _require(folder, "known people")
    known = read_table(folder / "known.csv", ["image_id", "name"])
    probes = read_table(folder / "probes.csv", ["probe_id", "image_id", "name"])
    no_match = read_json(folder / "gallery.json", GalleryShape).get("no_match")
    with reading(folder):
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
        scores = table["score"].astype(np.float64)
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        return table["probe_id"], table["name"], scores


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
    """Reads a table of `write_classes`."""
    table = read_table(path, ["name", "submitted"])
    with reading(path):
        return ClassTable(table["name"], table["submitted"])


def read_train_images(path: Path) -> IntArray:
    """The number of training images that a fold had of each class (C)."""
    return as_integers(path, read_table(path, ["train_images"])["train_images"], 0, MOST)


def write_folds(folder: Path, folds: Folds) -> None:
    """Writes `images.csv` (id, fold, heldout_fold) and `pairs.csv` (fold and trial)."""
    with _sealed_folder(folder, _NOTHING) as new:
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
    fold_of_pair = as_integers(pairs_file, table["fold"], 0, count - 1)
    labels = as_integers(pairs_file, table["labels"], UNKNOWN, 1)
    everything = (table["pair_ids"], table["first_ids"], table["second_ids"], labels)
    fold_of_image = as_integers(images_file, images["fold"], UNKNOWN, count - 1)
    heldout_fold = as_integers(images_file, images["heldout_fold"], UNKNOWN, count - 1)
    with reading(folder):
        pairs = [Pairs(*(column[fold_of_pair == fold] for column in everything)) for fold in range(count)]
        return Folds(folder.name, images["image_id"], fold_of_image, heldout_fold, tuple(pairs))


def _require(folder: Path, what: str) -> None:
    if not folder.is_dir():
        raise RunError(f"there are no {what} at {folder}")
    read_seal(folder)


@contextmanager
def _sealed_folder(folder: Path, made_of: MadeOf) -> Iterator[Path]:
    """A new folder in place of an old one, sealed when all is written."""
    with replacing_folder(folder) as new:
        yield new
        write_seal(new, made_of)
