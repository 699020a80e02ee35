"""The storage of a search's trials: one of Optuna, named by an address or the path of a journal file.

A journal is a file on a disk that all workers see. Its lock is a file made with O_EXCL, which NFS (version 3
and later), SMB and Windows know, where locks of the system and symbolic links may be missing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.errors import InputError, MissingExtraError, RunError, hide_passwords

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

PASSWORD_VARIABLE = "KAGGLE_FACE_STORAGE_PASSWORD"
"""Environment variable that takes the place of the password `***` in an address."""

_LEFT_OUT = ":***@"
_DRIVERS = {
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2"},
    "mysql": {"pymysql": "pymysql", "MySQLdb": "mysqldb"},
    "mariadb": {"pymysql": "pymysql", "MySQLdb": "mysqldb"},
}
"""For each database the modules that reach it, the preferred one first, and SQLAlchemy's names of them."""

_PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""What to install for a module whose package has another name."""

_DATABASES = (".db", ".sqlite", ".sqlite3")
_SECONDS_OF_A_BUSY_FILE = 60
_ATTEMPTS_TO_OPEN = 10
_SECONDS_BETWEEN_ATTEMPTS = 0.5
_LIBRARIES = (
    "optuna",
    "sqlalchemy",
    "alembic",
    "sqlite3",
    "psycopg",
    "psycopg2",
    "pymysql",
    "MySQLdb",
    "redis",
)


@dataclass(frozen=True)
class StudyStorage:
    """A storage as it was named: an address, a path, or a storage of Optuna that a program opened.

    >>> StudyStorage.of("postgresql://ann:secret@host/faces")
    StudyStorage(shown='postgresql://ann:***@host/faces')
    """

    shown: str
    _named: Any = field(repr=False)
    _way_out: str = field(default="name another storage", repr=False)

    @classmethod
    def of(cls, named: str | Path | BaseStorage) -> StudyStorage:
        """The storage of an address or a path.

        Raises:
            InputError: It is empty, or a database file without `sqlite:///`.
        """
        if not isinstance(named, str | Path):
            return cls(type(named).__name__, named)
        text = str(named).strip()
        if not text:
            raise InputError("a storage is the path of a journal file or an address, got an empty one")
        if "://" not in text and text.lower().endswith(_DATABASES):
            raise InputError(
                f"{text} is the name of a database; write sqlite:///{text}, or name a journal file"
            )
        return cls(hide_passwords(text, is_word=True), text)

    @classmethod
    def beside_runs(cls, path: Path) -> StudyStorage:
        """A database of this machine alone, which is made where there is none."""
        return cls(str(path), f"sqlite:///{path.as_posix()}", "move it away")

    @property
    def is_file(self) -> bool:
        """Whether it is the path of a journal."""
        return isinstance(self._named, str) and "://" not in self._named

    def open(self) -> BaseStorage:
        """Connects to the storage, and makes its file or tables where there are none.

        Raises:
            MissingExtraError: Optuna is not installed.
            InputError: The driver of a database is not installed, or the password is left out.
            RunError: The storage cannot be reached or used.
        """
        import_optuna()
        with self.explained(every_error=True):
            if not isinstance(self._named, str):
                storage: BaseStorage = self._named
                return storage
            if self.is_file:
                return _open_journal(Path(self._named))
            return _open_address(_with_password(self._named))

    @contextmanager
    def explained(self, every_error: bool = False) -> Iterator[None]:
        """Turns an error of the storage into one line without the password.

        Args:
            every_error: Whether all errors come from the storage; else only those of its libraries.

        Raises:
            RunError: The storage cannot be reached or used.
        """
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            library = type(error).__module__.partition(".")[0]
            if not every_error and library not in _LIBRARIES:
                raise
            reason = self._without_secrets(" ".join(str(error).split()))[:200] or type(error).__name__
            # A traceback would show the errors before this one, whose texts may hold the password.
            raise RunError(
                f"{self.shown} cannot be used: {reason}; {self._way_out}, or search under another --name"
            ) from None

    def _without_secrets(self, text: str) -> str:
        if not isinstance(self._named, str) or "://" not in self._named:
            return text
        from urllib.parse import unquote

        text = text.replace(self._named, self.shown)
        found = re.search(r"://[^:/@]*:(.+)@", self._named, re.DOTALL)
        for secret in {found[1], unquote(found[1]), os.environ.get(PASSWORD_VARIABLE)} if found else ():
            if secret and secret != "***":
                text = text.replace(secret, "***")
        return hide_passwords(text)


def import_optuna() -> Any:
    """Optuna, which logs nothing of its own.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("optuna", "tune") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # below, it logs the traceback of our own errors
    return optuna


def _open_journal(path: Path) -> BaseStorage:
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _open_address(address: str) -> BaseStorage:
    if address.startswith(("redis://", "rediss://")):
        from optuna.storages.journal import JournalRedisBackend, JournalStorage

        if find_spec("redis") is None:
            raise _missing("redis", "a Redis address")
        return JournalStorage(JournalRedisBackend(address))
    from optuna.storages import RDBStorage

    address = _with_driver(address)
    # Trials take longer than servers and routers keep idle connections.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if address.startswith("sqlite:///"):
        options["connect_args"] = {"timeout": _SECONDS_OF_A_BUSY_FILE}
        Path(address.removeprefix("sqlite:///").partition("?")[0]).parent.mkdir(parents=True, exist_ok=True)
    try:
        return _opened_beside_others(lambda: RDBStorage(address, engine_kwargs=options))
    except ImportError as error:
        # Optuna wraps the error of a driver that an address names by itself.
        cause = error.__cause__ or error.__context__ or error
        name = getattr(cause, "name", None) or getattr(error, "name", None)
        if not name:
            raise
        raise _missing(str(name), address.partition("://")[0]) from None


def _opened_beside_others(open_storage: Callable[[], BaseStorage]) -> BaseStorage:
    """A storage whose tables other workers may be creating at the same moment, which fails all but one."""
    for _ in range(_ATTEMPTS_TO_OPEN - 1):
        try:
            return open_storage()
        except Exception as error:
            if not type(error).__module__.startswith("sqlalchemy") or "already exists" not in str(error):
                raise
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    return open_storage()


def _with_driver(address: str) -> str:
    """The address with the driver that is installed, where it names none.

    Raises:
        InputError: None is installed.
    """
    scheme, _, rest = address.partition("://")
    scheme = "postgresql" if scheme == "postgres" else scheme
    if scheme not in _DRIVERS:
        return f"{scheme}://{rest}"
    for module, driver in _DRIVERS[scheme].items():
        if find_spec(module) is not None:
            return f"{scheme}+{driver}://{rest}"
    raise _missing(next(iter(_DRIVERS[scheme])), f"a {scheme} address")


def _missing(module: str, what: str) -> InputError:
    package = _PACKAGES.get(module, module)
    return InputError(
        f"{what} needs the package '{module}'; install it with: python3 -m pip install \"{package}\""
    )


def _with_password(address: str) -> str:
    """The address with the password of the environment in the place of `***`.

    Raises:
        InputError: It is needed and not there.
    """
    if _LEFT_OUT not in address:
        return address
    from urllib.parse import quote

    password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        raise InputError(f"{address} leaves the password out; put it into the variable {PASSWORD_VARIABLE}")
    return address.replace(_LEFT_OUT, f":{quote(password, safe='')}@", 1)
