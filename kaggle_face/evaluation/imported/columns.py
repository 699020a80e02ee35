"""The columns of a file of predictions: ids, folds, classes or scores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.competitions.own_data.tables import is_numbering
from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.evaluation.imported.files import PredictionFile
from kaggle_face.evaluation.imported.kinds import ClassNaming
from kaggle_face.records import ClassTable

_WORDS = {"name": "by name", "submitted": "as in a submission", "index": "by number"}
_UNNAMED = re.compile(r"(Unnamed: .*)?")
_INDEX = re.compile(r"index|level_0", re.IGNORECASE)
_FOLD = "fold"


@dataclass(frozen=True)
class Columns:
    """The positions of the columns.

    Attributes:
        ids: One column of ids, or two of the images of a pair.
        values: The column of each class (C), or the one of the scores.
        fold: The column of folds; None where there is none.
        about: In words, to be shown.
    """

    ids: tuple[int, ...]
    values: tuple[int, ...]
    fold: int | None
    about: str


def class_columns(file: PredictionFile, classes: ClassTable, naming: ClassNaming | None = None) -> Columns:
    """The column of each class; all others must be one of ids and at most one called `fold`.

    A beginning that all columns of classes share and that no class has, such as `prob_`, is passed over.

    Raises:
        DataError: A class has no column, a column is neither class nor id, or it is not clear how classes are
            named.
    """
    labels: dict[ClassNaming, list[str]] = {
        "name": classes.names.tolist(),
        "submitted": classes.submitted.tolist(),
        "index": [str(number) for number in range(len(classes))],
    }
    wanted = {key: texts for key, texts in labels.items() if naming in (None, key)}
    header = list(file.header)
    found = [(key, prefix, _matches(header, texts, prefix)) for key, texts, prefix in _ways(header, wanted)]
    most = max(len(matches) for *_, matches in found)
    best = [each for each in found if len(each[2]) == most]
    if any(each[2] != best[0][2] for each in best) and most:
        ways = " or ".join(f"--classes {key}" for key, *_ in best)
        raise DataError(f"{file.path}: the columns could name classes in several ways; choose one: {ways}")
    if not most:
        _refuse_labels_alone(file, len(classes))
    key, prefix, matches = best[0]
    missing = [text for number, text in enumerate(wanted[key]) if number not in matches]
    if missing:
        columns = ", ".join(header[:3])
        raise DataError(
            f"{file.path}: "
            + naming_first(len(missing), len(classes), "class", "have no column", f"'{missing[0]}'")
            + f"; its columns begin: {columns}"
        )
    others = [place for place in range(len(header)) if place not in matches.values()]
    ids, fold, dropped = _ids_and_fold(file, others)
    if len(ids) > 1:
        unknown = [header[place] for place in ids[1:]]
        raise DataError(
            f"{file.path}: "
            + naming_first(
                len(unknown), len(header), "column", "hold neither ids nor a class", f"'{unknown[0]}'"
            )
            + "; remove what is not needed, or fix its name"
        )
    shown = f"{counted(len(classes), 'class')} {_WORDS[key]}" + (f" after '{prefix}'" if prefix else "")
    about = f"ids from '{header[ids[0]]}', {shown}{dropped}"
    return Columns((ids[0],), tuple(matches[number] for number in range(len(classes))), fold, about)


def _refuse_labels_alone(file: PredictionFile, num_classes: int) -> None:
    """Checks that a file has more than ids and one answer for each.

    Raises:
        DataError: It has not.
    """
    cells = [name for name in file.header if not _UNNAMED.fullmatch(name) and name.lower() != _FOLD]
    if len(cells) == 2:
        raise DataError(
            f"{file.path} has one column beside the ids, '{cells[1]}'; labels alone cannot be blended, so "
            f"write a column of probabilities or logits for each of the {counted(num_classes, 'class')}"
        )


def score_columns(file: PredictionFile) -> Columns:
    """The column called `score`, else the last one; before it stand pair ids, or the two images of a pair.

    Raises:
        DataError: There are no columns of ids, or more than two.
    """
    header = list(file.header)
    score = header.index("score") if "score" in header else len(header) - 1
    ids, fold, dropped = _ids_and_fold(file, [place for place in range(len(header)) if place != score])
    if len(ids) > 2:
        names = ", ".join(f"'{header[place]}'" for place in ids)
        raise DataError(
            f"{file.path}: the columns {names} could be ids; keep the pair id or both images, and the score"
        )
    named = " and ".join(f"'{header[place]}'" for place in ids)
    what = "pair ids" if len(ids) == 1 else "images"
    return Columns(tuple(ids), (score,), fold, f"{what} from {named}, scores from '{header[score]}'{dropped}")


def _ways(
    header: Sequence[str], wanted: dict[ClassNaming, list[str]]
) -> list[tuple[ClassNaming, list[str], str]]:
    """Each naming, as it is and behind a beginning that columns share."""
    ways = [(key, texts, "") for key, texts in wanted.items()]
    for start in range(1, min(4, len(header) - 1)):
        first, last = min(header[start:]), max(header[start:])
        both = zip(first, last, strict=False)
        common = next((place for place, (one, other) in enumerate(both) if one != other), len(first))
        prefix = re.sub(r"[A-Za-z0-9]+$", "", first[:common])
        if prefix:
            ways += [(key, texts, prefix) for key, texts in wanted.items()]
            break
    return ways


def _matches(header: Sequence[str], texts: Sequence[str], prefix: str) -> dict[int, int]:
    """The position of the column of each class that has one."""
    place_of = {
        name.removeprefix(prefix): place for place, name in enumerate(header) if name[: len(prefix)] == prefix
    }
    return {number: place_of[text] for number, text in enumerate(texts) if text in place_of}


def _ids_and_fold(file: PredictionFile, others: Sequence[int]) -> tuple[list[int], int | None, str]:
    """The columns of ids, that of folds, and a note on columns of row numbers that are left out."""
    fold = next((place for place in others if file.header[place].lower() == _FOLD), None)
    ids = [place for place in others if place != fold]
    note = ""
    while len(ids) > 1 and _UNNAMED.fullmatch(file.header[ids[0]]):
        ids, note = ids[1:], "; the first column, row numbers without a name, is left out"
    if len(ids) > 1 and _INDEX.fullmatch(file.header[ids[0]]) and is_numbering(file.text(ids[0]).tolist()):
        note = f"{note}; '{file.header[ids[0]]}', which numbers the rows, is left out"
        ids = ids[1:]
    if not ids:
        raise DataError(f"{file.path} has no column of ids; its columns begin: {', '.join(file.header[:3])}")
    return ids, fold, note
