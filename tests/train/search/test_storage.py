"""Storages of searches: what may be named, what is missing, and that no password is shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from kaggle_face.errors import InputError, MissingExtraError, RunError
from kaggle_face.train.search import storage
from kaggle_face.train.search.storage import PASSWORD_VARIABLE, StudyStorage


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> object:
    """Lets modules be missing, or all be there."""

    def hide(*names: str) -> None:
        monkeypatch.setattr(
            storage, "find_spec", lambda name: None if name in names else SimpleNamespace(name=name)
        )

    return hide


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:s3cret@host:5432/faces", "postgresql://ann:***@host:5432/faces"),
        ("mysql+pymysql://ann:s3/cr@et pa:ss@host/faces", "mysql+pymysql://ann:***@host/faces"),
        ("postgresql://host/faces?user=ann&password=s3cret", "postgresql://host/faces?user=ann&password=***"),
        ("postgresql://ann@host/faces", "postgresql://ann@host/faces"),
        ("/shared/search.journal", "/shared/search.journal"),
    ],
)
def test_a_storage_is_shown_without_its_password(address: str, shown: str) -> None:
    named = StudyStorage.of(address)
    assert named.shown == shown
    assert "s3" not in repr(named) and "s3" not in str(named)


@pytest.mark.parametrize(
    ("address", "missing", "line"),
    [
        (
            "postgresql://a@h/d",
            ("psycopg", "psycopg2"),
            "'psycopg'; install it with: python3 -m pip install \"psycopg[binary]\"",
        ),
        ("postgres://a@h/d", ("psycopg", "psycopg2"), "a postgresql address needs the package 'psycopg'"),
        (
            "mysql://a@h/d",
            ("pymysql", "MySQLdb"),
            "'pymysql'; install it with: python3 -m pip install \"pymysql\"",
        ),
        ("redis://h/0", ("redis",), "a Redis address needs the package 'redis'"),
    ],
)
def test_a_missing_driver_is_one_line_that_names_what_to_install(
    without: object, address: str, missing: tuple[str, ...], line: str
) -> None:
    without(*missing)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        StudyStorage.of(address).open()
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_driver_that_an_address_names_and_that_is_missing_is_named() -> None:
    if importlib.util.find_spec("pg8000") is not None:
        pytest.skip("the driver is installed")
    with pytest.raises(InputError, match=r"postgresql\+pg8000 needs the package 'pg8000'; install it with"):
        StudyStorage.of("postgresql+pg8000://ann:s3cret@host/faces").open()


@pytest.mark.parametrize(
    ("missing", "address"),
    [((), "postgresql+psycopg://a@h/d"), (("psycopg",), "postgresql+psycopg2://a@h/d")],
)
def test_a_database_is_reached_by_the_driver_that_is_installed(
    without: object, missing: tuple[str, ...], address: str
) -> None:
    without(*missing)  # type: ignore[operator]
    assert storage._with_driver("postgresql://a@h/d") == address


def test_a_storage_without_optuna_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"'optuna'.*kaggle-face\[tune\]"):
        StudyStorage.of(tmp_path / "search.journal").open()


def test_a_password_that_is_left_out_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "p@ss/word")
    assert storage._with_password("mysql://ann:***@host/d") == "mysql://ann:p%40ss%2Fword@host/d"
    monkeypatch.delenv(PASSWORD_VARIABLE)
    with pytest.raises(
        InputError, match=f"leaves the password out; put it into the variable {PASSWORD_VARIABLE}"
    ):
        StudyStorage.of("mysql://ann:***@host/d").open()


def test_an_error_that_quotes_the_password_is_one_line_without_it() -> None:
    named = StudyStorage.of("mysql://ann:s3%40cret@host/d")
    with pytest.raises(RunError) as caught, named.explained(every_error=True):
        raise ValueError("no access for ann with s3@cret\nat mysql://ann:s3%40cret@host/d (s3%40cret)")
    line = str(caught.value)
    assert "s3" not in line and "\n" not in line and "mysql://ann:***@host/d cannot be used" in line
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "address", ["nothing://host/d", "sqlite:////proc/none/x.db", "postgresql+psycopg://"]
)
def test_an_address_that_leads_nowhere_is_one_line(address: str) -> None:
    with pytest.raises(InputError) as caught:
        StudyStorage.of(address).open()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_database_file_without_its_address_is_refused() -> None:
    with pytest.raises(InputError, match=r"write sqlite:///runs/x\.db, or name a journal file"):
        StudyStorage.of("runs/x.db")


def test_a_journal_locks_by_a_file_that_network_disks_know(tmp_path: Path) -> None:
    opened = StudyStorage.of(tmp_path / "new" / "search.journal").open()
    from optuna.storages.journal import JournalFileOpenLock, JournalStorage

    assert isinstance(opened, JournalStorage)
    assert isinstance(opened._backend._lock, JournalFileOpenLock)  # type: ignore[attr-defined]
    assert (tmp_path / "new" / "search.journal").is_file()


def test_workers_that_create_the_tables_at_the_same_moment_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    optuna_storages = pytest.importorskip("optuna.storages")
    errors = pytest.importorskip("sqlalchemy.exc")
    opened, created = optuna_storages.RDBStorage, []

    def late(*given: object, **named: object) -> object:
        if len(created) < 2:
            created.append(1)
            raise errors.IntegrityError("CREATE TYPE studydirection", {}, Exception("it already exists"))
        return opened(*given, **named)

    monkeypatch.setattr(optuna_storages, "RDBStorage", late)
    monkeypatch.setattr(storage, "_SECONDS_BETWEEN_ATTEMPTS", 0.0)
    found = StudyStorage.of(f"sqlite:///{tmp_path}/trials.db").open()
    assert isinstance(found, opened) and len(created) == 2

    other = errors.OperationalError("SELECT 1", {}, Exception("the server is gone"))

    def gone(*given: object, **named: object) -> object:
        created.append(2)
        raise other

    monkeypatch.setattr(optuna_storages, "RDBStorage", gone)
    with pytest.raises(RunError, match="the server is gone"):
        StudyStorage.of(f"sqlite:///{tmp_path}/trials.db").open()
    assert created.count(2) == 1
