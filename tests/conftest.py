"""One thread for each test process, and property tests that draw the same examples on every machine."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

# Before torch is imported anywhere, also in the processes that tests start: two test processes whose
# threads wait for each other's cores are several times slower than two with one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a process that a test starts has compiled, the next need not compile again: a fifth of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest
from hypothesis import settings

PLUGINS = ("tests.support.exported", "tests.support.kaggle_fixtures", "tests.support.world_fixtures")

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Registers fixtures, except where tests are only dealt out: their imports take seconds."""
    if os.environ.get("PYTEST_XDIST_WORKER") or config.getoption("dist", "no") == "no":
        for plugin in PLUGINS:
            config.pluginmanager.import_plugin(plugin)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Looks for examples in the package and not in its tests, which have none."""
    return [each for each in (yield) if type(each).__name__ != "DoctestModule"]


def pytest_collection() -> None:
    """Imports and collects without looking for cycles, which would be a fifth of that time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leaves what was imported and collected, over a million objects, out of later searches for cycles."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Sends tests that share what takes long to make to one process."""
    from tests.support.scheduling import GroupScheduling

    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def browser_driver() -> Iterator[Any]:
    """What starts browsers: Playwright allows one in a process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        yield driver


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
