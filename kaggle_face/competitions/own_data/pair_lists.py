"""Lists of pairs of own data: which columns are the two images, the label and the row's id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kaggle_face.competitions.layouts.custom_images import is_missing_name
from kaggle_face.competitions.layouts.custom_trials import (
    DIFFERENT_WORDS,
    SAME_WORDS,
    read_lfw_list,
    read_pairs,
)
from kaggle_face.competitions.own_data.findings import Findings
from kaggle_face.competitions.own_data.tables import (
    FALSE_WORDS,
    TRUE_WORDS,
    OwnTable,
    is_numbering,
    pair_label_columns,
)
from kaggle_face.config.competition import PairsConfig
from kaggle_face.errors import ConfigError, DataError, nearest_hint, part_of

_NEGATIVE_NAME = re.compile(
    r"diff|dissimilar|distinct|distance|impost|mis_?match|non_?match|no_?match|not_?same|negative|unrelated|stranger",
    re.IGNORECASE,
)
_ID_NAMES = ("id", "pair_id", "pairid", "index", "row", "row_id", "pair", "")


@dataclass(frozen=True, eq=False)
class PairTable:
    """A list of pairs and the settings that read it; `own` is None where it has no columns."""

    entry: PairsConfig
    own: OwnTable | None = None
    is_sample: bool = False
    is_answered: bool = False

    @property
    def unused(self) -> list[str]:
        """A line for each column that the settings do not name."""
        used = (self.entry.first, self.entry.second, self.entry.label, self.entry.id)
        own = self.own
        columns = [] if own is None else [column for column in own.columns if column not in used]
        return [f"{self.entry.file}: column {own.shown(column)} is not used" for column in columns if own]


def lfw_table(find: Findings, file: str) -> PairTable | None:
    """A list of LFW, `Ann 1 4` and `Ann 1 Bob 3`, whose images are there; None for any other file."""
    try:
        read_lfw_list(find.root / file)
    except DataError:
        return None
    folders = {image_id[: -len("/".join(image_id.split("/")[-2:]))] for image_id in find.index.image_ids}
    for folder in sorted(folders, key=len, reverse=True)[:50]:
        entry = PairsConfig(file=file, form="lfw", folders=(folder.rstrip("/"),))
        try:
            read_pairs(find.root, entry, find.index)
        except DataError:
            continue
        return PairTable(entry)
    return None


def pair_tables(find: Findings, tables: Sequence[OwnTable], samples: Sequence[OwnTable]) -> list[PairTable]:
    """The tables with two columns of images or one of joint names, and those that an answer names."""
    found = []
    for own in (*tables, *samples):
        answer = find.answers.pairs_of(own.name)
        if answer is not None or len(own.image_columns) > 1 or own.joint is not None:
            found.append(pair_table(own, answer, own in samples))
    return found


def pair_table(own: OwnTable, answer: str | None, is_sample: bool) -> PairTable:
    """The settings of a table of pairs, or by an answer `first,second[,label[=same]]`.

    Raises:
        ConfigError: The columns do not exist, or which they are is not clear.
    """
    label, same, joint = None, None, None
    if answer is not None:
        first, second, label, same = _answered_columns(own, answer)
    elif own.joint is not None:
        (first, joint), second = own.joint, None
    else:
        first, second = _image_columns(own)
    if answer is None and not is_sample:
        label = _label(own, [first, *([second] if second else [])])
        same = None if label is None else _same_of_negative(own, label)
    if second is None and joint is None:
        joint = own.joint[1] if own.joint is not None and own.joint[0] == first else ""
        if not joint:
            raise ConfigError(
                f"--pairs: {own.shown(first)} of {own.name} does not hold two images of the data"
            )
    ids = [
        column
        for column in own.columns
        if column not in (first, second, label) and _may_be_ids(own, column, is_chosen=answer is None)
    ]
    row_id = ids[0] if ids else first if joint is not None else None
    entry = PairsConfig(
        file=own.name,
        first=first,
        second=second,
        joint=joint,
        label=label,
        id=row_id if label is None else None,
        same=same,
        header=own.has_header,
        cut=own.cut,
    )
    return PairTable(entry, own, is_sample, answer is not None)


def choose_pairs(tables: Sequence[PairTable]) -> list[PairTable]:
    """One labelled list and one to submit: those that an answer names, or the only ones.

    Raises:
        ConfigError: There are several of a kind.
    """
    chosen = []
    for is_labelled in (True, False):
        found = [each for each in tables if each.entry.is_labelled == is_labelled]
        found = [each for each in found if each.is_answered] or found
        found = [each for each in found if not each.is_sample] or found
        if len(found) > 1:
            kind = "labelled pairs" if is_labelled else "pairs to submit"
            first = found[0].entry
            columns = ",".join(filter(None, (first.first, first.second, first.label)))
            raise ConfigError(
                f"{' and '.join(each.entry.file for each in found)} both hold {kind}; name one with "
                f"--pairs '{first.file}:{columns}'"
            )
        chosen += found
    return chosen


def with_ids_of_samples(
    each: PairTable, samples: Sequence[OwnTable], id_column: str | None = None
) -> PairTable:
    """A list to submit with the column whose cells are the ids of a sample submission, where there is one."""
    own = each.own
    if own is None or each.entry.is_labelled:
        return each
    for sample in (sample for sample in samples if sample is not own):
        columns = [column for column in sample.columns if column == id_column] or sample.columns
        images = (each.entry.first, each.entry.second)
        for column in sorted(own.columns, key=images.__contains__):
            cells = own.cells(column)
            for ids in map(sample.cells, columns):
                if len({*ids}) == len(ids) and {*ids} <= {*cells} and len({*cells}) == len(cells):
                    return replace(each, entry=each.entry.model_copy(update={"id": column}))
    return each


def _answered_columns(own: OwnTable, answer: str) -> tuple[str, str | None, str | None, str | None]:
    """The columns of the images, that of the label, and the label of same pairs, by an answer.

    Raises:
        ConfigError: A column does not exist.
    """
    columns = answer.split(",")
    last, _, same = columns[-1].partition("=")
    columns = [*columns[:-1], last]
    is_joint = own.joint is not None and columns[0] == own.joint[0]
    fewest = 1 if is_joint else 2
    if not fewest <= len(columns) <= fewest + 1:
        raise ConfigError(f"--pairs is written FILE:first,second[,label]; got '{own.name}:{answer}'")
    for column in columns:
        if column not in own.columns:
            hint = nearest_hint(column, own.columns) or f"; it has: {', '.join(own.columns)}"
            raise ConfigError(f"--pairs: {own.name} has no column '{column}'{hint}")
    label = columns[fewest] if len(columns) > fewest else None
    return columns[0], None if is_joint else columns[1], label, same or None


def _may_be_ids(own: OwnTable, column: str, is_chosen: bool) -> bool:
    """Whether a column holds the ids of the rows; one that is called so may repeat, which reading refuses."""
    cells = own.cells(column)
    is_unique = len({*cells}) == len(cells)
    if column.lower() in ("id", "pair_id") and is_chosen:
        return True
    return is_unique and (column.lower() in _ID_NAMES or is_numbering(cells))


def _image_columns(own: OwnTable) -> tuple[str, str]:
    """The two columns of images.

    Raises:
        ConfigError: There are more, or one of two names each image once and the other repeats words that fit
            too: images and identities, or pairs.
    """
    if len(own.image_columns) > 2:
        shown = " or ".join(map(own.shown, own.image_columns))
        two = ",".join(own.image_columns[:2])
        raise ConfigError(
            f"{own.name}: images are named by {shown}; say the pair with --pairs {own.name}:{two}"
        )
    first, second = own.image_columns
    sizes = {column: len({*own.cells(column)}) for column in own.image_columns}
    count = len(own.cells(first))
    has_suffix = "." in own.cells(first)[0] or "." in own.cells(second)[0]
    unique = [column for column in own.image_columns if sizes[column] == count]
    if len(unique) == 1 and not has_suffix and count > 2 and 2 * min(sizes.values()) <= count:
        other = second if unique == [first] else first
        raise ConfigError(
            f"{own.name}: {own.shown(unique[0])} and {own.shown(other)} are images and identities or a pair "
            f"of images; say it with --image-column {unique[0]} --identity-column {other}, or with --pairs "
            f"{own.name}:{first},{second}"
        )
    return first, second


def _same_of_negative(own: OwnTable, label: str) -> str | None:
    """The word of same pairs in a column such as `is_different`, in which true means two people."""
    words = {*own.cells(label)}
    if not _NEGATIVE_NAME.search(label) or not {word.lower() for word in words} <= TRUE_WORDS | FALSE_WORDS:
        return None
    return next((word for word in words if word.lower() in FALSE_WORDS), None)


def _label(own: OwnTable, images: Sequence[str]) -> str | None:
    """The column that marks the pairs of one person; None where there is none.

    Raises:
        ConfigError: Several columns may be it, or one holds two words of which neither is known.
    """
    pair = f"{own.name}:{','.join(images)}"
    found = [column for column in pair_label_columns(own) if column not in images]
    if len(found) > 1:
        raise ConfigError(
            f"{own.name}: the label of its pairs may be {' or '.join(map(own.shown, found))}; say which with "
            f"--pairs {pair},{found[0]}"
        )
    if found:
        return found[0]
    _refuse_labels_of_some(own, images)
    two = [
        column
        for column in own.columns
        if column not in images and len({*own.cells(column)}) == 2 and len(own.cells(column)) > 3
    ]
    if two:
        words = sorted({*own.cells(two[0])})
        raise ConfigError(
            f"{own.name}: {own.shown(two[0])} may be the label of the pairs; say so with --pairs "
            f"{pair},{two[0]}={words[0]} where {words[0]} means the same person, or that it is none with "
            f"--pairs {pair}"
        )
    return None


def _refuse_labels_of_some(own: OwnTable, images: Sequence[str]) -> None:
    """Refuses a list in which some pairs have a label and others none: they are to be submitted."""
    for column in own.columns:
        words = {cell.lower() for cell in own.cells(column) if not is_missing_name(cell)}
        without = sum(map(is_missing_name, own.cells(column)))
        if column not in images and without and words and words <= SAME_WORDS | DIFFERENT_WORDS:
            what = part_of(without, len(own.cells(column)), "row", f"have no label in {own.shown(column)}")
            raise ConfigError(
                f"{own.name}: {what}; write the labelled pairs and those to submit in a file each"
            )
