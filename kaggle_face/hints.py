"""Command lines in messages, which work as they stand when they are typed in the same folder.

Layers below the command line do not know how it named its settings (a name, a path, a variable of the
environment) and which of them it changed. It keeps that here for the length of a call, and every command line
that a message shows is made here.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "kaggle-face"


@dataclass(frozen=True)
class GivenSettings:
    """The settings of a call: the word after `-c`, and the `key=value` overrides."""

    word: str
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that runs are filed under.

        >>> GivenSettings("my settings/faces.yaml").name, GivenSettings("v1.2").name
        ('faces', 'v1.2')
        """
        path = Path(self.word)
        return path.stem if path.suffix in (".yaml", ".yml") else path.name


_GIVEN: ContextVar[GivenSettings | None] = ContextVar("settings of this call", default=None)


@contextmanager
def settings_given_as(word: str, overrides: Sequence[str] = ()) -> Iterator[None]:
    """Lets the hints of a call name its settings as the call does."""
    token = _GIVEN.set(GivenSettings(word, tuple(overrides)))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def shell_line(words: Iterable[str]) -> str:
    r"""Words as a line for the shell; unprintable characters are written as escapes.

    >>> print(shell_line(["rm", "Ann Bee.jpg", "a\x1b[2J.jpg"]))
    rm 'Ann Bee.jpg' $'a\x1b[2J.jpg'
    """
    return " ".join(shlex.quote(word) if _can_be_shown(word) else _in_escapes(word) for word in words)


def _can_be_shown(text: str) -> bool:
    return text.isprintable() or all(it.isprintable() or unicodedata.category(it) == "Zs" for it in text)


def _in_escapes(word: str) -> str:
    """A word as bash, zsh and ksh read it between `$'` and `'`: its bytes, where they are not printable."""

    def escaped(letter: str) -> str:
        if _can_be_shown(letter):
            return f"\\{letter}" if letter in "\\'" else letter
        is_byte = "\udc80" <= letter <= "\udcff"  # of a name that is not UTF-8
        data = letter.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
        return "".join(f"\\x{byte:02x}" for byte in data)

    return f"$'{''.join(map(escaped, word))}'"


def command_line(*words: str) -> str:
    """A command with its words, quoted for the shell.

    >>> command_line("enroll", "Ann Bee", "ann.jpg")
    "kaggle-face enroll 'Ann Bee' ann.jpg"
    """
    return shell_line([PROGRAM, *words])


def settings_command(
    *words: str,
    settings: str | None = None,
    word: str | None = None,
    overrides: Sequence[str] = (),
    without: str | None = None,
) -> str:
    """A command that takes `-c` and overrides, with those of this call.

    Args:
        words: The command and its options.
        settings: The name of the settings that are meant; None: those of this call.
        word: What to write after `-c` where the call names other settings; None: their name.
        overrides: Overrides to write before those of the call, each once.
        without: A setting that is not to be written, whoever gave it.

    >>> with settings_given_as("mine/faces.yaml", ["paths.runs=r"]):
    ...     settings_command("predict", settings="faces"), settings_command("predict", settings="others")
    ('kaggle-face predict -c mine/faces.yaml paths.runs=r', 'kaggle-face predict -c others paths.runs=r')
    """
    given = _GIVEN.get()
    if given is not None and settings in (None, given.name):
        word = given.word
    named = ("-c", word or settings) if word or settings else ()
    more = dict.fromkeys((*overrides, *(given.overrides if given is not None else ())))
    return command_line(*words, *named, *(text for text in more if text.partition("=")[0] != without))
