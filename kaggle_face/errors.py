"""The exception tree, as seen by the person at the keyboard.

KaggleFaceError
├── InputError                 the user's input or settings are wrong: one line, exit code 2
│   ├── ConfigError            a settings file or an override
│   ├── DataError              the competition's files: images, lists, tables
│   ├── RunError               the state of a run folder: missing, unfinished, made with other settings
│   ├── SubmissionError        a table that Kaggle would refuse
│   ├── GalleryError           the enrolled people: no such gallery, a name that is taken, another model
│   ├── RulesError             a rule of the competition is broken
│   ├── RemoteError            Kaggle refused or could not be reached
│   ├── WorkerLostError        a process that prepares batches was killed, most likely for lack of memory
│   ├── DiskError              the disk or the machine is in the way: no room, no right, no memory
│   └── MissingExtraError      an optional part of the package is not installed
├── TrainingStoppedError       training cannot go on (non-finite losses); what was learnt is kept
└── OtherProcessError          another process of the training failed and reports it; this one ends in silence
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

_JOINER = re.compile("[\u0600-\u109f][\u200c\u200d](?=[\u0600-\u109f])")
"""A joiner between two letters of a script that is read otherwise without it, such as Persian or Hindi."""


_PASSWORD = re.compile(r"(://[^\s:/@]*):(?!//)\S+@")
_PASSWORD_OF_WORD = re.compile(r"(://[^:/@]*):.+@", re.DOTALL)
_SECRET_OPTION = re.compile(r"([?&][^=&\s]*(?:pass|pwd|secret)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)


class KaggleFaceError(Exception):
    """Every error that this package raises on purpose; its message is one line whatever it quotes."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(KaggleFaceError):
    """The user's input is wrong; the message is one line: what, the value, where and what to do."""


class ConfigError(InputError):
    """A settings file or an override is wrong."""


class DataError(InputError):
    """A file of the competition is missing, broken or contradicts another."""


class RunError(InputError):
    """A run folder lacks what a command needs, or was made with other settings."""


class SubmissionError(InputError):
    """A submission table would be refused by Kaggle."""


class GalleryError(InputError):
    """A gallery of enrolled people is missing, damaged or of another model, or refuses a name."""


class RulesError(InputError):
    """A rule of the competition would be broken."""


class RemoteError(InputError):
    """Kaggle refused a request or could not be reached."""


class OfflineError(RemoteError):
    """Kaggle could not be reached, or there are no credentials to reach it with."""


class WorkerLostError(InputError):
    """A process that prepares batches was killed, as systems do where memory runs out."""


class DiskError(InputError, OSError):
    """The disk or the machine is in the way: no room, no right, no memory; `strerror` is the short form."""

    def __init__(self, line: str, number: int = 0, reason: str = "") -> None:
        super().__init__(line)
        self.errno, self.strerror = number, reason

    def __str__(self) -> str:
        return one_line(str(self.args[0]))


