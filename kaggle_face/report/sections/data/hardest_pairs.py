"""Galleries of the hardest false matches and false non-matches, with possible label noise marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kaggle_face.metrics.verification import equal_error_rate
from kaggle_face.records import IntArray
from kaggle_face.report.blocks import Card, Cards, Column, Table
from kaggle_face.report.facts import PairFacts, ReportFacts
from kaggle_face.report.pictures import picture_of
from kaggle_face.report.section import Content, LeftOut, Section

MOST_PAIRS = 24
NOISE_RANK = 0.9
"""A false match that scores above this quantile of the genuine pairs looks more like one identity than nine
in ten genuine pairs do; a false non-match below the opposite quantile of impostor pairs like two."""
MOST_EER = 0.1
"""Above this EER nothing is marked: the network errs too often for its doubt to mean anything."""


def hardest(pairs: PairFacts) -> tuple[IntArray, IntArray]:
    """Impostor trials of the highest scores and genuine ones of the lowest, the hardest first."""
    scores, same = pairs.comparable[pairs.subject], pairs.trials.labels == 1
    impostors, genuine = np.flatnonzero(~same), np.flatnonzero(same)
    return (
        impostors[np.argsort(-scores[impostors], kind="stable")],
        genuine[np.argsort(scores[genuine], kind="stable")],
    )


def looks_mislabelled(pairs: PairFacts) -> npt.NDArray[np.bool_]:
    """Trials (P) on which score and label contradict each other most: possible label noise."""
    scores, same = pairs.comparable[pairs.subject], pairs.trials.labels == 1
    if equal_error_rate(scores, same).eer > MOST_EER:
        return np.zeros(len(scores), np.bool_)
    as_one = float(np.quantile(scores[same], NOISE_RANK))
    as_two = float(np.quantile(scores[~same], 1 - NOISE_RANK))
    return np.asarray(np.where(same, scores <= as_two, scores >= as_one))


def build(facts: ReportFacts) -> Content:
    """Cards of the hardest pairs of both kinds; without pictures tables of them."""
    pairs = facts.pairs
    if pairs is None:
        return LeftOut(facts.missing.get("pairs", "there are no held-out trials"))
    noisy = looks_mislabelled(pairs)
    kinds = zip(("Hardest false matches", "Hardest false non-matches"), hardest(pairs), strict=True)
    return tuple(_block(facts, pairs, title, rows, noisy) for title, rows in kinds)


def _block(
    facts: ReportFacts,
    pairs: PairFacts,
    title: str,
    rows: IntArray,
    noisy: npt.NDArray[np.bool_],
) -> Cards | Table:
    shown = rows[:MOST_PAIRS].tolist()
    kind = "genuine" if "non-matches" in title else "impostor"
    note = f"{len(shown):,} of {len(rows):,} {kind} pairs"
    note += f"; {int(noisy[rows].sum()):,} of all are marked." if noisy.any() else "."
    if facts.cache is None:
        return _table(pairs, title, shown, noisy, note)
    trials, cards = pairs.trials, []
    for row in shown:
        images = str(trials.first_ids[row]), str(trials.second_ids[row])
        names = [pairs.identities.get(image, "") for image in images]
        pictures = tuple(
            picture_of(facts.cache, image, f"{image}{f': {name}' if name else ''}")
            for image, name in zip(images, names, strict=True)
        )
        mark = "possible label noise" if noisy[row] else ""
        lines = tuple(
            f"{name}: {image}" if name else image for image, name in zip(images, names, strict=True)
        )
        cards.append(Card(pictures, f"score {pairs.scores[pairs.subject, row]:.4f}", lines, mark))
    return Cards(title, tuple(cards), note)


def _table(
    pairs: PairFacts, title: str, shown: Sequence[int], noisy: npt.NDArray[np.bool_], note: str
) -> Table:
    """The trials without pictures."""
    columns = (
        Column("first image"),
        Column("second image"),
        Column("score", 4, "number"),
        Column("possible label noise"),
    )
    cells = tuple(
        (
            str(pairs.trials.first_ids[row]),
            str(pairs.trials.second_ids[row]),
            float(pairs.scores[pairs.subject, row]),
            bool(noisy[row]),
        )
        for row in shown
    )
    return Table(title, columns, cells, note)


SECTION = Section(
    "hardest-pairs",
    "Hardest pairs",
    "False matches: two identities that score like one. False non-matches: one identity that "
    "scores like two. "
    "Marked pairs contradict their label more than nine in ten pairs of the other kind support "
    "theirs: look at "
    "them first. Where the EER is above 10 % none is marked.",
    build,
)
