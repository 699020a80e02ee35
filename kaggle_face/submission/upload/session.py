"""Work with Kaggle in one session: its list of submissions, the ledger, and turns with other processes.

The description of a submission carries a tag: the hash of the content and a number. It is written before the
upload begins, so a process that dies between the upload and the ledger leaves enough on Kaggle for the next
one to complete the row.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.files.locking import wait_for_lock
from kaggle_face.artifacts.files.private import make_private_folder
from kaggle_face.config import Config
from kaggle_face.errors import DataError
from kaggle_face.kaggle.client.answers import RemoteSubmission
from kaggle_face.kaggle.client.client import KaggleClient, connect
from kaggle_face.kaggle.client.clock import Clock, SystemClock, iso_time
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.database import Ledger, News, new_key
from kaggle_face.submission.ledger.entries import Entry

NEWEST = 50
SECONDS_UNTIL_LISTED = 60.0
"""How long Kaggle may take to list what it accepted."""
_POLLS = (2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0)
_HASH_DIGITS = 12
_LONGEST_MESSAGE = 200
_TAG = re.compile(r"\[kf ([0-9a-f]{12}) (\d+)\]")


@dataclass(frozen=True)
class KaggleSession:
    """A client that is logged in, the ledger, the clock and the progress reporting of one piece of work."""

    client: KaggleClient
    ledger: Ledger
    clock: Clock
    progress: Progress

    def fetch(self, competition: str, newest: int | None = None) -> list[RemoteSubmission]:
        """Writes Kaggle's list of submissions into the ledger, and returns it, the newest first."""
        listed = self.client.submissions(competition, newest)
        write_listed(self.ledger, competition, listed)
        return listed

    def looks(self, seconds: float = SECONDS_UNTIL_LISTED) -> Iterator[float]:
        """The pauses before each look at Kaggle's list, slept through: none before the first one."""
        yield 0.0
        for wait in waits_of(seconds):
            self.clock.sleep(wait)
            yield wait

    def is_listed(self, tag: str, competition: str) -> bool:
        """Whether Kaggle lists the upload with this tag now."""
        return any(tag_of(item.description) == tag for item in self.fetch(competition, NEWEST))


def waits_of(seconds: float) -> Iterator[float]:
    """Pauses that grow to half a minute, `seconds` in all."""
    passed, step = 0.0, 0
    while passed < seconds:
        wait = min(_POLLS[min(step, len(_POLLS) - 1)], seconds - passed)
        yield wait
        passed, step = passed + wait, step + 1


def write_listed(ledger: Ledger, competition: str, listed: Sequence[RemoteSubmission]) -> None:
    """Completes the rows of listed submissions, the oldest first, and begins rows for unknown ones.

    A score that was known never goes away. Submissions that were made by other means get a row of their own.
    """
    ledger.update(lambda rows: _news_of(competition, listed, rows))


def _news_of(competition: str, listed: Sequence[RemoteSubmission], rows: Sequence[Entry]) -> list[News]:
    entries = [entry for entry in rows if entry.competition == competition]
    by_reference = {entry.reference: entry for entry in entries if entry.reference}
    by_tag: dict[str | None, Entry] = {e.tag: e for e in entries if e.tag and not e.reference}
    news: list[News] = []
    for submission in reversed(listed):
        names = ("reference", "status", "public_score", "private_score", "error")
        known = {name: value for name in names if (value := getattr(submission, name)) is not None}
        entry = by_reference.get(submission.reference) or by_tag.get(tag_of(submission.description))
        if entry is None:
            found = {
                "competition": competition,
                "file": submission.file_name,
                "message": _TAG.sub("", submission.description).strip(),
                "tag": tag_of(submission.description),
                **known,
            }
            date = {} if submission.date is None else {"time": iso_time(submission.date)}
            news.append((new_key(), "found", found | date))
        elif changes := {name: value for name, value in known.items() if getattr(entry, name) != value}:
            news.append((entry.key, "status", changes))
    return news


