"""The texts of errors, and what is shown of texts from outside."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from kaggle_face.errors import one_line


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
