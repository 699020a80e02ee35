"""The mark in a submission's description by which a file is found again: its content hash and a number.

The mark is written before the upload begins, so a process that dies between the upload and the ledger leaves
enough on Kaggle for the next one to complete the row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kaggle_face.kaggle.client.answers import RemoteSubmission

_HASH_DIGITS = 12
_LONGEST_MESSAGE = 200
_TAG = re.compile(r"\[kf ([0-9a-f]{12}) (\d+)\]")


def make_tag(sha256: str, number: int) -> str:
    """The mark of the `number`-th upload of a content.

    >>> make_tag("0123456789abcdef", 1)
    '[kf 0123456789ab 1]'
    """
    return f"[kf {sha256[:_HASH_DIGITS]} {number}]"


def next_number(sha256: str, texts: Iterable[str | None]) -> int:
    """One more than the highest number under which a content was uploaded.

    >>> next_number("0123456789abcdef", ["old [kf 0123456789ab 3]", "[kf ffffffffffff 7]", None])
    4
    """
    numbers = [int(number) for text in texts for content, number in _TAG.findall(text or "")
               if sha256.startswith(content)]  # fmt: skip
    return max(numbers, default=0) + 1


def tag_of(description: str) -> str | None:
    """The mark in a description, if it has one.

    >>> tag_of("blend of two [kf 0123456789ab 1]")
    '[kf 0123456789ab 1]'
    """
    found = _TAG.search(description)
    return found.group() if found else None


def has_content(submission: RemoteSubmission, sha256: str) -> bool:
    """Whether a submission carries the mark of a content."""
    found = _TAG.search(submission.description)
    return found is not None and sha256.startswith(found.group(1))


def description_of(message: str, tag: str) -> str:
    """The description of an upload: one line, the message cut so that the mark stays whole."""
    text = _TAG.sub("", " ".join(message.split())).strip()
    return f"{text[:_LONGEST_MESSAGE]} {tag}".strip()


def message_of(description: str) -> str:
    """A description without the mark."""
    return _TAG.sub("", description).strip()
