"""The property that every input has to hold, tried on as many inputs as a test asks for.

An input gives a result, or an error of ours with one line; it takes seconds at most, and bounded memory.
"""

from __future__ import annotations

import resource
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kaggle_face.errors import KaggleFaceError

_MOST_SECONDS = 5.0
_MOST_MEGABYTES = 2000.0

INPUTS: Counter[str] = Counter()
"""How many inputs were tried, and how many of them were refused, by what they are."""


def sizes(short: int, long: int) -> pytest.MarkDecorator:
    """Tries few inputs by default, and many with the mark `fuzz`."""
    return pytest.mark.parametrize(
        "count", [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.fuzz)]
    )


def holds(what: str, count: int, act: Callable[[Random], object]) -> None:
    """Calls `act` with `count` different sources of random numbers, the same in every run.

    Raises:
        AssertionError: An input took too long or too much memory, or its error is not one plain line.
    """
    before = _megabytes()

    @settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**63))
    def try_one(number: int) -> None:
        started = time.process_time()
        INPUTS[what] += 1
        try:
            act(Random(number))
        except KaggleFaceError as error:
            INPUTS[f"{what}, refused"] += 1
            assert_one_line(str(error))
        assert time.process_time() - started < _MOST_SECONDS

    try_one()
    assert _megabytes() - before < _MOST_MEGABYTES


def assert_one_line(message: str) -> None:
    """Checks that a message is one line of printable letters."""
    assert message.strip()
    odd = [letter for letter in message if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert not odd, (odd, message)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
