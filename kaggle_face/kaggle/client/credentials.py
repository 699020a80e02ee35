"""The credentials that the official client uses, found in its own order; their values are never kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.errors import RemoteError
from kaggle_face.hints import shell_line
from kaggle_face.kaggle.client.failures import SETTINGS_PAGE

HOW_TO_GET = (
    f"make a token at {SETTINGS_PAGE} (section API, 'Generate New Token') and save it in "
    f"~/.kaggle/access_token, or set KAGGLE_API_TOKEN; check it with: kaggle-face auth"
)
_KEY_NAMES = ("username", "key")
_MOST_BYTES = 100_000
_NO_TOKEN = "holds characters that no token has"


@dataclass(frozen=True)
class FoundCredentials:
    """A place that holds credentials, and a warning about it, if any."""

    kind: str
    source: str
    warning: str = ""


@dataclass(frozen=True)
class BrokenPlace:
    """A place whose credentials cannot be used, and why; `is_taken` where the client takes them anyway."""

    source: str
    fault: str
    is_taken: bool = False

    def __str__(self) -> str:
        return f"{self.source} is broken: it {self.fault}"


def find_credentials() -> list[FoundCredentials]:
    """Every place with credentials, in the order in which the client looks at them; the first one is used."""
    return [found for found in _look_everywhere() if isinstance(found, FoundCredentials)]


def require_credentials() -> list[FoundCredentials]:
    """The credentials as of `find_credentials`; at least one place has some.

    Raises:
        RemoteError: There are no credentials, or they are broken.
    """
    found = find_credentials()
    if not found:
        raise RemoteError(why_none())
    return found


def find_broken() -> list[BrokenPlace]:
    """Every place of credentials that holds something else."""
    return [found for found in _look_everywhere() if isinstance(found, BrokenPlace)]


def why_none() -> str:
    """The reason why there are no credentials, and how to get some."""
    broken = "; ".join(map(str, find_broken()))
    return f"{broken or 'there are no Kaggle credentials'}; {HOW_TO_GET}"


def _look_everywhere() -> list[FoundCredentials | BrokenPlace | None]:
    home = Path("~/.kaggle").expanduser()
    return [
        _token_of_environment(),
        _token_file(home / "access_token"),
        _token_file(home / "access_token.txt"),
        _api_key(config_folder() / "kaggle.json"),
        _oauth(home / "credentials.json"),
    ]


def config_folder() -> Path:
    """The folder of `kaggle.json`, by the client's own rule."""
    if folder := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(folder)
    home = Path("~/.kaggle").expanduser()
    if home.exists() or os.name == "nt":
        return home
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "kaggle"


def _token_of_environment() -> FoundCredentials | BrokenPlace | None:
    value = os.environ.get("KAGGLE_API_TOKEN")
    if not value:
        return None
    path = Path(value)
    try:
        is_file = path.exists()
    except (OSError, ValueError):
        is_file = False
    if is_file:
        found = _token_file(path)
        where = "the file that KAGGLE_API_TOKEN names"
        return FoundCredentials("access token", where) if isinstance(found, FoundCredentials) else found
    if not _may_be_token(value):
        return BrokenPlace("the environment variable KAGGLE_API_TOKEN", _NO_TOKEN, is_taken=True)
    return FoundCredentials("access token", "the environment variable KAGGLE_API_TOKEN")


def _token_file(path: Path) -> FoundCredentials | BrokenPlace | None:
    try:
        text = _read_text(path)
    except FileNotFoundError:
        return None
    except _BrokenError as error:
        return BrokenPlace(str(path), str(error))
    if not _may_be_token(text.strip()):
        return BrokenPlace(str(path), _NO_TOKEN, is_taken=True)
    return FoundCredentials("access token", str(path), _readable_by_others(path))


def _may_be_token(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _api_key(path: Path) -> FoundCredentials | BrokenPlace | None:
    """User name and key, each from the environment, else from `kaggle.json`."""
    in_environment = {name for name in _KEY_NAMES if os.environ.get(f"KAGGLE_{name.upper()}")}
    if in_environment == set(_KEY_NAMES):
        return FoundCredentials("API key", "the environment variables KAGGLE_USERNAME and KAGGLE_KEY")
    try:
        values = _read_object(path)
        for name in _KEY_NAMES:
            if name not in in_environment:
                _check_filled(values, name)
    except FileNotFoundError:
        return None
    except _BrokenError as error:
        return BrokenPlace(str(path), str(error))
    source = str(path) if not in_environment else f"{path} and KAGGLE_{in_environment.pop().upper()}"
    return FoundCredentials("API key", source, _readable_by_others(path))


def _oauth(path: Path) -> FoundCredentials | BrokenPlace | None:
    try:
        _check_filled(_read_object(path), "refresh_token")
    except FileNotFoundError:
        return None
    except _BrokenError as error:
        return BrokenPlace(str(path), str(error))
    return FoundCredentials("browser login", str(path), _readable_by_others(path))


class _BrokenError(Exception):
    """A fault of a file, as a clause whose subject is the file."""


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise _BrokenError(f"is not JSON ({error.msg}, line {error.lineno})") from None
    except (RecursionError, ValueError):
        raise _BrokenError("is not JSON of user name and key") from None
    if not isinstance(values, dict):
        raise _BrokenError(f"is not a JSON object but {type(values).__name__}")
    return values


def _read_text(path: Path) -> str:
    """The text of a small file, as the official client can read it.

    Raises:
        FileNotFoundError: There is none.
    """
    try:
        if path.exists() and not path.is_file():
            raise _BrokenError("is not a file")
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _BrokenError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _BrokenError("is not UTF-8 text") from None
    if len(content) > _MOST_BYTES:
        raise _BrokenError(f"has more than {_MOST_BYTES} bytes")
    if text.startswith("\ufeff"):
        raise _BrokenError("begins with a byte-order mark; save it as UTF-8 without one")
    if not text.strip():
        raise _BrokenError("is empty")
    return text


def _check_filled(values: Mapping[str, Any], name: str) -> None:
    value = values.get(name)
    if value is None or value == "":
        raise _BrokenError(f"has no '{name}'")
    if not isinstance(value, str):
        raise _BrokenError(f"has a '{name}' that is not a text but {type(value).__name__}")


def _readable_by_others(path: Path) -> str:
    if os.name == "nt" or not path.stat().st_mode & 0o044:
        return ""
    how = shell_line(["chmod", "600", str(path)])
    return f"other users of this machine can read {path}; forbid it with: {how}"
