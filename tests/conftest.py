"""One thread for each test process, and property tests that draw the same examples on every machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

# Before torch is imported anywhere, also in the processes that tests start: two test processes whose
# threads wait for each other's cores are several times slower than two with one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

pytest_plugins = ("tests.support.kaggle_fixtures", "tests.support.worlds")

MADE_ONCE = {
    "finished_workspaces": "stages",
    "launcher": "launcher",
    "trained_workspace": "trained",
    "blended_runs": "trained",
    "chained_workspace": "trained",
    "seen_people": "faces",
    "browser": "faces",
}
"""Fixtures that take long to make, with the group of the tests that use them: one process runs a group."""

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        groups = {MADE_ONCE[name] for name in getattr(item, "fixturenames", ()) if name in MADE_ONCE}
        if "finished" in getattr(item, "fixturenames", ()):
            groups.add(item.path.stem)  # each module's own
        for group in groups:
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def really_fsync() -> Iterator[Callable[[int], None]]:
    """The system's `fsync`, which guards against a loss of power: only artifacts/files waits for it."""
    with pytest.MonkeyPatch.context() as patch:
        really = os.fsync
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield really


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets system calls behave as on Windows."""
    if sys.platform != "linux":
        pytest.skip("Windows is imitated on Linux alone")
    from tests.support.windows import imitate

    imitate(monkeypatch)
