"""Lists of pairs of own data: which columns are the two images, the label and the row's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.competitions.own_data.tables import OwnTable, is_numbering, pair_label_columns
from kaggle_face.config.competition import PairsConfig
from kaggle_face.errors import ConfigError, nearest_hint

_ID_NAMES = ("id", "pair_id", "pairid", "index", "row", "row_id", "pair", "")


@dataclass(frozen=True, eq=False)
class PairTable:
    """A table of pairs, the settings that read it, and what else its columns might be."""

    own: OwnTable
    entry: PairsConfig
    is_sample: bool
    is_answered: bool
    alternatives: tuple[str, ...] = ()


def pair_table(own: OwnTable, answer: str | None, is_sample: bool) -> PairTable:
    """The settings of a table with two columns of images, or as an answer `FILE:first,second[,label]` says.

    Raises:
        ConfigError: The columns do not exist, or which they are is not clear.
    """
    label, same = None, None
    if answer is not None:
        columns = answer.rpartition(":")[2].split(",")
        if len(columns) not in (2, 3):
            raise ConfigError(f"--pairs is written FILE:first,second[,label]; got '{answer}'")
        if len(columns) == 3:
            label, _, word = columns[2].partition("=")
            same = word or None
        for column in (*columns[:2], *([label] if label else [])):
            if column not in own.columns:
                hint = nearest_hint(column, own.columns) or f"; it has: {', '.join(own.columns)}"
                raise ConfigError(f"--pairs: {own.name} has no column '{column}'{hint}")
        first, second = columns[:2]
    else:
        if len(own.image_columns) > 2:
            shown = " or ".join(map(own.shown, own.image_columns))
            two = ",".join(own.image_columns[:2])
            raise ConfigError(
                f"{own.name}: images are named by {shown}; say the pair with --pairs {own.name}:{two}"
            )
        first, second = own.image_columns
        _refuse_unclear_images(own)
        if not is_sample:
            label = _label(own, first, second)
    ids = [
        column
        for column in own.columns
        if column not in (first, second, label)
        and (column.lower() in _ID_NAMES or is_numbering(own.cells(column)))
        and len({*own.cells(column)}) == len(own.cells(column))
    ]
    entry = PairsConfig(
        file=own.name,
        first=first,
        second=second,
        label=label,
        id=ids[0] if ids and label is None else None,
        same=same,
        header=own.has_header,
    )
    used = (first, second, label, entry.id)
    alternatives = tuple(
        f"{own.name}: column {own.shown(column)} is not used" for column in own.columns if column not in used
    )
    return PairTable(own, entry, is_sample, answer is not None, alternatives)


def choose_pairs(tables: Sequence[PairTable], answers: Sequence[str]) -> list[PairTable]:
    """One labelled list and one to submit: those that an answer names, or the only ones.

    Raises:
        ConfigError: There are several of a kind, or an answer names a file that is not a table.
    """
    names = [each.own.name for each in tables]
    for text in answers:
        if text.rpartition(":")[0] not in names:
            hint = nearest_hint(text.rpartition(":")[0], names)
            raise ConfigError(
                f"--pairs is written FILE:first,second[,label], FILE below the data; got '{text}'{hint}"
            )
    chosen = []
    for is_labelled in (True, False):
        found = [each for each in tables if (each.entry.label is not None) == is_labelled]
        found = [each for each in found if each.is_answered] or found
        found = [each for each in found if not each.is_sample] or found
        if len(found) > 1:
            kind = "labelled pairs" if is_labelled else "pairs to submit"
            first = found[0].entry
            columns = ",".join(filter(None, (first.first, first.second, first.label)))
            raise ConfigError(
                f"{' and '.join(each.own.name for each in found)} both hold {kind}; name one with "
                f"--pairs {first.file}:{columns}"
            )
        chosen += found
    return chosen


def _refuse_unclear_images(own: OwnTable) -> None:
    """Raises an error where one column names each image once and the other repeats words that fit too."""
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


def _label(own: OwnTable, first: str, second: str) -> str | None:
    found = pair_label_columns(own)
    if len(found) > 1:
        raise ConfigError(
            f"{own.name}: the label of its pairs may be {' or '.join(map(own.shown, found))}; say which with "
            f"--pairs {own.name}:{first},{second},{found[0]}"
        )
    if found:
        return found[0]
    two = [
        column
        for column in own.columns
        if column not in (first, second) and len({*own.cells(column)}) == 2 and len(own.cells(column)) > 3
    ]
    if two:
        words = sorted({*own.cells(two[0])})
        raise ConfigError(
            f"{own.name}: {own.shown(two[0])} may be the label of the pairs; say so with --pairs "
            f"{own.name}:{first},{second},{two[0]}={words[0]} where {words[0]} means the same person, or "
            f"that it is none with --pairs {own.name}:{first},{second}"
        )
    return None
