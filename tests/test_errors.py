"""The texts of errors, and what is shown of texts from outside."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from kaggle_face.errors import counted, naming_first, one_line, part_of, plural_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x1b[0m \x9b2J \x07", r"\x1b[31mred\x1b[0m \x9b2J \x07"),
        ("photo\u202egpj.exe \u2066x\u2069", r"photo\u202egpj.exe \u2066x\u2069"),
        ("zero\u200bwidth \ufeff \u00ad", r"zero\u200bwidth \ufeff \xad"),
        ("\udcff and \ud800", r"\udcff and \ud800"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\U000e0041\ue000", r"\U000e0041\ue000"),
        ("latin\u200djoiner", r"latin\u200djoiner"),
    ],
)
def test_what_steers_a_terminal_is_written_as_an_escape(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Zoë Åström",
        "王小明",
        "あい う",
        "Олег",
        "محمد",
        "می‌خواهم",
        "हिन्दी क्‍ष",
        "김",
        "ไทย",
        "C:\\new\\table",
        "🙂",
        "a\u00a0b",
    ],
)
def test_names_of_any_script_stay_as_they_are(text: str) -> None:
    assert one_line(text) == text


def test_no_control_or_format_character_is_left() -> None:
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert one_line(f"a{letter}b").isascii()


def test_what_holds_of_one_of_many_is_in_the_singular() -> None:
    assert naming_first(1, 2, "named image", "do not exist", "a.jpg") == (
        "1 of 2 named images does not exist, first: a.jpg"
    )
    assert part_of(1, 1, "class", "have no image") == "1 of 1 class has no image"
    assert part_of(0, 5, "person", "are known") == "0 of 5 people are known"
    assert counted(1, "row of the sample", "were written") == "1 row of the sample was written"
    assert counted(1000, "identity", "cannot be read") == "1,000 identities cannot be read"


def test_a_word_with_a_vowel_before_its_y_only_gains_an_s() -> None:
    assert (plural_of("day"), plural_of("known entry"), plural_of("batch")) == (
        "days",
        "known entries",
        "batches",
    )
