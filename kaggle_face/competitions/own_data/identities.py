"""The column of identities in a table of own data: by its name, and by the sample submission."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kaggle_face.competitions.layouts.custom_images import identity_texts, is_missing_name
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.tables import OwnTable, is_numbering, numbers_rows
from kaggle_face.errors import ConfigError

_PERSON = re.compile(r"(person(?!al)|identit|individ|subject(?!iv)|celeb|people|landmark|whale)\w*|who")
_LABEL = re.compile(r"label\w*|class(es|id|name)?|(user|nick|sur|full|last|first)?names?|targets?|categor\w*")
_OF_A_NAME = frozenset(
    ("id", "ids", "uid", "name", "no", "nr", "number", "num", "code", "key", "label", "index")
)
_COUNTS = frozenset(("is", "has", "n", "num", "number", "count", "nr"))
_FEW = 10  # images of an identity, from which on a column that is called like no identity is doubted


def rank_of(column: str) -> int:
    """The rank of a column as identities by its name: 3 for people, 2 labels, 1 an id, 0 anything else.

    The last word that is more than `id` or `name` counts, so that the age of a person is not a person.

    >>> rank_of("landmark_id"), rank_of("personName"), rank_of("person_age"), rank_of("class")
    (3, 3, 0, 2)
    """
    words = re.findall(r"[^\W_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
    head = [*words]
    while len(head) > 1 and head[-1] in _OF_A_NAME:
        head.pop()
    if not words or words[0] in _COUNTS:
        return 0
    if _PERSON.fullmatch(head[-1]):
        return 3
    if _LABEL.fullmatch(head[-1]) or _LABEL.fullmatch(words[-1]):
        return 2
    return int(words[-1] == "id")


def identity_columns(own: OwnTable, besides: Sequence[str], samples: Sequence[OwnTable]) -> list[str]:
    """The columns that may name identities, the likeliest first, alone where one is likelier than the others.

    A column that the sample's predictions are called like goes before all others, then one that holds all
    of its predictions. Else a column called like people goes before one called like a label, that before
    one called like an id, and that before any other; a column of the last two kinds in which each cell is
    different is none.
    """
    columns = [
        column
        for column in own.columns
        if column not in (*own.image_columns, *besides)
        and not numbers_rows(own, column)
        and len({cell for cell in own.cells(column) if not is_missing_name(cell)}) > 1
    ]
    count = len(own.table.line_numbers)
    ranks = {column: rank_of(column) for column in columns}
    likely = [
        column for column in columns if len({*own.cells(column)}) < count or count == 2 or ranks[column] > 1
    ]
    best = max((ranks[column] for column in likely), default=0)
    called = [column for column in likely if ranks[column] == best]
    answers = [(name, sample.cells(name)) for sample in samples for name in _predictions(sample)]
    named = [column for column in columns if column.lower() in {name.lower() for name, _ in answers}]
    holding = [column for column in columns if any(_holds(own, column, cells) for _, cells in answers)]
    if named and (not holding or {*named} & {*holding}):
        return [column for column in named if not holding or column in holding]
    if named or holding:
        both = [column for column in (named or called) if column in holding]
        return both or [*dict.fromkeys([*named, *holding, *called])]
    return called


def identity_column(
    answers: Answers, own: OwnTable, besides: Sequence[str], samples: Sequence[OwnTable]
) -> str | None:
    """The column that names identities: the one answered, or the likeliest; None where there is none.

    Raises:
        ConfigError: Several are equally likely.
    """
    wanted = answers.identity_column
    if wanted in own.columns and wanted not in own.image_columns:
        return wanted
    found = identity_columns(own, besides, samples)
    if len(found) > 1:
        raise ConfigError(
            f"{own.name}: the identities may be {' or '.join(map(own.shown, found))}; say which with "
            f"--identity-column '{found[0]}'"
        )
    return found[0] if found else None


def doubt_on(own: OwnTable, column: str, samples: Sequence[OwnTable]) -> str | None:
    """A warning on a column of few values that neither its name nor the sample makes one of identities."""
    values = {cell for cell in own.cells(column) if not is_missing_name(cell)}
    is_shown = any(column.lower() == name.lower() for sample in samples for name in _predictions(sample))
    if is_shown or rank_of(column) or len(own.table.line_numbers) < _FEW * len(values):
        return None
    return (
        f"warning: {own.name}: {own.shown(column)} is not called like identities, and has {len(values)} "
        f"values in {len(own.table.line_numbers)} rows; if another column names "
        f"them, say it with --identity-column"
    )


def _predictions(sample: OwnTable) -> list[str]:
    """The columns of a sample beside those of its images, or else the first that differs in each row.

    Numbers of the rows are not predictions either.
    """
    rows = len(sample.table.line_numbers)
    unique = [column for column in sample.columns if len({*sample.cells(column)}) == rows]
    ids = sample.image_columns or tuple(unique[:1])
    numbers = [column for column in sample.columns[:1] if is_numbering(sample.cells(column))]
    return [column for column in sample.columns if column not in (*ids, *numbers)]


def _holds(own: OwnTable, column: str, answers: Sequence[str]) -> bool:
    """Whether a column holds all answers, which one number in all rows does not show."""
    cells = {cell for cell in answers if not is_missing_name(cell)}
    words = {word for cell in cells for word in cell.split()}
    if not cells or (len(cells) == 1 and all(re.fullmatch(r"[-+.\d]+|\W+", cell) for cell in cells)):
        return False
    values = {*identity_texts(own.cells(column))}
    return cells <= values or words <= values