class MissingExtraError(InputError):
    """A command needs a package that only an extra installs.

    >>> print(MissingExtraError("optuna", "tune"))
    this needs the package 'optuna'; install it with: python3 -m pip install "kaggle-face[tune]"
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package '{package}'; "
            f'install it with: python3 -m pip install "kaggle-face[{extra}]"'
        )


class TrainingStoppedError(KaggleFaceError):
    """Training cannot go on; what was saved is kept."""


class OtherProcessError(KaggleFaceError):
    """Another process of the same training failed, and reports why."""


def nearest_hint(wrong: str, known: Iterable[str], limit: int = 3) -> str:
    """The clause that offers the known names nearest to a wrong one, or an empty string.

    >>> nearest_hint("resnet81", ["resnet18", "convnext_tiny"])
    "; did you mean 'resnet18'?"
    >>> nearest_hint("xyz", ["resnet18"])
    ''
    """
    near = difflib.get_close_matches(wrong, list(known), n=limit, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def naming_first(count: int, total: int, noun: str, clause: str, first: str) -> str:
    """A phrase with the count of offenders and the first of them; the words are those of `part_of`.

    >>> naming_first(3, 1200, "test image", "have no prediction", "00017.jpg")
    '3 of 1,200 test images have no prediction, first: 00017.jpg'
    """
    return f"{part_of(count, total, noun, clause)}, first: {first}"


def part_of(count: int, total: int, noun: str, clause: str) -> str:
    """A phrase such as `3 of 5 images are`: the noun agrees with the total, the verb with the count.

    Args:
        count: How many there are.
        total: Of how many.
        noun: In the singular; what follows " of " in it stays as it is.
        clause: What holds of them, beginning with its only verb in the plural.

    >>> part_of(1, 3, "image of the list", "do not exist"), part_of(2, 2, "class", "have no column")
    ('1 of 3 images of the list does not exist', '2 of 2 classes have no column')
    """
    return f"{count:,} of {total:,} {noun if total == 1 else plural_of(noun)} {agreeing(count, clause)}"


def counted(count: int, noun: str, clause: str = "") -> str:
    """A number with its noun in the singular or the plural, and a clause whose verb agrees.

    Args:
        count: How many there are.
        noun: In the singular.
        clause: As for `part_of`.

    >>> counted(1, "image"), counted(1200, "image"), counted(2, "person"), counted(0, "class")
    ('1 image', '1,200 images', '2 people', '0 classes')
    >>> counted(1, "image", "are left out"), counted(2, "class", "have no image")
    ('1 image is left out', '2 classes have no image')
    """
    shown = f"1 {noun}" if count == 1 else f"{count:,} {plural_of(noun)}"
    return f"{shown} {agreeing(count, clause)}" if clause else shown


_PLURALS = {"person": "people"}
_SINGULAR_VERBS = {"are": "is", "have": "has", "do": "does", "were": "was"}
_MODAL_VERBS = ("cannot", "would")


def plural_of(noun: str) -> str:
    """The plural of a noun, of which only what stands before " of " changes.

    >>> plural_of("row of the sample"), plural_of("known identity"), plural_of("class"), plural_of("person")
    ('rows of the sample', 'known identities', 'classes', 'people')
    """
    head, of, rest = noun.partition(" of ")
    before, blank, last = head.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = f"{last[:-1]}ies"
    else:
        last += "es" if last.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{before}{blank}{last}{of}{rest}"


def agreeing(count: int, clause: str) -> str:
    """A clause whose verb, given in the plural, agrees with a number.

    >>> agreeing(1, "are missing"), agreeing(1, "appear twice"), agreeing(1, "cannot be read")
    ('is missing', 'appears twice', 'cannot be read')
    >>> agreeing(0, "are missing"), agreeing(2, "appear twice")
    ('are missing', 'appear twice')
    """
    verb, blank, rest = clause.partition(" ")
    if count != 1 or verb in _MODAL_VERBS:
        return clause
    return f"{_SINGULAR_VERBS.get(verb, f'{verb}s')}{blank}{rest}"


def one_line(text: str) -> str:
    r"""One line in which everything that is not printable is written as an escape; any script stays as it is.

    Control and format characters come from file names, settings and answers of servers; raw they would move
    the cursor, colour or reorder what is read, or begin a line of their own.

    >>> print(one_line("Zoë 王\x1b[31m\u202egpj.\r\n\udcff"))
    Zoë 王\x1b[31m\u202egpj.\r\n\udcff
    """
    text = hide_passwords(text)
    if text.isprintable():
        return text
    joiners = {found.end() - 1 for found in _JOINER.finditer(text)}
    return "".join(
        letter
        if letter.isprintable() or place in joiners or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode("ascii")
        for place, letter in enumerate(text)
    )


def hide_passwords(text: str, is_word: bool = False) -> str:
    """The text with `***` in the place of each password in an address.

    Args:
        text: Anything that may be shown or written.
        is_word: Whether it is one word of a command line, whose password may hold blanks.

    >>> hide_passwords("mysql://ann:pa55/w@rd@host:3306/faces?ssl_password=x cannot be reached")
    'mysql://ann:***@host:3306/faces?ssl_password=*** cannot be reached'
    >>> hide_passwords("postgresql://ann@host:5432/faces"), hide_passwords("--at=a://b:c d@e", is_word=True)
    ('postgresql://ann@host:5432/faces', '--at=a://b:***@e')
    """
    if "://" not in text:
        return text
    text = (_PASSWORD_OF_WORD if is_word else _PASSWORD).sub(r"\1:***@", text)
    return _SECRET_OPTION.sub(r"\1***", text)
