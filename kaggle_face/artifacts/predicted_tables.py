"""The tables of predicted rows, which lie beside test records, and the differences between two of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json, reading
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.seals import (
    digest_of_file,
    digest_of_names,
    has_seal,
    read_seal,
)
from kaggle_face.artifacts.tables import read_table, write_table
from kaggle_face.errors import counted, naming_first
from kaggle_face.records import (
    UNKNOWN,
    ClassTable,
    CompetitionData,
    FaceTable,
    Gallery,
    IntArray,
    Pairs,
    RowList,
    StrArray,
    no_pairs,
)
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from kaggle_face.config.competition import CompetitionConfig

NOTHING = "none"
"""The digest of an input that is not there."""
ROWS, PAIRS, IMAGES, COMPETITION = "rows.csv", "pairs.csv", "images.csv", "competition.json"
GALLERIES = ("gallery_dev", "gallery_test")


@dataclass(frozen=True, eq=False)
class TestTables:
    """The tables to predict: the rows of each CSV, and the digest of every picture that they need.

    `data` holds the test rows, pairs and galleries of a competition with the fold's classes; `digests` (N)
    are those of the contents of `data.faces.image_ids`; `competition` has the layout and variant that the raw
    folder showed.
    """

    __test__ = False  # not for pytest

    data: CompetitionData
    digests: IntArray
    competition: CompetitionConfig


def write_test_tables(folder: Path, tables: TestTables) -> None:
    """Writes the predicted rows beside their records, so that no later stage needs the raw folder.

    Args:
        folder: `test/` of a fold.
        tables: What is predicted.
    """
    data = tables.data
    folder.mkdir(parents=True, exist_ok=True)
    rows = {"row_id": data.test_rows.row_ids, "image_id": data.test_rows.image_ids}
    write_table(folder / ROWS, rows)
    record_io.write_pairs(folder / PAIRS, data.test_pairs)
    write_table(folder / IMAGES, {"image_id": data.faces.image_ids, "digest": tables.digests})
    for name, gallery in zip(GALLERIES, (data.dev_gallery, data.test_gallery), strict=True):
        if gallery is not None:
            record_io.write_gallery(folder / name, gallery)
        elif (folder / name).is_dir():
            shutil.rmtree(folder / name)
    write_json(folder / COMPETITION, tables.competition.model_dump(mode="json"))


def read_test_tables(folder: Path, classes: ClassTable) -> TestTables:
    """Reads the tables of `write_test_tables`.

    Raises:
        RunError: A file is missing or damaged.
    """
    rows = read_table(folder / ROWS, ["row_id", "image_id"])
    images = read_table(folder / IMAGES, ["image_id", "digest"])
    ids = images["image_id"]
    faces = FaceTable(ids, np.full(len(ids), UNKNOWN, np.int64), np.full(len(ids), "test"))
    galleries = (folder / name for name in GALLERIES)
    dev, test = (record_io.read_gallery(each) if each.is_dir() else None for each in galleries)
    listed = RowList(rows["row_id"], rows["image_id"])
    pairs = record_io.read_pairs(folder / PAIRS)
    data = CompetitionData(faces, classes, listed, no_pairs(), pairs, dev, test)
    with reading(folder / IMAGES):
        digests = images["digest"].astype(np.int64)
    return TestTables(data, digests, _read_competition(folder / COMPETITION))


def read_fold_tables(fold: FoldFolder) -> TestTables:
    """The predicted tables of a fold, with its own classes.

    Raises:
        RunError: Nothing was predicted, or a file is damaged.
    """
    return read_test_tables(fold.path / "test", record_io.read_classes(fold.classes_file))


def copy_test_tables(source: Path, target: Path) -> None:
    """Copies the tables of predicted rows from a fold's `test/` to a blend's folder."""
    for name in (ROWS, PAIRS, IMAGES, COMPETITION):
        shutil.copyfile(source / name, target / name)
    for name in GALLERIES:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)


def predicted_images(data: CompetitionData) -> StrArray:
    """Every image that a submission or a gallery's threshold needs, or whose class is known, once, sorted."""
    named = [data.test_rows.image_ids, data.labelled_test.image_ids, data.test_pairs.image_ids]
    for gallery in (data.dev_gallery, data.test_gallery):
        if gallery is not None:
            named += [gallery.image_ids, gallery.probe_image_ids]
    return np.unique(np.concatenate(named))


def predicted_part(data: CompetitionData) -> CompetitionData:
    """The rows, pairs and galleries that are predicted, without the images that networks are trained on."""
    ids = predicted_images(data)
    faces = FaceTable(ids, np.full(len(ids), UNKNOWN, np.int64), np.full(len(ids), "test"))
    kept = (data.test_rows, no_pairs(), data.test_pairs, data.dev_gallery, data.test_gallery)
    return CompetitionData(faces, data.classes, *kept)


