"""Files that are written as outside the tests, the wait for the disk included."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _fsync(monkeypatch: pytest.MonkeyPatch, really_fsync: Callable[[int], None]) -> None:
    monkeypatch.setattr(os, "fsync", really_fsync)
