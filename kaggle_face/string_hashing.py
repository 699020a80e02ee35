"""Texts as 64-bit numbers: comparing a million ids takes milliseconds instead of a dictionary of them.

Equal texts have equal keys. Different ones may share a key (one chance in 2^64 for a pair of texts that know
nothing of the multipliers), so whoever finds a key compares the texts themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_ROWS_AT_ONCE = 16_384
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hash_texts(texts: npt.NDArray[np.str_]) -> npt.NDArray[np.uint64]:
    """One key for each text: the sum of its characters' code points, each times its place's multiplier.

    >>> one, two, other = hash_texts(np.array(["ab", "ab", "ba"]))
    >>> bool(one == two), bool(one == other)
    (True, False)
    >>> bool(hash_texts(np.array(["ab", "a longer text"]))[0] == one)  # the array's width does not matter
    True
    """
    native = texts.dtype.newbyteorder("=")
    codes = np.ascontiguousarray(texts, native).view(np.uint32).reshape(len(texts), -1)
    multipliers = _multipliers(codes.shape[1])
    keys = np.empty(len(texts), np.uint64)
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        keys[rows] = codes[rows].astype(np.uint64) @ multipliers
    return keys


def are_different(texts: npt.NDArray[np.str_]) -> bool:
    """Whether no two of the texts are equal."""
    keys = np.sort(hash_texts(texts)) if len(texts) else np.empty(0, np.uint64)
    if not (keys[1:] == keys[:-1]).any():
        return True
    return len(set(texts.tolist())) == len(texts)


def find_positions(
    wanted: npt.NDArray[np.str_], texts: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """For each wanted text a position in `texts`, and whether that text is there (else look again).

    >>> positions, found = find_positions(np.array(["b", "x"]), np.array(["a", "b"]))
    >>> int(positions[0]), found.tolist()
    (1, [True, False])
    """
    keys = hash_texts(texts)
    order = np.argsort(keys)
    places = np.searchsorted(keys[order], hash_texts(wanted))
    positions = order[np.minimum(places, len(texts) - 1)].astype(np.int64, copy=False)
    return positions, texts[positions] == wanted


def _multipliers(count: int) -> npt.NDArray[np.uint64]:
    """Odd numbers of 64 random bits: the first ones of SplitMix64 (Steele et al. 2014)."""
    state = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((state ^ (state >> np.uint64(31))) | np.uint64(1))
