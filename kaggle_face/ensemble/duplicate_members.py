"""Duplicate members, which are left out of a blend so that adding one changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from kaggle_face.evaluation.member_scores import MemberScores
from kaggle_face.evaluation.members import Member
from kaggle_face.metrics.inputs import row_blocks

Networks = Sequence[MemberScores]
"""The scores of one member, one per fold."""

_SAMPLED_ROWS = 16


def duplicates_of(member_scores: Sequence[Networks], num_rows: int) -> list[int | None]:
    """For each member the earlier one with exactly the same scores, or None."""
    seen: dict[bytes, list[int]] = {}
    found: list[int | None] = []
    for number, networks in enumerate(member_scores):
        digest = _digest(networks, num_rows)
        alike = (
            other for other in seen.get(digest, ()) if _are_equal(member_scores[other], networks, num_rows)
        )
        original = next(alike, None)
        if original is None:
            seen.setdefault(digest, []).append(number)
        found.append(original)
    return found


def without_duplicates(
    members: Sequence[Member], member_scores: Sequence[Networks], num_rows: int
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """The members that differ, and a note for each that was left out."""
    originals = duplicates_of(member_scores, num_rows)
    kept = tuple(member for member, original in zip(members, originals, strict=True) if original is None)
    notes = tuple(
        f"{member.name} says the same as {members[original].name} and is left out"
        for member, original in zip(members, originals, strict=True)
        if original is not None
    )
    return kept, notes


def _digest(networks: Networks, num_rows: int) -> bytes:
    """A hash of some rows: equal for duplicates, and different for almost all others."""
    rows = np.unique(np.linspace(0, max(num_rows - 1, 0), _SAMPLED_ROWS).astype(np.int64))[:num_rows]
    digest = blake2b(digest_size=16)
    for source in networks:
        digest.update(np.ascontiguousarray(source.block(rows), np.float64).tobytes())
    return digest.digest()


def _are_equal(networks: Networks, others: Networks, num_rows: int) -> bool:
    return len(networks) == len(others) and all(
        np.array_equal(source.block(part), other.block(part))
        for source, other in zip(networks, others, strict=True)
        for part in row_blocks(num_rows, source.values.itemsize * (source.values[:1].size or 1))
    )
