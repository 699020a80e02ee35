"""One upload at a time for an account and a competition, from whatever folder of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.files.locking import only_process
from kaggle_face.artifacts.files.private import make_private_folder
from kaggle_face.errors import DataError
from kaggle_face.progress import Progress


@dataclass
class Turn:
    """The turn of an upload, and the content of an earlier one whose end nobody saw.

    It is kept in a file beside the lock, so that another folder learns of a process that was killed between
    the upload and Kaggle's list.
    """

    file: Path | None
    left_open: str | None = None

    def begin(self, sha256: str) -> None:
        """Writes down that the upload of a content begins."""
        if self.file is not None:
            write_text(self.file, f"{sha256}\n")

    def end(self) -> None:
        """Writes down that the outcome is known."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


@contextmanager
def account_turn(user: str, competition: str, progress: Progress) -> Iterator[Turn]:
    """Waits until no other process of this machine's user uploads to the competition for the account.

    Where no lock can be held, the uploads of one folder alone take turns, and this is said.
    """
    name = sha256(f"{user}\0{competition}".encode(errors="surrogatepass")).hexdigest()[:24]
    waiting = f"another upload to '{competition}' is under way on this machine; waiting for it"
    turn = Turn(None)
    with ExitStack() as stack:
        try:
            folder = state_folder()
            make_private_folder(folder)
            stack.enter_context(only_process(folder / f"upload-{name}.lock", lambda: progress.log(waiting)))
            turn = _read_turn(folder / f"upload-{name}.txt")
        except (OSError, DataError, RuntimeError) as error:  # RuntimeError: there is no home folder
            progress.warn(f"uploads from other folders at the same time are not held back: {error}")
        yield turn


def _read_turn(file: Path) -> Turn:
    content = file.read_bytes()[:200].decode("ascii", "replace").strip() if file.is_file() else None
    return Turn(file, content)


def state_folder() -> Path:
    """Where programs of this user keep what is neither data nor settings."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "kaggle-face"
