"""224-pixel faces of VGGFace2 and pairs in CSV files, AUC (spring 2022; letter C).

The submitted class is the index among the sorted folder names; a pair is called by its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kaggle_face.competitions.files.csv_tables import read_csv_pairs
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.named_images import ImageFinder, pairs_from_list
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    label_faces,
    without_classes,
)
from kaggle_face.competitions.layouts.class_folders import find_training_folder, read_folder_classes
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.records import CompetitionData, Pairs, no_pairs

_EXAMPLES = {
    "s22": Example(
        """
classification/classification/train/n00000{2,9}/{a,b}.jpg    # train_subset/ where train/ is missing
classification/classification/dev/n00000{2,9}/{a,b}.jpg
classification/classification/test/{000000,000001}.jpg
verification/verification/dev/{10246770ce,ab001b21a1}.jpg
verification/verification/verification_dev.csv
    image_A,image_B,match
    dev/ab001b21a1.jpg,dev/10246770ce.jpg,1
verification/verification/test/{3a51c8a0be,c71ee0f4d2}.jpg
verification/verification/verification_test.csv
    image_A,image_B
    test/3a51c8a0be.jpg,test/c71ee0f4d2.jpg
    test/c71ee0f4d2.jpg,test/3a51c8a0be.jpg""",
        ("000000.jpg,857", "000001.jpg,42"),
        ("0,0.573100", "1,-0.021400"),
    )
}

_DEV_TABLE, _TEST_TABLE = "verification_dev.csv", "verification_test.csv"


class CsvPairs:
    """The layout `csv_pairs`."""

    name: str = "csv_pairs"
    title: str = "train/<class>/, test/, verification_{dev,test}.csv with image_A,image_B"
    variants: Sequence[str] = ("s22",)
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout; `verification_dev.csv` alone may be of `gallery`."""
        mark, table = "train/ beside dev/ or test/", tree.file(_TEST_TABLE)
        places = {mark: find_training_folder(tree), _TEST_TABLE: table}
        if table is not None:
            places["verification/test/"] = tree.child(table.rpartition("/")[0], "test")
        return Detection.of_places(self.name, "s22", places, (mark,))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        train = find_training_folder(source.tree)
        assert train is not None, "detected without train"
        read = read_folder_classes(source, train)
        classes = without_classes(read.classes, source.exclude)
        dev_pairs, dev_images, dev_notes = _read_pairs(source, _DEV_TABLE, "dev", labelled=True)
        test_pairs, test_images, test_notes = _read_pairs(source, _TEST_TABLE, "test", labelled=False)
        groups = [*read.groups, ImageGroup("verification", dev_images + test_images)]
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=read.test_rows,
            dev_pairs=dev_pairs,
            test_pairs=test_pairs,
            notes=(*read.notes, *dev_notes, *test_notes),
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of this layout."""
        return SubmissionFormats(
            table_format("classification", ("id", "label"), ("{id}", "{label}")),
            table_format("verification", ("id", "match"), ("{id}", "{score}")),
        )


def _read_pairs(
    source: Source, name: str, folder_name: str, labelled: bool
) -> tuple[Pairs, list[str], tuple[str, ...]]:
    file = source.tree.file(name)
    if file is None:
        return no_pairs(), [], (f"there is no {name}",)
    parent = file.rpartition("/")[0]
    folder = source.tree.child(parent, folder_name)
    if folder is None:
        return no_pairs(), [], (f"there is no {folder_name} folder beside {file}",)
    images = source.images.below(folder)
    finder = ImageFinder(source.root, (parent, folder, folder.rpartition("/")[0]), frozenset(images))
    pairs, notes = pairs_from_list(read_csv_pairs(source.root / file, labelled), finder, by_text=False)
    return pairs, images, notes
