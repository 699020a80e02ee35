"""One upload at a time for an account and a competition, from whatever folder of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from kaggle_face.data.locking import only_process
from kaggle_face.errors import DataError
from kaggle_face.progress import Progress


@contextmanager
def account_turn(user: str, competition: str, progress: Progress) -> Iterator[None]:
    """Waits until no other process of this machine's user uploads to the competition for the account.

    Where no lock can be held, the uploads of one folder alone take turns, and this is said.
    """
    name = sha256(f"{user}\0{competition}".encode(errors="surrogatepass")).hexdigest()[:24]
    waiting = f"another upload to '{competition}' is under way on this machine; waiting for it"
    with ExitStack() as stack:
        try:
            path = state_folder() / f"upload-{name}.lock"
            stack.enter_context(only_process(path, lambda: progress.say(waiting)))
        except (OSError, DataError, RuntimeError) as error:  # RuntimeError: there is no home folder
            progress.warn(f"uploads from other folders at the same time are not held back: {error}")
        yield


def state_folder() -> Path:
    """Where programs of this user keep what is neither data nor settings."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "kaggle-face"
