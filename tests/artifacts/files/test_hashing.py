from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.errors import InputError

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, appendix B.1


def test_the_hash_is_that_of_the_published_example(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert hash_of_file(tmp_path / "abc") == SHA256_OF_ABC


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv cannot be read"):
        hash_of_file(tmp_path / "gone.csv")
