"""JSON that knows when it was changed, and numbers as hexadecimal text."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kaggle_face.data.cache.seals import from_hex, sealed, to_hex, unsealed

VALUES = {"rows": 3, "broken": {"ä/\r\n.jpg": "the file is empty"}, "digests": [-(2**63), 2**63 - 1]}


def test_what_was_sealed_comes_back() -> None:
    text = json.dumps(sealed(VALUES), ensure_ascii=False, indent=2)
    assert unsealed(text) == VALUES


def test_any_flipped_bit_gives_the_same_values_or_is_refused() -> None:
    content = json.dumps(sealed(VALUES), ensure_ascii=False).encode()
    refused = 0
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        try:
            assert unsealed(changed.decode()) == VALUES
        except ValueError:
            refused += 1
    assert refused > 7 * len(content)


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"seal": null}', "[" * 100, '{"rows": 3}'])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unsealed(text)


def test_numbers_come_back_from_text_with_the_lowest_byte_first() -> None:
    assert to_hex(np.array([1, -1], np.int64)) == ["0100000000000000", "f" * 16]
    assert to_hex(np.array([258], np.uint32)) == ["02010000"] and to_hex(np.empty(0, np.uint32)) == []
    numbers = np.array([0, 2**32 - 1, 77], np.uint32)
    assert from_hex(np.array(to_hex(numbers)), np.uint32).tolist() == numbers.tolist()
    assert from_hex(np.empty(0, np.str_), np.int64).tolist() == []


@pytest.mark.parametrize(
    "texts", [["0102030"], ["010203040"], ["0102 304"], ["010203", "0102030405"], ["0102030g"]]
)
def test_texts_of_another_length_or_alphabet_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="hex"):
        from_hex(np.array(texts), np.uint32)
