"""Pairs and galleries of own data, as entries of the settings read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import CsvTable, read_csv_table
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.lists import PairList, read_lines, repeated
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions, pairs_from_list
from kaggle_face.competitions.layouts.custom_images import ListedImage, ListedImages, read_images
from kaggle_face.config.competition import GalleryConfig, PairsConfig
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import UNKNOWN, Gallery, IntArray, Pairs, Split

SAME_WORDS = frozenset(("1", "1.0", "true", "t", "same", "yes", "y", "match", "positive", "genuine"))
DIFFERENT_WORDS = frozenset(
    (
        "0",
        "0.0",
        "-1",
        "-1.0",
        "false",
        "f",
        "different",
        "diff",
        "no",
        "n",
        "mismatch",
        "negative",
        "impostor",
    )
)


def read_pairs(root: Path, entry: PairsConfig, index: ImageIndex) -> tuple[Split, Pairs, tuple[str, ...]]:
    """The split of a list of pairs, the pairs and notes on oddities.

    Raises:
        DataError: The list is missing or broken, names images that do not exist, has a label that is neither
            same nor different, or an id twice.
    """
    path = root / entry.file
    listed = read_lfw_list(path) if entry.form == "lfw" else _read_columns(path, entry, index)
    numbers = [*listed.line_numbers]
    mentions = Mentions(path, [*listed.first, *listed.second], numbers + numbers)
    ids, notes = index.find(mentions, entry.folders, entry.cut)
    if listed.ids is not None and (places := repeated(listed.ids)):
        raise DataError(
            f"{path}:{numbers[places[0]]}: the id '{listed.ids[places[0]]}' appears twice; fix this line"
        )
    # As ids of images the names are found as written, whatever the list calls them.
    count = len(numbers)
    by_id = PairList(path, ids[:count], ids[count:], listed.labels, numbers, listed.notes, listed.ids)
    pairs, more = pairs_from_list(by_id, ImageFinder(root, ("",), frozenset(ids)), by_text=False)
    return ("dev" if entry.is_labelled else "test"), pairs, (*notes, *more)


def halves_of(
    text: str, joint: str, index: ImageIndex, folders: Sequence[str] = ("",), cut: str = ""
) -> list[tuple[str, str]]:
    """The ways to read a text as two names of images with a joint between them, which names may hold too."""
    parts = text.strip().split(joint)
    found = []
    for place in range(1, len(parts)):
        first, second = joint.join(parts[:place]), joint.join(parts[place:])
        if all(index.match(name, folders, cut).image_ids for name in (first, second)):
            found.append((first, second))
    return found


def read_gallery(
    root: Path, entry: GalleryConfig, index: ImageIndex
) -> tuple[Split, Gallery, tuple[str, ...]]:
    """The split of a gallery, its known people and probes, and notes on oddities.

    Raises:
        DataError: There is no known image, a probe is a known image too, or a probe's identity is not known
            and the entry has no answer for that.
    """
    known, probes = ListedImages(), ListedImages()
    known.add(read_images(root, entry.known, index))
    probes.add(read_images(root, entry.probes, index))
    people = [image for image in known.images.values() if image.identity]
    if not people:
        raise DataError(
            f"the gallery of {root} has no known image with an identity; fix 'known' in competition.custom"
        )
    if both := sorted(known.images.keys() & probes.images.keys()):
        what = naming_first(len(both), len(probes.images), "probe", "are among the known images", both[0])
        raise DataError(f"{root}: {what}; take them out of one")
    searched = list(probes.images.values())
    truth = _truth_of_probes(root, searched, {image.identity for image in people}, entry.no_match)
    calls = [image.called for image in searched]
    gallery = Gallery(
        image_ids=as_text([image.image_id for image in people]),
        names=as_text([image.identity for image in people]),
        probe_ids=as_text([image.image_id for image in searched] if repeated(calls) else calls),
        probe_image_ids=as_text([image.image_id for image in searched]),
        probe_names=as_text(truth),
        no_match=entry.no_match,
    )
    return ("dev" if any(truth) else "test"), gallery, (*known.notes, *probes.notes)


def _truth_of_probes(
    root: Path, searched: Sequence[ListedImage], names: set[str], no_match: str | None
) -> list[str]:
    """The identity of each probe, the answer for unknown people where it is none of `names`; else empty."""
    truth = [image.identity for image in searched]
    if not any(truth):
        return truth
    foreign = sorted({*truth} - names)
    if foreign and no_match is None:
        what = naming_first(
            len(foreign), len({*truth}), "identity of the probes", "are not known", repr(foreign[0])
        )
        raise DataError(
            f"{root}: {what}; set no_match, the answer for unknown people, in competition.custom.galleries"
        )
    return [name if name in names else no_match or "" for name in truth]


def _read_columns(path: Path, entry: PairsConfig, index: ImageIndex) -> PairList:
    """A list in columns: both images, or both in one column with a joint between them."""
    wanted = [name for name in (entry.first, entry.second, entry.label, entry.id) if name is not None]
    table = read_csv_table(path, wanted, entry.header, may_have_blanks=entry.joint is None)
    if entry.second is not None:
        first, second = table.columns[entry.first], table.columns[entry.second]
    else:
        assert entry.joint is not None, "checked by the settings"
        first, second = _split_joints(table, entry, entry.joint, index)
    labels = np.full(len(first), UNKNOWN, np.int64)
    if entry.label is not None:
        labels = _pair_labels(table, entry.label, entry.same)
    called = None if entry.id is None else table.columns[entry.id]
    return PairList(path, first, second, labels, table.line_numbers, table.notes, called)


def _split_joints(
    table: CsvTable, entry: PairsConfig, joint: str, index: ImageIndex
) -> tuple[list[str], list[str]]:
    """The names before and behind the joint of each row.

    Raises:
        DataError: A cell is not two images with the joint between them, or is so in two ways.
    """
    firsts, seconds = [], []
    for text, line in zip(table.columns[entry.first], table.line_numbers, strict=True):
        halves = halves_of(text, joint, index, entry.folders, entry.cut)
        if len(halves) != 1:
            why = "in two ways" if halves else "not"
            raise DataError(
                f"{table.path}:{line}: '{text[:120]}' of the column '{entry.first}' is {why} two images with "
                f"'{joint}' between them; fix this line, or joint and folders in competition.custom.pairs"
            )
        firsts.append(halves[0][0])
        seconds.append(halves[0][1])
    return firsts, seconds


def read_lfw_list(path: Path) -> PairList:
    """A list of LFW: `Ann 1 4` is a pair of one person, `Ann 1 Bob 3` one of two; `Ann/Ann_0001` is an image.

    Its first line may count folds and pairs (http://vis-www.cs.umass.edu/lfw/README.txt).

    Raises:
        DataError: A line is neither.
    """
    lines = read_lines(path)
    start = 1 if all(field.isdigit() for field in lines.texts[0].split()) else 0
    first, second, labels = [], [], []
    for text, line in zip(lines.texts[start:], lines.numbers[start:], strict=True):
        fields = text.strip().split("\t") if "\t" in text else text.split()
        match fields:
            case [name, one, two] if one.isdigit() and two.isdigit():
                other = name
            case [name, one, other, two] if one.isdigit() and two.isdigit():
                pass
            case _:
                raise DataError(
                    f"{path}:{line}: expected a name and two numbers, or two names with a number each, got "
                    f"{text[:120]!r}"
                )
        first.append(f"{name}/{name}_{int(one):04d}")
        second.append(f"{other}/{other}_{int(two):04d}")
        labels.append(int(len(fields) == 3))
    return PairList(path, first, second, np.asarray(labels, np.int64), lines.numbers[start:], ())


def _pair_labels(table: CsvTable, column: str, same: str | None) -> IntArray:
    """1 for a pair of one person and 0 for two.

    Raises:
        DataError: A label is neither, or `same` stands nowhere or beside several others.
    """
    texts = [text.strip() for text in table.columns[column]]
    if same is not None:
        others = {*texts} - {same}
        if same not in texts or len(others) > 1:
            what = (
                f"does not hold '{same}'" if same not in texts else f"holds {', '.join(sorted(others)[:3])}"
            )
            raise DataError(
                f"{table.path}: the column '{column}' {what} beside the label of same pairs; fix 'same'"
            )
        return np.asarray([text == same for text in texts], np.int64)
    for place, text in enumerate(texts):
        if text.lower() not in SAME_WORDS | DIFFERENT_WORDS:
            raise DataError(
                f"{table.path}:{table.line_numbers[place]}: the label '{text}' of '{column}' is neither "
                f"1 (same) nor 0 (different); give the label of same pairs as 'same' in "
                f"competition.custom.pairs"
            )
    return np.asarray([text.lower() in SAME_WORDS for text in texts], np.int64)
