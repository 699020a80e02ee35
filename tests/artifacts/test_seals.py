"""A seal knows every bit of its files, and what they were made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import seals
from kaggle_face.artifacts.record_io import read_embeddings, write_embeddings
from kaggle_face.artifacts.seals import SEAL_FILE, digest_of_file, read_seal, write_seal
from kaggle_face.errors import RunError
from kaggle_face.records import Embeddings

IDS = np.array(["a.jpg", "b.jpg"])


def sealed(folder: Path, text: str = "x", **made_of: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "data.txt").write_text(text)
    write_seal(folder, made_of)
    return folder


def test_a_changed_bit_in_any_file_of_a_record_is_one_line(tmp_path: Path) -> None:
    record = tmp_path / "embeddings"
    write_embeddings(
        record, Embeddings(IDS, np.arange(4, dtype=np.float32).reshape(2, 2)), {"checkpoint": "c"}
    )
    for path in sorted(record.iterdir()):
        whole = path.read_bytes()
        for place in range(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= 1 << (place % 7)
            path.write_bytes(changed)
            try:
                found = read_embeddings(record)
            except RunError as error:
                assert str(record) in str(error) and "\n" not in str(error)
            else:  # blanks between the words of JSON are the one thing that says nothing
                assert path.name == SEAL_FILE and whole[place : place + 1].isspace()
                assert found.vectors.tolist() == [[0, 1], [2, 3]]
        path.write_bytes(whole)
    assert read_embeddings(record).image_ids.tolist() == IDS.tolist()


def test_the_digest_of_a_record_follows_its_contents_and_its_inputs(tmp_path: Path) -> None:
    first = read_seal(sealed(tmp_path / "a", rows="1")).digest
    assert read_seal(sealed(tmp_path / "b", rows="1")).digest == first
    assert read_seal(sealed(tmp_path / "c", rows="2")).digest != first
    assert read_seal(sealed(tmp_path / "d", "y", rows="1")).digest != first


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "a")
    (folder / "data.txt").unlink()
    with pytest.raises(RunError, match=r"data\.txt"):
        read_seal(folder)


def test_a_folder_without_a_seal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not say what it was made of"):
        read_seal(tmp_path)


def test_a_file_is_read_again_once_it_was_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = digest_of_file(path)
    path.write_bytes(b"two")
    assert digest_of_file(path) != first
    path.write_bytes(b"one")
    assert digest_of_file(path) == first


VALUES = {"rows": 3, "broken": {"ä/\r\n.jpg": "the file is empty"}, "digests": [-(2**63), 2**63 - 1]}


def test_what_was_sealed_comes_back() -> None:
    text = json.dumps(seals.sealed(VALUES), ensure_ascii=False, indent=2)
    assert seals.unsealed(text) == VALUES


def test_any_flipped_bit_gives_the_same_values_or_is_refused() -> None:
    content = json.dumps(seals.sealed(VALUES), ensure_ascii=False).encode()
    refused = 0
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        try:
            assert seals.unsealed(changed.decode()) == VALUES
        except ValueError:
            refused += 1
    assert refused > 7 * len(content)


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"seal": null}', "[" * 100, '{"rows": 3}'])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        seals.unsealed(text)
