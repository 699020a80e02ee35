"""Which credentials the official client would use, found in its own order; their values are never kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.submit.failures import SETTINGS_PAGE

HOW_TO_GET = (
    f"make a token at {SETTINGS_PAGE} (section API, 'Generate New Token') and save it in "
    f"~/.kaggle/access_token, or set KAGGLE_API_TOKEN; check it with: kaggle-face auth"
)


@dataclass(frozen=True)
class FoundCredentials:
    """A place that holds credentials, and what is wrong with it, if anything."""

    kind: str
    source: str
    warning: str = ""


def find_credentials() -> list[FoundCredentials]:
    """Every place with credentials, in the order in which the client asks them; the first one is used."""
    home = Path("~/.kaggle").expanduser()
    token = [
        _token_of_environment(),
        _token_file(home / "access_token"),
        _token_file(home / "access_token.txt"),
    ]
    found = [*token, _api_key(config_folder() / "kaggle.json"), _oauth(home / "credentials.json")]
    return [credentials for credentials in found if credentials is not None]


def config_folder() -> Path:
    """The folder of `kaggle.json`, by the client's own rule."""
    if folder := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(folder)
    home = Path("~/.kaggle").expanduser()
    if home.exists() or os.name == "nt":
        return home
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "kaggle"


def _token_of_environment() -> FoundCredentials | None:
    value = os.environ.get("KAGGLE_API_TOKEN")
    if not value:
        return None
    try:
        is_file = Path(value).exists()
    except (OSError, ValueError):
        is_file = False
    where = "the file that KAGGLE_API_TOKEN names" if is_file else "the environment variable KAGGLE_API_TOKEN"
    return FoundCredentials("access token", where)


def _token_file(path: Path) -> FoundCredentials | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return FoundCredentials("access token", str(path), _readable_by_others(path)) if text else None


def _api_key(path: Path) -> FoundCredentials | None:
    """User name and key, each from the environment, else from `kaggle.json`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        in_file = {name for name in ("username", "key") if isinstance(values, dict) and values.get(name)}
    except (OSError, ValueError):
        in_file = set()
    in_environment = {name for name in ("username", "key") if os.environ.get(f"KAGGLE_{name.upper()}")}
    if in_file | in_environment != {"username", "key"}:
        return None
    if in_environment == {"username", "key"}:
        return FoundCredentials("API key", "the environment variables KAGGLE_USERNAME and KAGGLE_KEY")
    source = str(path) if not in_environment else f"{path} and KAGGLE_{in_environment.pop().upper()}"
    return FoundCredentials("API key", source, _readable_by_others(path))


def _oauth(path: Path) -> FoundCredentials | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or not values.get("refresh_token"):
        return None
    return FoundCredentials("browser login", str(path), _readable_by_others(path))


def _readable_by_others(path: Path) -> str:
    if os.name == "nt" or not path.stat().st_mode & 0o044:
        return ""
    return f"other users of this machine can read {path}; forbid it with: chmod 600 {path}"
