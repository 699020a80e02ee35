"""Family A (spring 2019 to spring 2020): 32-pixel thumbnails and long lists of verification trials, AUC.

The submitted class is the integer folder name. Spring 2019 calls a test image by its row in the order file,
the later ones by its file name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import FolderMap, by_number, name_of
from kaggle_face.competitions.files.lists import read_name_list, read_pair_list
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions, pairs_from_list
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    group_of_test,
    integer_classes,
    label_faces,
    rows_by_name,
    strangers_note,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import FamilyKey, Recognition, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError
from kaggle_face.records import CompetitionData, Pairs, RowList, no_pairs, no_rows

_SIZES = ("medium", "large")
_MEDIUM_ONLY = "-medium"
_ORDER_FILE = "test_order_classification.txt"
_DEV_TRIALS = ("validation_trials_verification.txt",)
# The newest release first: spring 2019 gave out its test trials again.
_TEST_TRIALS = (
    "trials_test_new.txt",
    "test_trials_verification_student_new.txt",
    "test_trials_verification_student.txt",
)
_DEV_FOLDERS = ("validation_verification",)
_TEST_FOLDERS = ("test_veri_T_new", "test_verification")


@dataclass(frozen=True)
class Trials:
    """Family A."""

    key: FamilyKey = "A"
    title: str = "trials: train_data/medium/, test_order_classification.txt, *_trials_verification*.txt"
    variants: Sequence[str] = ("s19", "f19", "s20", "s19-medium", "f19-medium", "s20-medium")

    def recognise(self, tree: FolderMap) -> Recognition:
        """How far a folder looks like this family."""
        train = tree.folder("train_data/medium", "train_data/large")
        mark = "train_data/medium/ or train_data/large/"
        optional = {
            _ORDER_FILE: tree.file(_ORDER_FILE),
            "trials of validation": tree.file(*_DEV_TRIALS),
            "trials of test": tree.file(*_TEST_TRIALS),
        }
        found = [name for name, place in {mark: train, **optional}.items() if place is not None]
        is_released_again = tree.file(*_TEST_TRIALS[:2]) or tree.folder(_TEST_FOLDERS[0])
        return Recognition(
            "A", "s19" if is_released_again else "s20", tuple(found), () if train is not None else (mark,)
        )

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        groups, notes = _read_groups(source)
        trained = set(groups[0].class_names or ())
        classes = without_classes(integer_classes(trained, "train_data"), source.exclude)
        rows, test_groups, row_notes = _read_rows(source, trained)
        dev, test = _Side(_DEV_TRIALS, _DEV_FOLDERS, True), _Side(_TEST_TRIALS, _TEST_FOLDERS, False)
        dev_pairs, dev_images, dev_notes = _read_trials(source, dev)
        test_pairs, more_images, test_notes = _read_trials(source, test)
        groups += [*test_groups, ImageGroup("verification", dev_images + more_images)]
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=(*notes, *strangers_note(groups, trained), *row_notes, *dev_notes, *test_notes),
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant."""
        columns = ("id", "label") if variant.startswith("s19") else ("Id", "Category")
        return SubmissionFormats(
            table_format("classification", columns, ("{id}", "{label}")),
            table_format("verification", ("trial", "score"), ("{id}", "{score}")),
        )


@dataclass(frozen=True)
class _Side:
    """The validation's or the test's trials."""

    lists: tuple[str, ...]
    folders: tuple[str, ...]
    labelled: bool


def _read_groups(source: Source) -> tuple[list[ImageGroup], tuple[str, ...]]:
    sizes = ("medium",) if source.variant.endswith(_MEDIUM_ONLY) else _SIZES
    train = _classes_below(source, "train_data", sizes)
    dev = _classes_below(source, "validation_classification", sizes)
    if not train:
        raise DataError(f"{source.root}/train_data/medium is missing: {source.variant} trains on it alone")
    groups = [group_of_classes("train", train)]
    if not dev:
        return groups, ("there is no validation_classification folder",)
    return [*groups, group_of_classes("dev", dev)], ()


def _classes_below(source: Source, parent: str, sizes: Sequence[str]) -> dict[str, list[str]]:
    """The class folders of all sizes; ids of `large` go on where those of `medium` end."""
    merged: dict[str, list[str]] = {}
    for size in sizes:
        folder = source.tree.folder(f"{parent}/{size}")
        if folder is None:
            continue
        found = source.images.of_classes(folder)
        twice = sorted(set(found) & set(merged))
        if twice:
            raise DataError(
                f"class {twice[0]} stands in {parent}/medium and in {parent}/large ({len(twice)} such "
                f"classes); set competition.variant={source.variant}{_MEDIUM_ONLY}, or renumber one of them"
            )
        merged |= found
    return merged


def _read_rows(source: Source, trained: set[str]) -> tuple[RowList, list[ImageGroup], tuple[str, ...]]:
    """The rows of the classification CSV, its images, and what was odd."""
    folder = source.tree.folder("test_classification/medium") or source.tree.folder("test_classification")
    if folder is None:
        return no_rows(), [], ("there is no test_classification folder",)
    images = by_number(source.images.below(folder))
    group, notes = group_of_test(images, folder, trained)
    order = source.tree.file(_ORDER_FILE)
    if order is None:
        if source.variant.startswith("s19"):
            raise DataError(f"{source.root}/{_ORDER_FILE} is missing: rows are called by their place in it")
        note = f"there is no {_ORDER_FILE}: test images are ordered by their number"
        return rows_by_name(group), [group], (*notes, note)
    listed = read_name_list(source.root / order)
    finder = ImageFinder(source.root, (folder, folder.rpartition("/")[0]), frozenset(images))
    found, more = finder.find(Mentions(listed.path, listed.names, listed.line_numbers))
    left = len(images) - len(set(found))
    notes += more
    if left:
        notes += (f"{left} of {len(images)} images of {folder} are not in {_ORDER_FILE}",)
    ids = map(str, range(len(found))) if source.variant.startswith("s19") else map(name_of, listed.names)
    return RowList(as_text([*ids]), as_text(found)), [group], (*listed.notes, *notes)


def _read_trials(source: Source, side: _Side) -> tuple[Pairs, list[str], tuple[str, ...]]:
    """The trials of the newest list, the images of the folders that it may name, and what was odd."""
    folders = [folder for name in side.folders if (folder := source.tree.folder(name)) is not None]
    images = [image_id for folder in folders for image_id in source.images.below(folder)]
    lists = [file for name in side.lists if (file := source.tree.file(name)) is not None]
    if not lists or not folders:
        missing = side.lists[-1] if not lists else f"{side.folders[-1]} folder"
        return no_pairs(), images, (f"there is no {missing}",)
    if lists[0].endswith("_student.txt"):
        folders.reverse()  # the first release belongs to the first folder
    finder = ImageFinder(source.root, tuple(folders), frozenset(images))
    listed = read_pair_list(source.root / lists[0], side.labelled)
    pairs, notes = pairs_from_list(listed, finder, by_text=True)
    several = (f"of {', '.join(lists)} the first is taken",) if len(lists) > 1 else ()
    return pairs, images, (*notes, *several)
