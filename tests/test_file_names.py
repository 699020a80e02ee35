"""What names of files tell: pictures, junk, and two spellings of one name."""

from __future__ import annotations

import pytest

from kaggle_face.file_names import PICTURE_SUFFIXES, Spellings, first_clash, is_junk, is_picture_name

NFC, NFD = "Jos\u00e9", "Jose\u0301"


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_suffix_counts_in_any_case(suffix: str) -> None:
    assert is_picture_name(f"a{suffix}") and is_picture_name(f"A{suffix.upper()}")
    assert not is_picture_name(f".a{suffix}") and not is_picture_name(f"a{suffix}.txt")


@pytest.mark.parametrize(
    "name",
    (
        *("@eaDir", "__MACOSX", ".ipynb_checkpoints", "Thumbs.db", ".DS_Store", "desktop.ini", "Desktop.ini"),
        *("$RECYCLE.BIN", "System Volume Information", "lost+found", "._000001.jpg", ".Trash-1000"),
    ),
)
def test_junk_is_known(name: str) -> None:
    assert is_junk(name)


@pytest.mark.parametrize("name", ["n000001", "10", "a_backup", "Thumbs", "Icon", "dsstore", "000001.jpg"])
def test_a_name_like_any_other_is_not_junk(name: str) -> None:
    assert not is_junk(name)


def test_two_spellings_of_one_name_clash() -> None:
    assert first_clash(["a", NFC, "b", NFD]) == (NFC, NFD)
    assert first_clash(["a", NFC, "b", NFC]) is None
    # The Kelvin sign is the letter K once it is composed.
    assert first_clash(["K", "\u212a"]) == ("K", "\u212a")


def test_a_name_is_found_in_its_own_spelling_first() -> None:
    assert Spellings([NFC, NFD]).find(NFD) == NFD
    assert Spellings([NFD, "b"]).find(NFC) == NFD
    assert Spellings(["a"]).find(NFC) is None
