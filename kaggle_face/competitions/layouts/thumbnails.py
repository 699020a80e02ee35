"""32-pixel thumbnails and long lists of verification trials, AUC (spring 2019 to spring 2020; letter A).

The submitted class is the integer folder name. Spring 2019 calls a test image by its row in the order file,
the later ones by its file name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    unknown_classes_note,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError, counted, part_of
from kaggle_face.records import CompetitionData, Pairs, RowList, no_pairs, no_rows

_CLASSES = """
train_data/medium/{2,10}/{a,b}.jpg                 # the submitted label is the integer
train_data/large/2300/{a,b}.jpg                    # integers from 2300 on
validation_classification/medium/{2,10}/c.jpg
validation_classification/large/2300/c.jpg
test_classification/medium/{5000,5001}.jpg
test_order_classification.txt
    5000.jpg
    5001.jpg
validation_verification/{p,q}.jpg
validation_trials_verification.txt
    p.jpg q.jpg 1
    q.jpg p.jpg 0"""
_TRIALS = """
    299317.jpg 248776.jpg
    299317.jpg 201134.jpg"""
_FIRST_RELEASE = f"""
test_verification/{{201134,248776,299317}}.jpg
test_trials_verification_student.txt{_TRIALS}"""
_SECOND_RELEASE = f"""
test_veri_T_new/{{201134,248776,299317}}.jpg         # at first test_verification/
trials_test_new.txt                                # at first test_trials_verification_student.txt{_TRIALS}"""
_SCORES = ("299317.jpg 248776.jpg,0.573100", "299317.jpg 201134.jpg,-0.021400")
_EXAMPLES = {
    "s20": Example(_CLASSES + _FIRST_RELEASE, ("5000.jpg,857", "5001.jpg,42"), _SCORES),
    "s19": Example(_CLASSES + _SECOND_RELEASE, ("0,857", "1,42"), _SCORES),
}

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


class Thumbnails:
    """The layout `thumbnails`."""

    name: str = "thumbnails"
    title: str = "train_data/medium/, test_order_classification.txt, *_trials_verification*.txt"
    variants: Sequence[str] = ("s19", "f19", "s20", "s19-medium", "f19-medium", "s20-medium")
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout."""
        mark = "train_data/medium/ or train_data/large/"
        places = {
            mark: tree.folder("train_data/medium", "train_data/large"),
            _ORDER_FILE: tree.file(_ORDER_FILE),
            "trials of validation": tree.file(*_DEV_TRIALS),
            "trials of test": tree.file(*_TEST_TRIALS),
        }
        is_released_again = tree.file(*_TEST_TRIALS[:2]) or tree.folder(_TEST_FOLDERS[0])
        return Detection.of_places(self.name, "s19" if is_released_again else "s20", places, (mark,))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        train = _classes_below(source, "train_data")
        if not train:
            raise DataError(
                f"{source.root}/train_data/medium is missing: {source.variant} trains on it alone"
            )
        groups, notes = [group_of_classes("train", train)], tuple[str, ...]()
        if dev := _classes_below(source, "validation_classification"):
            groups.append(group_of_classes("dev", dev))
        else:
            notes = ("there is no validation_classification folder",)
        classes = without_classes(integer_classes(train, "train_data"), source.exclude)
        notes += unknown_classes_note(groups, train)
        rows, test_groups, row_notes = _read_rows(source, set(train))
        dev_pairs, dev_images, dev_notes = _read_trials(source, _DEV_TRIALS, _DEV_FOLDERS, labelled=True)
        test_pairs, test_images, test_notes = _read_trials(
            source, _TEST_TRIALS, _TEST_FOLDERS, labelled=False
        )
        groups += [*test_groups, ImageGroup("verification", dev_images + test_images)]
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=(*notes, *row_notes, *dev_notes, *test_notes),
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant."""
        columns = ("id", "label") if variant.startswith("s19") else ("Id", "Category")
        return SubmissionFormats(
            table_format("classification", columns, ("{id}", "{label}")),
            table_format("verification", ("trial", "score"), ("{id}", "{score}")),
        )


def _classes_below(source: Source, parent: str) -> dict[str, list[str]]:
    """The class folders of all sizes; ids of `large` go on where those of `medium` end."""
    merged: dict[str, list[str]] = {}
    for size in ("medium",) if source.variant.endswith(_MEDIUM_ONLY) else ("medium", "large"):
        folder = source.tree.folder(f"{parent}/{size}")
        if folder is None:
            continue
        found = source.images.of_classes(folder)
        twice = sorted(set(found) & set(merged))
        if twice:
            raise DataError(
                f"class {twice[0]} stands in {parent}/medium and in {parent}/large "
                f"({counted(len(twice), 'such class')}); "
                f"set competition.variant={source.variant}{_MEDIUM_ONLY}, or renumber one of them"
            )
        merged |= found
    return merged


def _read_rows(source: Source, trained: set[str]) -> tuple[RowList, list[ImageGroup], tuple[str, ...]]:
    """The rows of the classification CSV, its images, and notes on oddities."""
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
        notes += (part_of(left, len(images), f"image of {folder}", f"are not in {_ORDER_FILE}"),)
    ids = map(str, range(len(found))) if source.variant.startswith("s19") else map(name_of, listed.names)
    return RowList(as_text([*ids]), as_text(found)), [group], (*listed.notes, *notes)


def _read_trials(
    source: Source, lists: Sequence[str], folders: Sequence[str], labelled: bool
) -> tuple[Pairs, list[str], tuple[str, ...]]:
    """The trials of the newest list, the images of the folders that it may name, and notes on oddities."""
    found = [folder for name in folders if (folder := source.tree.folder(name)) is not None]
    images = [image_id for folder in found for image_id in source.images.below(folder)]
    files = [file for name in lists if (file := source.tree.file(name)) is not None]
    if not files or not found:
        missing = lists[-1] if not files else f"{folders[-1]} folder"
        return no_pairs(), images, (f"there is no {missing}",)
    if files[0].endswith("_student.txt"):
        found.reverse()  # the first release belongs to the first folder
    finder = ImageFinder(source.root, tuple(found), frozenset(images))
    pairs, notes = pairs_from_list(read_pair_list(source.root / files[0], labelled), finder, by_text=True)
    several = (f"of {', '.join(files)} the first is taken",) if len(files) > 1 else ()
    return pairs, images, (*notes, *several)
