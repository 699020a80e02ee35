"""Pictures of people for shapes of own data: people mixed, each around a colour of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.own_shapes import NAMES, PER_PERSON, TESTS, draw


def training(
    path: Callable[[int, int], str], root: Path, count: int = PER_PERSON
) -> Iterator[tuple[str, int]]:
    """Draws the training pictures, and yields the id and the person of each."""
    for image in range(count):
        for person in range(len(NAMES)):
            name = path(person, image)
            draw(root / name, person, image)
            yield name, person


def testing(path: Callable[[int], str], root: Path, count: int = TESTS) -> Iterator[tuple[str, int]]:
    """Draws the test pictures, and yields the id and the person of each."""
    for number in range(count):
        person = number * 2 % len(NAMES)
        draw(root / path(number), person, 100 + number)
        yield path(number), person
