"""Names of people: any script, one line, nothing that a path or a page could take for its own."""

from __future__ import annotations

import unicodedata

from kaggle_face.errors import GalleryError

MAX_LETTERS = 100
_FORBIDDEN = "/\\<>"
_JOINERS = "\u200c\u200d"  # parts of words in Persian and Indic scripts, though of the category of controls


def checked_name(text: str) -> str:
    """The name in its composed form, blanks made single.

    >>> checked_name("  Rene\\u0301   O'Brien ")
    "René O'Brien"

    Raises:
        GalleryError: It is empty, too long, or holds a character that names must not have.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise GalleryError(f"a person's name must not be empty, got {text!r}")
    if len(name) > MAX_LETTERS:
        raise GalleryError(f"a person's name has at most {MAX_LETTERS} letters, got {len(name)}: {name[:20]}")
    forbidden = (
        letter
        for letter in name
        if letter not in _JOINERS and (letter in _FORBIDDEN or unicodedata.category(letter)[0] == "C")
    )
    wrong = next(forbidden, None)
    if wrong is not None:
        raise GalleryError(f"a person's name must not hold {wrong!r}, got {name!r}; leave it out")
    if name[0] in ".-":
        raise GalleryError(f"a person's name must not begin with {name[0]!r}, got {name!r}")
    return name


def folded_name(name: str) -> str:
    """The common form of all spellings of a name: "ANN" and "Ann" are one person.

    >>> folded_name("STRASSE") == folded_name("Straße")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
