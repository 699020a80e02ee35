"""Classification from folders: `train/<identity>/`, `dev/<identity>/` and plain `test/` images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.assembly import ImageGroup, group_of_classes, indexed_classes, strangers_note
from kaggle_face.competitions.csv_tables import read_csv_table
from kaggle_face.competitions.folders import (
    FolderMap,
    images_in,
    images_of_classes,
    name_of,
    stem_of,
)
from kaggle_face.competitions.layouts import Source
from kaggle_face.errors import DataError
from kaggle_face.records import ClassTable, RowList, Split, no_rows

DEV_NAMES = ("dev", "val", "valid", "validation")
_OTHER_FAMILIES = ("cls_data", "classification_data")  # of E and B, which have train folders too


@dataclass(frozen=True, eq=False)
class FolderClasses:
    """What the folders of a classification task hold; class numbers are positions among sorted names."""

    groups: list[ImageGroup]
    classes: ClassTable
    test_rows: RowList
    notes: tuple[str, ...]


def find_training_folder(tree: FolderMap) -> str | None:
    """`train/` beside `dev/` or `test/`, or `train_subset/` where only that came."""
    for train in ("train", "train_subset"):
        for parent in tree.parents_of(train):
            if parent.rpartition("/")[2] in _OTHER_FAMILIES:
                continue
            inner = tree.child(parent, train)
            if inner is not None and tree.child(parent, *DEV_NAMES, "test"):
                return inner
    return None


def read_folder_classes(source: Source, train: str) -> FolderClasses:
    """Reads `train`, and `dev` and `test` beside it.

    Raises:
        DataError: A class folder holds no image, or a folder cannot be read.
    """
    found: dict[Split, Mapping[str, Sequence[str]]] = {"train": images_of_classes(source.root, train)}
    dev, test = _beside(source.tree, train, *DEV_NAMES), _beside(source.tree, train, "test")
    notes: tuple[str, ...] = ()
    if dev is None:
        notes += (f"there is no dev folder beside {train}",)
    else:
        found["dev"] = images_of_classes(source.root, dev)
    groups = [group_of_classes(split, folders) for split, folders in found.items()]
    rows = no_rows()
    if test is None:
        notes += (f"there is no test folder beside {train}",)
    else:
        images = images_in(source.root, test)
        groups.append(ImageGroup("test", images))
        rows = _rows(source, images)
    classes = indexed_classes(found["train"])
    return FolderClasses(groups, classes, rows, (*notes, *strangers_note(groups, found["train"])))


def _beside(tree: FolderMap, train: str, *names: str) -> str | None:
    """A sibling of the training folder, which an archive may have put one level further up or down."""
    parent = tree.parent_of(train)
    grandparent = parent.rpartition("/")[0]
    return tree.child(parent, *names) or (tree.child(grandparent, *names) if parent else None)


def _rows(source: Source, images: Sequence[str]) -> RowList:
    """The test images sorted by name, called by it or by its number as the competition writes it."""
    names = [name_of(image_id) for image_id in images]
    pattern = _sample_id(source)
    if pattern is None and source.variant == "s23":
        pattern = "00000.jpg"
    if pattern is not None and all(stem_of(name).isdecimal() for name in [pattern, *names]):
        digits, suffix = len(stem_of(pattern)), pattern[len(stem_of(pattern)) :]
        names = [f"{int(stem_of(name)):0{digits}d}{suffix}" for name in names]
    return RowList(as_text(names), as_text(images))


def _sample_id(source: Source) -> str | None:
    """The first id of the classification's sample submission."""
    file = source.tree.file("classification_sample_submission.csv")
    if file is None:
        return None
    try:
        table = read_csv_table(source.root / file, [])
    except DataError:
        return None
    return next(iter(table.columns.values()))[0]
