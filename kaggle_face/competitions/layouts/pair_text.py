"""Family E (fall 2024 on): 112-pixel faces, text lists of pairs, a cosine score per pair, EER.

F24 has a folder per identity; S25 and later have `images/` with a `labels.txt` in each split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.competitions.files.folders import FolderMap, by_number
from kaggle_face.competitions.files.lists import read_label_list, read_pair_list
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions, pairs_from_list
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    group_of_test,
    indexed_classes,
    integer_classes,
    label_faces,
    rows_by_name,
    strangers_note,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import FamilyKey, Recognition, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Pairs,
    RowList,
    Split,
    no_pairs,
    no_rows,
)

_DEV_NAMES = ("dev", "val", "valid", "validation")
_VAL_LISTS = ("val_pairs.txt", "dev_pairs.txt", "ver_data/val_pairs.txt")
_TEST_LISTS = ("test_pairs.txt", "ver_data/test_pairs.txt")


@dataclass(frozen=True)
class PairText:
    """Family E."""

    key: FamilyKey = "E"
    title: str = "pair text: cls_data/, ver_data/, val_pairs.txt, test_pairs.txt"
    variants: Sequence[str] = ("f24", "s25", "f25", "s26", "f26")

    def recognise(self, tree: FolderMap) -> Recognition:
        """How far a folder looks like this family."""
        found: list[str] = []
        missing: list[str] = []
        train = tree.folder("cls_data/train")
        marks = {
            "cls_data/train/": train,
            "ver_data/": tree.folder("ver_data"),
            "val_pairs.txt or test_pairs.txt": tree.file(*_VAL_LISTS, *_TEST_LISTS),
        }
        for mark, place in marks.items():
            (missing if place is None else found).append(mark)
        return Recognition("E", _variant(tree, train), tuple(found), tuple(missing))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        groups, classes, notes = _read_classification(source)
        ver_folder = source.tree.folder("ver_data")
        assert ver_folder is not None, "recognised without ver_data"
        ver_images = source.images.below(ver_folder)
        finder = ImageFinder(source.root, (ver_folder, ver_folder.rpartition("/")[0]), frozenset(ver_images))
        dev_pairs, dev_notes = _read_pairs(source, finder, _VAL_LISTS, labelled=True)
        test_pairs, test_notes = _read_pairs(source, finder, _TEST_LISTS, labelled=False)
        return CompetitionData(
            faces=label_faces([*groups, ImageGroup("verification", ver_images)], classes),
            classes=classes,
            test_rows=_test_rows(groups),
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=notes + dev_notes + test_notes,
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant; F26's combined file is not known and must be described or inferred."""
        classification = table_format("classification", ("id", "label"), ("{id}", "{label}"))
        verification = table_format("verification", ("ID", "Label"), ("{id}", "{score}"))
        return SubmissionFormats(classification, verification)


def _variant(tree: FolderMap, train: str | None) -> str:
    """Fall 2024 has a folder per identity; later ones have `images/`, whose `labels.txt` may be lost."""
    is_listed = train is not None and (tree.child_file(train, "labels.txt") or tree.child(train, "images"))
    return "s25" if is_listed else "f24"


def _read_classification(source: Source) -> tuple[list[ImageGroup], ClassTable, tuple[str, ...]]:
    train = source.tree.folder("cls_data/train")
    assert train is not None, "recognised without cls_data/train"
    parent = source.tree.parent_of(train)
    by_folder = source.layout == "f24"
    groups: list[ImageGroup] = []
    notes: tuple[str, ...] = ()
    places: tuple[tuple[Split, tuple[str, ...]], ...] = (
        ("train", ("train",)),
        ("dev", _DEV_NAMES),
        ("test", ("test",)),
    )
    for split, names in places:
        folder = source.tree.child(parent, *names)
        if folder is None:
            notes += (f"there is no {parent}/{names[0]} folder",) if split != "test" else ()
            continue
        trained = set(groups[0].class_names or ()) - {""} if groups else set()
        read = _read_class_folders if by_folder else _read_labelled_split
        group, more = read(source, folder, split, trained)
        groups.append(group)
        notes += more
    trained = set(groups[0].class_names or ()) - {""}
    number = indexed_classes(trained) if by_folder else integer_classes(trained, train)
    return groups, without_classes(number, source.exclude), notes + strangers_note(groups, trained)


def _read_class_folders(
    source: Source, folder: str, split: Split, trained: set[str]
) -> tuple[ImageGroup, tuple[str, ...]]:
    """F24: a folder per identity; a test split may be plain images."""
    if split == "test":
        return group_of_test(by_number(source.images.below(folder)), folder, trained)
    return group_of_classes(split, source.images.of_classes(folder)), ()


def _read_labelled_split(
    source: Source, folder: str, split: Split, trained: set[str]
) -> tuple[ImageGroup, tuple[str, ...]]:
    """S25 and later: `images/` and, except in some splits, `labels.txt`."""
    images_folder = source.tree.child(folder, "images") or folder
    images = by_number(source.images.below(images_folder, lists=("labels.txt",)))
    if not images:
        raise DataError(f"{source.root / images_folder} holds no image; unpack the archive again")
    labels_file = source.tree.child_file(folder, "labels.txt")
    if labels_file is None:
        if split == "train":
            raise DataError(
                f"{source.root / folder}/labels.txt is missing: the training images have no labels; "
                f"each line is: image label"
            )
        if split == "test":
            return group_of_test(images, images_folder, trained)
        return ImageGroup(split, images), (f"{folder}/labels.txt is missing: these images have no label",)
    listed = read_label_list(source.root / labels_file)
    finder = ImageFinder(source.root, (images_folder, folder), frozenset(images))
    named, notes = finder.find(Mentions(listed.path, listed.names, listed.line_numbers))
    left = sorted(set(images) - set(named))
    group = ImageGroup(split, [*named, *left], [*map(str, listed.labels), *[""] * len(left)])
    if left:
        what = f"images of {folder} are not in labels.txt"
        notes += (naming_first(len(left), len(images), what, left[0]),)
    return group, listed.notes + notes


def _read_pairs(
    source: Source, finder: ImageFinder, names: tuple[str, ...], labelled: bool
) -> tuple[Pairs, tuple[str, ...]]:
    file = source.tree.file(*names)
    if file is None:
        return no_pairs(), (f"there is no {names[0]}",)
    return pairs_from_list(read_pair_list(source.root / file, labelled), finder, by_text=False)


def _test_rows(groups: Sequence[ImageGroup]) -> RowList:
    """The test images in their order, called by their file name."""
    return next((rows_by_name(group) for group in groups if group.split == "test"), no_rows())
