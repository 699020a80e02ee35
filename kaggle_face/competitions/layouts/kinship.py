"""Pairs of people who may be relatives: `train/<family>/<person>/` and a table of relations, AUC.

The classes are families: their pictures are what a network must bring together. The test pairs stand in the
sample submission alone. The last tenth of the families is kept out of the classes for labelled dev pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import read_csv_table, split_image_pair
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.lists import repeated
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    indexed_classes,
    label_faces,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError, counted
from kaggle_face.file_names import Spellings
from kaggle_face.records import CompetitionData, Pairs, no_pairs, no_rows

_EXAMPLES = {
    "families": Example(
        """
train/F00{01,02,03,04,05,06,07,08,09,10}/MID{1,2}/{P1,P2}.jpg    # <family>/<person>
train_relationships.csv
    p1,p2
    F0001/MID1,F0001/MID2
    F0010/MID1,F0010/MID2
test/face{00898,01210,05508,05750}.jpg
sample_submission.csv
    img_pair,is_related
    face05508.jpg-face01210.jpg,0
    face05750.jpg-face00898.jpg,0""",
        (),
        ("face05508.jpg-face01210.jpg,0.573100", "face05750.jpg-face00898.jpg,-0.021400"),
    )
}

_RELATIONS = "train_relationships.csv"
_SAMPLE = "sample_submission.csv"
_DEV_SHARE = 10  # one family in so many is held out
_PAIRS_PER_RELATION = 2


class Kinship:
    """The layout `kinship`."""

    name: str = "kinship"
    title: str = "train/<family>/<person>/, test/, train_relationships.csv, sample_submission.csv"
    variants: Sequence[str] = ("families",)
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout."""
        places = {
            "train/<family>/": _training_folder(tree),
            _RELATIONS: tree.file(_RELATIONS),
            _SAMPLE: tree.file(_SAMPLE),
            "test/": tree.folder("test"),
        }
        return Detection.of_places(
            self.name, "families", places, [name for name in places if name != _SAMPLE]
        )

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        people = _read_people(source)
        families = sorted({person.partition("/")[0] for person in people})
        held_out = frozenset(families[len(families) - len(families) // _DEV_SHARE :])
        rows = [
            (person.partition("/")[0], image_id) for person, images in people.items() for image_id in images
        ]
        trained = [(family, image_id) for family, image_id in rows if family not in held_out]
        names = [family for family, _ in trained]
        groups = [ImageGroup("train", [image_id for _, image_id in trained], names)]
        if dev_images := [image_id for family, image_id in rows if family in held_out]:
            groups.append(ImageGroup("verification", dev_images))
        test_folder = source.tree.folder("test")
        assert test_folder is not None, "detected without test"
        test_images = source.images.below(test_folder)
        dev_pairs, dev_notes = _read_relations(source, people, held_out)
        test_pairs, notes = _read_test_pairs(source, test_folder, test_images)
        groups.append(ImageGroup("verification", test_images))
        kept = without_classes(indexed_classes(names), source.exclude)
        return CompetitionData(
            label_faces(groups, kept), kept, no_rows(), dev_pairs, test_pairs, notes=dev_notes + notes
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSV of this layout."""
        return SubmissionFormats(
            None, table_format("verification", ("img_pair", "is_related"), ("{id}", "{score}"))
        )


def _training_folder(tree: FolderMap) -> str | None:
    return tree.folder("train", "train-faces", "train_faces")


def _read_people(source: Source) -> dict[str, list[str]]:
    """`family/person` -> the images of the person; people without a picture are left out."""
    train = _training_folder(source.tree)
    assert train is not None, "detected without train"
    people: dict[str, list[str]] = {}
    for family in source.images.of_classes(train, may_be_empty=True).values():
        for image_id in family:
            family_name, *person, _ = image_id[len(train) + 1 :].split("/")
            if not person:
                raise DataError(
                    f"{source.root / image_id}: expected {train}/<family>/<person>/<image>; move or remove it"
                )
            people.setdefault(f"{family_name}/{person[0]}", []).append(image_id)
    if not people:
        raise DataError(f"{source.root / train} holds no image; unpack the archive again")
    return people


def _read_relations(
    source: Source, people: Mapping[str, Sequence[str]], held_out: frozenset[str]
) -> tuple[Pairs, tuple[str, ...]]:
    """Relatives of the held-out families, and as many pairs of people from different families."""
    file = source.tree.file(_RELATIONS)
    assert file is not None, "detected without relations"
    table = read_csv_table(source.root / file, ["p1", "p2"])
    notes = table.notes
    spellings = Spellings(people)
    columns = [[spellings.find(name) or name for name in table.columns[key]] for key in ("p1", "p2")]
    if columns != [table.columns["p1"], table.columns["p2"]]:
        notes += (f"{file}: names of people spell accents otherwise than the folders do",)
    relations = list(zip(columns[0], columns[1], strict=True))
    lost = [person for pair in relations for person in pair if person not in people]
    if lost:
        notes += (f"{file}: {counted(len(set(lost)), 'person', 'have no picture')}, first: {lost[0]}",)
    related = [
        (first, second)
        for first, second in dict.fromkeys(relations)
        if first in people and second in people and first.partition("/")[0] in held_out
    ]
    candidates = sorted(person for person in people if person.partition("/")[0] in held_out)
    unrelated = [
        (first, second)
        for first, second in combinations(candidates, 2)
        if first.partition("/")[0] != second.partition("/")[0]
    ]
    order = np.random.default_rng(0).permutation(len(unrelated)).tolist()
    drawn = [unrelated[place] for place in order[: len(related)]]
    return _pairs_of_people(related, drawn, people), notes


def _pairs_of_people(
    related: Sequence[tuple[str, str]],
    unrelated: Sequence[tuple[str, str]],
    people: Mapping[str, Sequence[str]],
) -> Pairs:
    """Some pairs of pictures for each pair of people."""
    rows = [
        (people[first][turn], people[second][turn], label)
        for pairs, label in ((related, 1), (unrelated, 0))
        for first, second in pairs
        for turn in range(min(_PAIRS_PER_RELATION, len(people[first]), len(people[second])))
    ]
    if not rows:
        return no_pairs()
    first_ids, second_ids, labels = zip(*rows, strict=True)
    ids = as_text([str(row) for row in range(len(rows))])
    return Pairs(ids, as_text(first_ids), as_text(second_ids), np.asarray(labels, np.int64))


def _read_test_pairs(source: Source, folder: str, images: Sequence[str]) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs that the sample submission names."""
    file = source.tree.file(_SAMPLE)
    if file is None:
        return no_pairs(), (f"there is no {_SAMPLE}, which names the pairs to answer",)
    path = source.root / file
    table = read_csv_table(path, ["img_pair"])
    texts, lines = table.columns["img_pair"], table.line_numbers
    if places := repeated(texts):
        raise DataError(
            f"{path}:{lines[places[0]]}: the pair '{texts[places[0]]}' appears twice; remove one line"
        )
    halves = [split_image_pair(text, "-", path, line) for text, line in zip(texts, lines, strict=True)]
    finder = ImageFinder(source.root, (folder,), frozenset(images))
    named = [*(first for first, _ in halves), *(second for _, second in halves)]
    found, notes = finder.find(Mentions(path, named, [*lines, *lines]))
    unknown = np.full(len(texts), -1, np.int64)
    first, second = as_text(found[: len(texts)]), as_text(found[len(texts) :])
    return Pairs(as_text(texts), first, second, unknown), table.notes + notes
