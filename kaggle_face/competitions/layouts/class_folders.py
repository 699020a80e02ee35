"""Classification from folders: `train/<class>/`, `dev/<class>/` and plain `test/` images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, name_of, stem_of
from kaggle_face.competitions.files.lists import MOST_DIGITS
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    group_of_test,
    indexed_classes,
    rows_by_name,
    unknown_classes_note,
)
from kaggle_face.competitions.layouts.layout import Source
from kaggle_face.errors import DataError
from kaggle_face.records import ClassTable, RowList, Split, no_rows

DEV_NAMES = ("dev", "val", "valid", "validation")
_DIGITS_OF_S23 = 5
_OTHER_LAYOUTS = (
    "cls_data",
    "classification_data",
)  # of pair_text and listed_pairs, which have train folders too


@dataclass(frozen=True, eq=False)
class FolderClasses:
    """The class folders of a classification task; class indices are positions among sorted names."""

    groups: list[ImageGroup]
    classes: ClassTable
    test_rows: RowList
    notes: tuple[str, ...]


def find_training_folder(tree: FolderMap) -> str | None:
    """`train/` beside `dev/` or `test/`, or `train_subset/` where only that came."""
    for train in ("train", "train_subset"):
        for parent in tree.parents_of(train):
            if parent.rpartition("/")[2] in _OTHER_LAYOUTS:
                continue
            inner = tree.child(parent, train)
            if inner is not None and tree.child(parent, *DEV_NAMES, "test"):
                return inner
    return None


def read_folder_classes(source: Source, train: str) -> FolderClasses:
    """Reads `train`, and `dev` and `test` beside it; `test` may hold plain images or a folder per class.

    Raises:
        DataError: A class folder holds no image, or a folder cannot be read.
    """
    found: dict[Split, Mapping[str, Sequence[str]]] = {"train": source.images.of_classes(train)}
    dev, test = _beside(source.tree, train, *DEV_NAMES), _beside(source.tree, train, "test")
    notes: tuple[str, ...] = ()
    if dev is None:
        notes += (f"there is no dev folder beside {train}",)
    else:
        found["dev"] = source.images.of_classes(dev)
    groups = [group_of_classes(split, folders) for split, folders in found.items()]
    rows = no_rows()
    if test is None:
        notes += (f"there is no test folder beside {train}",)
    else:
        group, more = group_of_test(source.images.below(test), test, found["train"].keys())
        groups.append(group)
        rows = _rows(source, group)
        notes += more
    classes = indexed_classes(found["train"])
    return FolderClasses(groups, classes, rows, (*notes, *unknown_classes_note(groups, found["train"])))


def _beside(tree: FolderMap, train: str, *names: str) -> str | None:
    """A sibling of the training folder, which an archive may have put one level further up or down."""
    parent = tree.parent_of(train)
    grandparent = parent.rpartition("/")[0]
    return tree.child(parent, *names) or (tree.child(grandparent, *names) if parent else None)


def _rows(source: Source, group: ImageGroup) -> RowList:
    """The test images sorted by path, called by their name, or by its number as the competition writes it."""
    sample: Sequence[str] = ()
    file = source.tree.file("classification_sample_submission.csv")
    if file is not None:
        with suppress(DataError):  # what is wrong with a sample is reported where it is compared
            sample = next(iter(read_csv_table(source.root / file, []).columns.values()))
    rows = rows_by_name(group)
    names = [name_of(image_id) for image_id in group.image_ids]
    is_written_so = bool(set(rows.row_ids.tolist()) & set(sample)) or (not sample and source.variant != "s23")
    are_numbers = all(
        stem_of(name).isdecimal() and len(stem_of(name)) <= MOST_DIGITS for name in [*names, *sample]
    )
    if is_written_so or len(set(names)) < len(names) or not are_numbers:
        return rows
    digits = len(stem_of(sample[0])) if sample else _DIGITS_OF_S23
    written = {int(stem_of(row_id)): row_id for row_id in sample}
    suffix = sample[0][digits:] if sample else None
    ids = []
    for name in names:
        stem = stem_of(name)
        plain = f"{int(stem):0{digits}d}{name[len(stem) :] if suffix is None else suffix}"
        ids.append(written.get(int(stem), plain))
    return RowList(as_text(ids), rows.image_ids)
