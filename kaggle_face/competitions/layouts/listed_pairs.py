"""64-pixel faces and lists of image pairs, AUC (fall 2020 to fall 2021; letter B).

The submitted class is the integer folder name, a pair is called by the two paths of its line. Fall 2020 has
labelled test folders and no classification CSV; fall 2021 names bare files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import FolderMap, by_number, join, name_of
from kaggle_face.competitions.files.lists import first_line, read_name_list
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    group_of_test,
    integer_classes,
    label_faces,
    read_listed_pairs,
    rows_by_name,
    unknown_classes_note,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import part_of
from kaggle_face.records import CompetitionData, RowList, no_rows

_CLASSES = """
train_data/{9,10}/{a,b}.jpg                        # the submitted label is the integer
val_data/{9,10}/{a,b}.jpg
test_data/{0,1}.jpg                                # their order: by number, or classification_test.txt"""
_LABELLED_TEST = """
classification_data/train_data/{9,10}/{a,b}.jpg
classification_data/val_data/{9,10}/{a,b}.jpg
classification_data/test_data/{9,10}/{a,b}.jpg     # labelled, and without a CSV"""
_PAIRS = """
verification_data/{00011741,00020839,00035322}.jpg
verification_pairs_val.txt
    verification_data/00020839.jpg verification_data/00035322.jpg 1
    verification_data/00011741.jpg verification_data/00035322.jpg 0
verification_pairs_test.txt
    verification_data/00020839.jpg verification_data/00035322.jpg
    verification_data/00020839.jpg verification_data/00011741.jpg"""
_ROWS = ("0.jpg,857", "1.jpg,42")
_SCORES = (
    "verification_data/00020839.jpg verification_data/00035322.jpg,0.573100",
    "verification_data/00020839.jpg verification_data/00011741.jpg,-0.021400",
)
_BARE_SCORES = tuple(row.replace("verification_data/", "") for row in _SCORES)
_EXAMPLES = {
    "s21": Example(_CLASSES + _PAIRS, _ROWS, _SCORES),
    "f20": Example(_LABELLED_TEST + _PAIRS, (), _SCORES),
    "f21": Example(
        _CLASSES + _PAIRS.replace(" verification_data/", " ").replace("    verification_data/", "    "),
        _ROWS,
        _BARE_SCORES,
    ),
}

_VAL_LISTS = ("verification_pairs_val.txt",)
_TEST_LISTS = ("verification_pairs_test.txt",)


class ListedPairs:
    """The layout `listed_pairs`."""

    name: str = "listed_pairs"
    title: str = "train_data/<int>/, verification_data/, verification_pairs_{val,test}.txt"
    variants: Sequence[str] = ("f20", "s21", "f21")
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout; fall 2020 labels its test, fall 2021 has bare names."""
        places = {
            "train_data/<int>/": _training_folder(tree),
            "val_data/": tree.folder("val_data"),
            "verification_data/": tree.folder("verification_data"),
            "verification_pairs_val.txt": tree.file(*_VAL_LISTS),
            "verification_pairs_test.txt": tree.file(*_TEST_LISTS),
        }
        test, pairs = tree.folder("test_data"), tree.file(*_TEST_LISTS)
        if test is not None and any(
            folder.startswith(f"{test}/") and name_of(folder).isdecimal() for folder in tree.folders
        ):
            variant = "f20"
        else:
            variant = "s21" if pairs is None or "/" in first_line(tree.root / pairs) else "f21"
        return Detection.of_places(self.name, variant, places, ("train_data/<int>/",))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        train = _training_folder(source.tree)
        assert train is not None, "detected without train_data"
        parent = source.tree.parent_of(train)
        groups, notes = _read_groups(source, train, parent)
        trained = set(groups[0].class_names or ())
        classes = without_classes(integer_classes(trained, train), source.exclude)
        rows, row_notes = _read_rows(source, parent, groups)
        ver_folder = source.tree.folder("verification_data")
        ver_images = source.images.below(ver_folder) if ver_folder is not None else []
        bases = (ver_folder.rpartition("/")[0], ver_folder) if ver_folder is not None else ("",)
        finder = ImageFinder(source.root, bases, frozenset(ver_images))
        dev_pairs, dev_notes = read_listed_pairs(source, finder, _VAL_LISTS, labelled=True, by_text=True)
        test_pairs, test_notes = read_listed_pairs(source, finder, _TEST_LISTS, labelled=False, by_text=True)
        groups.append(ImageGroup("verification", ver_images))
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=(*notes, *unknown_classes_note(groups, trained), *row_notes, *dev_notes, *test_notes),
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant."""
        classification = table_format("classification", ("id", "label"), ("{id}", "{label}"))
        verification = table_format("verification", ("Id", "Category"), ("{id}", "{score}"))
        return SubmissionFormats(None if variant == "f20" else classification, verification)


def _training_folder(tree: FolderMap) -> str | None:
    """`train_data` that is not of `thumbnails`, which has `medium` and `large` in it."""
    train = tree.folder("train_data")
    return None if train is None or tree.child(train, "medium", "large") else train


def _read_groups(source: Source, train: str, parent: str) -> tuple[list[ImageGroup], tuple[str, ...]]:
    trained = source.images.of_classes(train)
    groups, notes = [group_of_classes("train", trained)], tuple[str, ...]()
    dev, test = source.tree.child(parent, "val_data"), source.tree.child(parent, "test_data")
    if dev is not None:
        groups.append(group_of_classes("dev", source.images.of_classes(dev)))
    if test is not None:
        group, more = group_of_test(by_number(source.images.below(test)), test, trained.keys())
        groups.append(group)
        notes += more
    missing = [name for name, place in (("val_data", dev), ("test_data", test)) if place is None]
    return groups, (*notes, *(f"there is no {join(parent, name)} folder" for name in missing))


def _read_rows(source: Source, parent: str, groups: Sequence[ImageGroup]) -> tuple[RowList, tuple[str, ...]]:
    """The rows of the classification CSV: as the list names them where there is one, else by number."""
    test = next((group for group in groups if group.split == "test"), None)
    if test is None or not test.image_ids or (source.variant == "f20" and test.class_names is not None):
        return no_rows(), ()
    order = source.tree.file("classification_test.txt")
    if order is None:
        return rows_by_name(test), ()
    listed = read_name_list(source.root / order)
    folder = source.tree.child(parent, "test_data")
    assert folder is not None, "test images without a folder"
    finder = ImageFinder(source.root, (folder, parent), frozenset(test.image_ids))
    images, notes = finder.find(Mentions(listed.path, listed.names, listed.line_numbers))
    left = len(test.image_ids) - len(set(images))
    if left:
        notes += (part_of(left, len(test.image_ids), f"image of {folder}", f"are not in {order}"),)
    return RowList(as_text([*map(name_of, listed.names)]), as_text(images)), (*listed.notes, *notes)
