"""Fixtures of the tests of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.processes import Processes


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Runs a function in several processes that train together."""
    from tests.support.processes import Processes

    running = Processes()
    yield running
    running.end()