def digest_of_tables(folder: Path) -> dict[str, str]:
    """The digest of each table that `write_test_tables` wrote: rows, pairs, images, galleries."""
    galleries = [folder / name for name in GALLERIES]
    return {
        "rows": digest_beside(folder / ROWS),
        "pairs": digest_beside(folder / PAIRS),
        "images": digest_beside(folder / IMAGES),
        "galleries": digest_of_names(
            [read_seal(each).digest if has_seal(each) else NOTHING for each in galleries]
        ),
    }


def digest_of_classes(classes: ClassTable) -> str:
    """The digest of names and submitted labels, in the order of the class indices."""
    return digest_of_names(classes.names.tolist(), classes.submitted.tolist())


def rows_of_task(data: CompetitionData, task: Task) -> int:
    """The number of rows of a task in a competition's test data."""
    if task == "classification":
        return len(data.test_rows)
    return len(data.test_pairs) if data.test_gallery is None else len(data.test_gallery.probe_ids)


def first_difference(before: StrArray, today: StrArray) -> str:
    """The first of two lists of text where they differ, in words.

    >>> first_difference(np.array(["a", "b"]), np.array(["a", "c"]))
    "row 1 was 'b' and is 'c'"
    """
    if len(before) != len(today):
        return f"it had {counted(len(before), 'row')} and has {len(today)}"
    row = int(np.flatnonzero(before != today)[0])
    return f"row {row} was '{before[row]}' and is '{today[row]}'"


def pair_texts(pairs: Pairs) -> StrArray:
    """Each trial as one text: id and both images."""
    rows = zip(pairs.pair_ids.tolist(), pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    return np.array([f"{key}: {first} {second}" for key, first, second in rows], np.str_)


def class_difference(before: ClassTable, today: ClassTable) -> str:
    """The first difference in number or name between a run's classes and today's data, in words."""
    gone = sorted(set(before.names.tolist()) - set(today.names.tolist()))
    new = sorted(set(today.names.tolist()) - set(before.names.tolist()))
    if new:
        return naming_first(len(new), len(today), "class of the data", "are not in the run", new[0])
    if gone:
        return naming_first(len(gone), len(before), "class of the run", "are not in the data", gone[0])
    if not np.array_equal(before.names, today.names):
        return f"classes are numbered otherwise: {first_difference(before.names, today.names)}"
    if not np.array_equal(before.submitted, today.submitted):
        return f"classes are submitted otherwise: {first_difference(before.submitted, today.submitted)}"
    return "classes.csv of the run is not the one that it was trained with"


def first_table_difference(before: TestTables, today: TestTables) -> str | None:
    """The first of `table_differences`; None where there is none."""
    return next(table_differences(before, today), None)


def table_differences(before: TestTables, today: TestTables) -> Iterator[str]:
    """Differences between two sets of predicted tables, in words, the most important first."""
    old, new = before.data, today.data
    if digest_of_classes(old.classes) != digest_of_classes(new.classes):
        yield class_difference(old.classes, new.classes)
    columns = (
        ("test rows", old.test_rows.row_ids, new.test_rows.row_ids),
        ("pictures of the test rows", old.test_rows.image_ids, new.test_rows.image_ids),
        ("test pairs", pair_texts(old.test_pairs), pair_texts(new.test_pairs)),
        ("dev gallery", _gallery_texts(old.dev_gallery), _gallery_texts(new.dev_gallery)),
        ("test gallery", _gallery_texts(old.test_gallery), _gallery_texts(new.test_gallery)),
    )
    for what, first, second in columns:
        if not np.array_equal(first, second):
            yield f"the {what} changed: {first_difference(first, second)}"
    ids = new.faces.image_ids
    if np.array_equal(old.faces.image_ids, ids) and not np.array_equal(before.digests, today.digests):
        replaced = ids[before.digests != today.digests]
        yield naming_first(len(replaced), len(ids), "test picture", "were replaced", str(replaced[0]))
    if (before.competition.layout, before.competition.variant) != (
        today.competition.layout,
        today.competition.variant,
    ):
        yield f"the layout changed: it was {before.competition.layout} and is {today.competition.layout}"


def _gallery_texts(gallery: Gallery | None) -> StrArray:
    if gallery is None:
        return np.empty(0, np.str_)
    known = zip(gallery.image_ids.tolist(), gallery.names.tolist(), strict=True)
    probes = zip(
        gallery.probe_ids.tolist(),
        gallery.probe_image_ids.tolist(),
        gallery.probe_names.tolist(),
        strict=True,
    )
    texts = [f"no match: {gallery.no_match}", *map(" ".join, known), *map(" ".join, probes)]
    return np.array(texts, np.str_)


def _read_competition(path: Path) -> CompetitionConfig:
    from kaggle_face.config.competition import CompetitionConfig
    from kaggle_face.config.former_names import with_current_names

    values = with_current_names({"competition": read_json(path)})
    with reading(path):
        return CompetitionConfig.model_validate(values["competition"])


def digest_beside(path: Path) -> str:
    """The digest of a file; `NOTHING` where there is none."""
    return digest_of_file(path) if path.is_file() else NOTHING
