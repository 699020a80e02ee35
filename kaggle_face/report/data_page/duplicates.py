"""Near-duplicates side by side: of two identities, across splits, and of one identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.records import positions_of
from kaggle_face.report.blocks import Block, Card, Cards, Column, Paragraph, Table
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.pictures import MOST_PAIRS, near_pairs, picture_of
from kaggle_face.report.section import Content, LeftOut, PageSection

MOST_CARDS = 20
_ALIKE_OF_TWO = 0.98
"""Correlation from which on pictures of two identities count: among 4,384 aligned crops of 105 people a pair
of two people shared a hash and reached 0.95; copies that were compressed or scaled anew reach 0.98."""
_HOW = (
    "difference hashes that differ in at most 3 of 64 bits, and grey pictures at 16 pixels that correlate "
    "from 0.95 on (labelled as two identities: 0.98); the most alike come first"
)
_WHAT = "images of the competition"


@dataclass(frozen=True)
class _Kind:
    title: str
    advice: str


_TWO_IDENTITIES = _Kind(
    "Labelled as two identities", "One of the two labels is wrong, or a picture shows both."
)
_ACROSS = _Kind(
    "In two splits", "What is trained on and measured on must differ, or the measurement flatters."
)
_SAME = _Kind(
    "Of one identity in one split",
    "A fold that trains on one and is measured on the other flatters: set folds.near_duplicate_bits=3.",
)
_UNKNOWN = _Kind("In one split, without labels", "They should get the same answer.")
_KINDS = (_TWO_IDENTITIES, _ACROSS, _SAME, _UNKNOWN)


def build(facts: DataFacts) -> Content:
    """The counts of each kind, and pairs of each side by side."""
    measured = [found for found in facts.pictures.values() if len(found)]
    if not measured:
        return LeftOut("no picture can be read")
    ids = np.concatenate([found.image_ids for found in measured])
    pairs, alike = near_pairs(measured)
    if len(pairs):
        labels = facts.faces.labels[positions_of(ids, facts.faces.image_ids, _WHAT)][pairs]
        are_two = (labels >= 0).all(axis=1) & (labels[:, 0] != labels[:, 1])
        kept = ~are_two | (alike >= _ALIKE_OF_TWO)
        pairs, alike = pairs[kept], alike[kept]
    if not len(pairs):
        return (Paragraph(f"None among the {len(ids):,} pictures that were compared ({_HOW})."),)
    rows = positions_of(ids, facts.faces.image_ids, _WHAT)[pairs]
    kinds = [_kind_of(facts, first, second) for first, second in rows.tolist()]
    counts = {kind: kinds.count(kind) for kind in _KINDS}
    table = Table(
        "Pairs of near-duplicates",
        (Column("kind"), Column("pairs", kind="number"), Column("what it means")),
        tuple((kind.title.lower(), counts[kind], kind.advice) for kind in _KINDS),
        f"Among {len(ids):,} pictures; {_HOW}."
        + (f" Only the first {MOST_PAIRS:,} pairs are counted." if len(pairs) == MOST_PAIRS else ""),
    )
    blocks: list[Block] = [table]
    for kind in _KINDS:
        chosen = [
            (first, second, correlation)
            for (first, second), correlation, each in zip(rows.tolist(), alike.tolist(), kinds, strict=True)
            if each == kind
        ]
        if chosen:
            note = f"{min(MOST_CARDS, len(chosen)):,} of {len(chosen):,} pairs. {kind.advice}"
            cards = tuple(_card(facts, *pair) for pair in chosen[:MOST_CARDS])
            blocks.append(Cards(kind.title, cards, note))
    return tuple(blocks)


def _kind_of(facts: DataFacts, first: int, second: int) -> _Kind:
    labels, splits = facts.faces.labels, facts.faces.splits
    are_known = labels[first] >= 0 and labels[second] >= 0
    if are_known and labels[first] != labels[second]:
        return _TWO_IDENTITIES
    if splits[first] != splits[second]:
        return _ACROSS
    return _SAME if are_known else _UNKNOWN


def _card(facts: DataFacts, first: int, second: int, correlation: float) -> Card:
    pictures, lines = [], []
    for row in (first, second):
        image, identity = str(facts.faces.image_ids[row]), facts.identity_of(row)
        who = f", {identity}" if identity else ""
        pictures.append(picture_of(facts.cache, image, f"{image}{who}"))
        lines.append(f"{facts.faces.splits[row]}{who}: {image}")
    is_same_file = facts.files.hashes[first] == facts.files.hashes[second]
    title = "the same file" if is_same_file else f"correlation {correlation:.3f}"
    return Card(tuple(pictures), title, tuple(lines))


SECTION = PageSection(
    "duplicates",
    "Near-duplicates",
    "Most often the same photo twice: copied, compressed anew, scaled or cut a little. Look before you act: "
    "now and then two photos of one sitting are as alike.",
    build,
)