def make_tag(content_sha256: str, number: int) -> str:
    """The tag of the `number`-th upload of a content.

    >>> make_tag("0123456789abcdef", 1)
    '[kf 0123456789ab 1]'
    """
    return f"[kf {content_sha256[:_HASH_DIGITS]} {number}]"


def next_number(content_sha256: str, texts: Iterable[str | None]) -> int:
    """One more than the highest number under which a content was uploaded.

    >>> next_number("0123456789abcdef", ["old [kf 0123456789ab 3]", "[kf ffffffffffff 7]", None])
    4
    """
    found = [match for text in texts for match in _TAG.findall(text or "")]
    numbers = [int(number) for content, number in found if content_sha256.startswith(content)]
    return max(numbers, default=0) + 1


def tag_of(description: str) -> str | None:
    """The tag in a description, if it has one.

    >>> tag_of("blend of two [kf 0123456789ab 1]")
    '[kf 0123456789ab 1]'
    """
    found = _TAG.search(description)
    return found.group() if found else None


def is_tag_of(tag: str | None, content_sha256: str) -> bool:
    """Whether a tag is that of an upload of a content.

    >>> is_tag_of("[kf 0123456789ab 2]", "0123456789abcdef"), is_tag_of(None, "0123456789abcdef")
    (True, False)
    """
    found = _TAG.search(tag or "")
    return found is not None and content_sha256.startswith(found.group(1))


def has_content(submission: RemoteSubmission, content_sha256: str) -> bool:
    """Whether a submission carries the tag of a content."""
    return is_tag_of(submission.description, content_sha256)


def description_of(message: str, tag: str) -> str:
    """The description of an upload: one line, the message cut so that the tag stays whole."""
    text = _TAG.sub("", " ".join(message.split())).strip()
    return f"{text[:_LONGEST_MESSAGE]} {tag}".strip()


@dataclass
class Turn:
    """The turn of an upload, and the content of an earlier one whose end was not seen.

    It is kept in a file beside the lock, so that another folder learns of a process that was killed between
    the upload and Kaggle's list.
    """

    file: Path | None
    left_open: str | None = None

    def begin(self, content_sha256: str) -> None:
        """Notes that the upload of a content begins."""
        if self.file is not None:
            write_text(self.file, f"{content_sha256}\n")

    def end(self) -> None:
        """Notes that the outcome is known."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


@contextmanager
def account_turn(user: str, competition: str, progress: Progress) -> Iterator[Turn]:
    """Waits until no other process of this machine's user uploads to the competition for the account.

    Where no lock can be held, only the uploads of one folder take turns, and a warning is printed.
    """
    name = sha256(f"{user}\0{competition}".encode(errors="surrogatepass")).hexdigest()[:24]
    waiting = f"another upload to '{competition}' is under way on this machine; waiting for it"
    turn = Turn(None)
    with ExitStack() as stack:
        try:
            folder = state_folder()
            make_private_folder(folder)
            stack.enter_context(wait_for_lock(folder / f"upload-{name}.lock", lambda: progress.log(waiting)))
            file = folder / f"upload-{name}.txt"
            left = file.read_bytes()[:200].decode("ascii", "replace").strip() if file.is_file() else None
            turn = Turn(file, left)
        except (OSError, DataError, RuntimeError) as error:  # RuntimeError: there is no home folder
            progress.warn(f"uploads from other folders at the same time are not held back: {error}")
        yield turn


def state_folder() -> Path:
    """The folder for state of this user's programs: neither data nor settings."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "kaggle-face"


def open_ledger(config: Config) -> Ledger:
    """The ledger in `paths.submissions`."""
    return Ledger(Path(config.paths.submissions))


def open_session(config: Config, progress: Progress) -> KaggleSession:
    """The ledger, and a client that is logged in.

    Raises:
        RemoteError: There are no working credentials.
    """
    clock = SystemClock()
    client = connect(clock, progress, config.submit.silent_seconds)
    return KaggleSession(client, open_ledger(config), clock, progress)
