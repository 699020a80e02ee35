"""Names of files and folders: pictures, junk, spellings, and names that every system takes.

One list of suffixes and one list of junk for everything that lists folders.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp"),
    *(".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""The suffixes of what `pictures` decodes, in small letters; a test compares them with the decoder."""

ANIMATED_SUFFIXES = (".gif", ".tif", ".tiff", ".apng")
"""Those whose files often hold several frames, of which the first is taken."""

# What operating systems, file servers, archivers and notebooks leave behind; compared in small letters.
_JUNK = frozenset(
    (
        *("@eadir", "@tmp", "@recycle", "@sharebin", "#recycle", "#snapshot", ".@__thumb", ".snapshot"),
        *("__macosx", ".ds_store", ".appledouble", ".apdisk", ".fseventsd", ".spotlight-v100"),
        *(".temporaryitems", ".trashes", ".documentrevisions-v100", "icon\r", "network trash folder"),
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler"),
        *("system volume information", "found.000", "lost+found", ".directory", ".thumbnails", "picasa.ini"),
        *(".picasa.ini", ".ipynb_checkpoints", "__pycache__", ".git", ".gitkeep", ".gitignore", ".svn"),
        *(".cache", ".idea", ".vscode", ".trash"),
    )
)
_JUNK_BEGINNINGS = ("._", ".trash-", ".nfs", ".fuse_hidden", "~$")
_WINDOWS_DEVICE = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\xb9\xb2\xb3]) *(\.|$)", re.IGNORECASE
)


def is_picture_name(name: str) -> bool:
    """Whether a file's name has the suffix of a picture, in any case.

    >>> is_picture_name("a.JPG"), is_picture_name("a.txt"), is_picture_name(".a.jpg")
    (True, False, False)
    """
    return name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")


def is_junk(name: str) -> bool:
    """Whether a file or folder is known not to be part of any data set.

    >>> is_junk("@eaDir"), is_junk("._a.jpg"), is_junk("n000001")
    (True, True, False)
    """
    lower = name.lower()
    return lower in _JUNK or lower.startswith(_JUNK_BEGINNINGS)


def composed(text: str) -> str:
    r"""A text with accents joined to their letters (NFC), in which two spellings of one name are equal.

    Macs hand out names with accents apart (NFD).

    >>> composed("Jose\u0301") == "Jos\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def first_clash(names: Collection[str]) -> tuple[str, str] | None:
    """The first two different names that are one when composed, or None."""
    if all(name.isascii() for name in names):
        return None
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(composed(name), name)) != name:
            return other, name
    return None


class Spellings:
    r"""Finds names whatever the spelling of their accents.

    >>> Spellings(["Jos\u00e9"]).find("Jose\u0301") == "Jos\u00e9"
    True
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._by_composed: dict[str, str] | None = None

    def find(self, name: str) -> str | None:
        """The name itself where it is known, else the known one that differs in accents' spelling alone."""
        if name in self._names:
            return name
        if self._by_composed is None:
            self._by_composed = {composed(known): known for known in self._names}
        return self._by_composed.get(composed(name))


def is_windows_device(name: str) -> bool:
    """Whether Windows takes a name for that of a device, whatever its suffix.

    >>> is_windows_device("aux.jpg"), is_windows_device("auxiliary.jpg")
    (True, False)
    """
    return _WINDOWS_DEVICE.match(name) is not None


def why_not_portable(name: str) -> str | None:
    """The reason why a name cannot be one on Windows, or None.

    >>> why_not_portable("nul.yaml"), why_not_portable("run."), why_not_portable("null")
    ("is a device's name on Windows", 'ends in a dot, which Windows drops', None)
    """
    if is_windows_device(name):
        return "is a device's name on Windows"
    if name.endswith((".", " ")):
        return f"ends in a {'dot' if name.endswith('.') else 'blank'}, which Windows drops"
    return None


def one_name_with(name: str, others: Iterable[str]) -> str | None:
    """The other name that differs in case alone, which Windows and macOS take for the same, or None.

    >>> one_name_with("Main", ["main", "other"]), one_name_with("main", ["main"])
    ('main', None)
    """
    found = list(others)
    if name in found:
        return None
    return next((other for other in found if other.casefold() == name.casefold()), None)


def is_unicode(text: str) -> bool:
    """Whether a text can be written: a file's name, or a JSON text, may hold half of a pair of surrogates.

    >>> is_unicode("ä"), is_unicode("\\udcff")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
