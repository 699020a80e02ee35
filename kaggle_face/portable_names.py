"""Names of files and folders that every system takes, so that a folder can be copied to another machine."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9]|LPT[0-9])(\.|$)", re.IGNORECASE)


def why_not_portable(name: str) -> str | None:
    """What keeps a name from being one on Windows, or None.

    >>> why_not_portable("nul.yaml"), why_not_portable("run."), why_not_portable("null")
    ("is a device's name on Windows", 'ends in a dot, which Windows drops', None)
    """
    if _DEVICE.match(name):
        return "is a device's name on Windows"
    if name.endswith((".", " ")):
        return f"ends in a {'dot' if name.endswith('.') else 'blank'}, which Windows drops"
    return None


def one_name_with(name: str, others: Iterable[str]) -> str | None:
    """Which of the other names differs in case alone, as Windows and macOS take for the same; or None.

    >>> one_name_with("Main", ["main", "other"]), one_name_with("main", ["main"])
    ('main', None)
    """
    found = list(others)
    if name in found:
        return None
    return next((other for other in found if other.casefold() == name.casefold()), None)
