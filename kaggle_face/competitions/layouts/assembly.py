"""Shared steps of the layouts: numbering classes, labelling images, reading lists of pairs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import name_of
from kaggle_face.competitions.files.listing import shape_of, usual_shape
from kaggle_face.competitions.files.lists import read_pair_list
from kaggle_face.competitions.files.named_images import ImageFinder, pairs_from_list
from kaggle_face.competitions.layouts.layout import Source
from kaggle_face.errors import ConfigError, DataError, counted, naming_first, nearest_hint
from kaggle_face.file_names import Spellings, composed, first_clash
from kaggle_face.records import UNKNOWN, ClassTable, FaceTable, Pairs, RowList, Split, no_pairs


@dataclass(frozen=True, eq=False)
class ImageGroup:
    """Images of one split; `class_names` None where their class is not known."""

    split: Split
    image_ids: Sequence[str]
    class_names: Sequence[str] | None = None


def group_of_classes(split: Split, folders: Mapping[str, Sequence[str]]) -> ImageGroup:
    """The images of class folders, named by their folder."""
    ids = [image_id for images in folders.values() for image_id in images]
    names = [name for name, images in folders.items() for _ in images]
    return ImageGroup(split, ids, names)


def group_of_test(
    image_ids: Sequence[str], folder: str, trained: Collection[str]
) -> tuple[ImageGroup, tuple[str, ...]]:
    """The test images, labelled where they lie in class folders, and a note where the folders are others.

    They are class folders where one is a trained class, or where they are named like the trained classes.
    """
    owners = [image_id[len(folder) + 1 if folder else 0 :].rpartition("/")[0] for image_id in image_ids]
    owners = [owner.partition("/")[0] for owner in owners]
    inside = set(owners) - {""}
    if not inside:
        return ImageGroup("test", image_ids), ()
    spellings = Spellings(trained)
    shape = usual_shape([*trained])
    is_trained = any(spellings.find(owner) is not None for owner in inside)
    if is_trained or (shape is not None and all(shape_of(owner) == shape for owner in inside)):
        return ImageGroup("test", image_ids, owners), ()
    note = f"the folders in {folder} are not trained classes, first: {min(inside)}; its images have no label"
    return ImageGroup("test", image_ids), (note,)


def rows_by_name(group: ImageGroup) -> RowList:
    """A row for each image, called by its file name or, where names appear twice, by its path."""
    names = [name_of(image_id) for image_id in group.image_ids]
    ids = names if len(set(names)) == len(names) else group.image_ids
    return RowList(as_text(ids), as_text(group.image_ids))


def integer_classes(names: Iterable[str], where: str) -> ClassTable:
    """Classes whose names are integers, ordered as numbers and submitted as such.

    >>> integer_classes(["10", "9"], "train").names.tolist()
    ['9', '10']

    Raises:
        DataError: A name is not an integer, or two are the same one.
    """
    found = set(names)
    wrong = sorted(name for name in found if not (name.isascii() and name.isdigit()))
    if wrong:
        what = naming_first(len(wrong), len(found), "class folder", "have no integer for a name", wrong[0])
        raise DataError(f"{where}: {what}; the submitted label is the integer, so remove or rename them")
    ordered = sorted(found, key=lambda name: (int(name), name))
    for first, second in pairwise(ordered):
        if int(first) == int(second):
            raise DataError(
                f"{where}: the classes '{first}' and '{second}' are one number; rename one of them"
            )
    return ClassTable(as_text(ordered), as_text([str(int(name)) for name in ordered]))


def indexed_classes(names: Iterable[str]) -> ClassTable:
    """Classes ordered by name as text and submitted as their position in that order.

    Accents are compared joined to their letters, so that a disk's spelling of them changes no number.

    >>> indexed_classes(["n000009", "n000002"]).submitted.tolist()
    ['0', '1']
    """
    ordered = sorted(set(names), key=lambda name: (composed(name), name))
    return ClassTable(as_text(ordered), as_text([str(index) for index in range(len(ordered))]))


def without_classes(classes: ClassTable, exclude: Sequence[str]) -> ClassTable:
    """The classes without the excluded ones; what is submitted for the others stays as it was.

    Raises:
        DataError: There is no class at all, or two names differ in the spelling of accents alone.
        ConfigError: An excluded name is not a class, or no class is left.
    """
    known = classes.names.tolist()
    if clash := first_clash(known):
        raise DataError(
            f"the classes {clash[0]!a} and {clash[1]!a} differ in the spelling of accents alone; "
            f"give both one name"
        )
    spellings = Spellings(known)
    exclude = [spellings.find(name) or name for name in exclude]
    if not known:
        raise DataError(
            "no training image has a label, so there is no class to learn; look at the training list"
        )
    for name in exclude:
        if name not in known:
            raise ConfigError(
                f"data.exclude names '{name}', which is not a class of the data{nearest_hint(name, known)}"
            )
    kept = ~np.isin(classes.names, as_text(exclude))
    if not kept.any():
        raise ConfigError(f"data.exclude leaves out all of {counted(len(classes), 'class')}")
    return ClassTable(classes.names[kept], classes.submitted[kept])


def label_faces(groups: Sequence[ImageGroup], classes: ClassTable) -> FaceTable:
    """The table of all images; an image whose class is not in `classes` is unlabelled.

    Raises:
        DataError: The name of an image is not text that a CSV file can hold.
    """
    index = {name: position for position, name in enumerate(classes.names.tolist())}
    ids = [image_id for group in groups for image_id in group.image_ids]
    try:
        "\n".join(ids).encode()
    except UnicodeEncodeError:
        wrong = next(
            image_id for image_id in ids if any("\ud800" <= letter <= "\udfff" for letter in image_id)
        )
        raise DataError(f"the file name {wrong!r} is not UTF-8 text; rename it") from None
    spellings = Spellings(index)
    labels = [
        np.full(len(group.image_ids), UNKNOWN, np.int64)
        if group.class_names is None
        else np.asarray(
            [index.get(spellings.find(name) or name, UNKNOWN) for name in group.class_names], np.int64
        )
        for group in groups
    ]
    splits = np.repeat(
        np.asarray([group.split for group in groups], np.str_), [len(group.image_ids) for group in groups]
    )
    return FaceTable(as_text(ids), np.concatenate([np.empty(0, np.int64), *labels]), splits)


def unknown_classes_note(groups: Sequence[ImageGroup], known: Iterable[str]) -> tuple[str, ...]:
    """A note for each split with classes that the training set does not have."""
    trained = {*known, ""}
    spellings = Spellings(trained)
    notes = []
    for group in groups:
        foreign = set(group.class_names or ()) - trained
        noun = f"class of the {group.split} images"
        respelled = {name for name in foreign if spellings.find(name) is not None}
        if respelled:
            notes.append(
                f"{counted(len(respelled), noun, 'spell accents otherwise than the training set')}, "
                f"first: {min(respelled)!a}"
            )
        unknown = foreign - respelled
        if unknown:
            count = sum(name in unknown for name in group.class_names or ())
            notes.append(
                f"{counted(len(unknown), noun, 'are not in the training set')}, first: {min(unknown)}; "
                f"without a label for that: {counted(count, 'image')}"
            )
    return tuple(notes)


def read_listed_pairs(
    source: Source, finder: ImageFinder, lists: Sequence[str], labelled: bool, by_text: bool
) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs of the first of `lists` that is there, and notes on oddities; see `pairs_from_list`."""
    file = source.tree.file(*lists)
    if file is None:
        return no_pairs(), (f"there is no {lists[0]}",)
    return pairs_from_list(read_pair_list(source.root / file, labelled), finder, by_text)
