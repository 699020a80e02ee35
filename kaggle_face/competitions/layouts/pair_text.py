"""112-pixel faces, text lists of pairs and a cosine score per pair, EER (fall 2024 on; letter E).

Fall 2024 has a folder per class; spring 2025 and later have `images/` with a `labels.txt` in each split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kaggle_face.competitions.files.folders import FolderMap, by_number
from kaggle_face.competitions.files.lists import read_label_list
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    group_of_test,
    indexed_classes,
    integer_classes,
    label_faces,
    read_listed_pairs,
    rows_by_name,
    unknown_classes_note,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import ClassTable, CompetitionData, Split, no_rows

_LISTED_CLASSES = """
cls_data/train/images/{000000,000001,000002,000003}.jpg
cls_data/train/labels.txt                          # path below images/, integer label
    000000.jpg 42
    000001.jpg 857
    000002.jpg 42
    000003.jpg 857
cls_data/dev/images/{000000,000001}.jpg            # or val/
cls_data/dev/labels.txt
    000000.jpg 857
    000001.jpg 42
cls_data/test/images/{000000,000001}.jpg"""
_CLASS_FOLDERS = """
cls_data/train/n00000{2,9}/{0001,0002}.jpg         # the label is the place among the sorted folders
cls_data/dev/n00000{2,9}/{0003,0004}.jpg
cls_data/test/{000000,000001}.jpg                  # may be missing"""
_PAIRS = """
ver_data/{a,b,c}.jpg
val_pairs.txt
    a.jpg b.jpg 1
    b.jpg c.jpg 0
test_pairs.txt
    a.jpg b.jpg
    a.jpg c.jpg"""
_ROWS, _SCORES = ("000000.jpg,857", "000001.jpg,42"), ("0,0.573100", "1,-0.021400")
_EXAMPLES = {
    "s25": Example(_LISTED_CLASSES + _PAIRS, _ROWS, _SCORES),
    "f24": Example(_CLASS_FOLDERS + _PAIRS, _ROWS, _SCORES),
}

_DEV_NAMES = ("dev", "val", "valid", "validation")
_VAL_LISTS = ("val_pairs.txt", "dev_pairs.txt", "ver_data/val_pairs.txt")
_TEST_LISTS = ("test_pairs.txt", "ver_data/test_pairs.txt")


class PairText:
    """The layout `pair_text`."""

    name: str = "pair_text"
    title: str = "cls_data/, ver_data/, val_pairs.txt, test_pairs.txt"
    variants: Sequence[str] = ("f24", "s25", "f25", "s26", "f26")
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout; `images/` is of spring 2025 on, with a list or not."""
        train = tree.folder("cls_data/train")
        places = {
            "cls_data/train/": train,
            "ver_data/": tree.folder("ver_data"),
            "val_pairs.txt or test_pairs.txt": tree.file(*_VAL_LISTS, *_TEST_LISTS),
        }
        is_listed = train is not None and (
            tree.child_file(train, "labels.txt") or tree.child(train, "images")
        )
        return Detection.of_places(self.name, "s25" if is_listed else "f24", places, places)

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        groups, classes, notes = _read_classification(source)
        ver_folder = source.tree.folder("ver_data")
        assert ver_folder is not None, "detected without ver_data"
        ver_images = source.images.below(ver_folder)
        finder = ImageFinder(source.root, (ver_folder, ver_folder.rpartition("/")[0]), frozenset(ver_images))
        dev_pairs, dev_notes = read_listed_pairs(source, finder, _VAL_LISTS, labelled=True, by_text=False)
        test_pairs, test_notes = read_listed_pairs(source, finder, _TEST_LISTS, labelled=False, by_text=False)
        return CompetitionData(
            faces=label_faces([*groups, ImageGroup("verification", ver_images)], classes),
            classes=classes,
            test_rows=next((rows_by_name(group) for group in groups if group.split == "test"), no_rows()),
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=notes + dev_notes + test_notes,
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant; fall 2026's combined file is not known and must be described or inferred."""
        classification = table_format("classification", ("id", "label"), ("{id}", "{label}"))
        verification = table_format("verification", ("ID", "Label"), ("{id}", "{score}"))
        return SubmissionFormats(classification, verification)


def _read_classification(source: Source) -> tuple[list[ImageGroup], ClassTable, tuple[str, ...]]:
    train = source.tree.folder("cls_data/train")
    assert train is not None, "detected without cls_data/train"
    parent = source.tree.parent_of(train)
    by_folder = source.folder_variant == "f24"
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
        if not by_folder:
            group, more = _read_labelled_split(source, folder, split, trained)
        elif split == "test":  # may be plain images
            group, more = group_of_test(by_number(source.images.below(folder)), folder, trained)
        else:
            group, more = group_of_classes(split, source.images.of_classes(folder)), ()
        groups.append(group)
        notes += more
    trained = set(groups[0].class_names or ()) - {""}
    number = indexed_classes(trained) if by_folder else integer_classes(trained, train)
    return groups, without_classes(number, source.exclude), notes + unknown_classes_note(groups, trained)


def _read_labelled_split(
    source: Source, folder: str, split: Split, trained: set[str]
) -> tuple[ImageGroup, tuple[str, ...]]:
    """Spring 2025 and later: `images/` and, except in some splits, `labels.txt`."""
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
        notes += (
            naming_first(len(left), len(images), f"image of {folder}", "are not in labels.txt", left[0]),
        )
    return group, listed.notes + notes
