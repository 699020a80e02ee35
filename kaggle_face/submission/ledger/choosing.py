"""A choice of two submissions for the final (private) score, with reasons.

The public score is measured on a part of the test set. The best of many public scores is partly luck, and
the more uploads were made the more so; a submission is therefore never proposed for its public score alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.errors import part_of
from kaggle_face.submission.ledger.agreement import (
    agreement,
    comparable,
    goodness_out_of_fold,
    goodness_public,
)
from kaggle_face.submission.ledger.entries import Entry

_TRUSTED_AGREEMENT = 0.5


@dataclass(frozen=True)
class Choice:
    """A submission to select, and the reason."""

    entry: Entry
    reason: str


@dataclass(frozen=True)
class Proposal:
    """Up to two submissions to select, and notes on them."""

    choices: tuple[Choice, ...]
    notes: tuple[str, ...]


def propose_final(entries: Sequence[Entry], public_lower_is_better: bool) -> Proposal:
    """The best out-of-fold submission, and the best public one among those that also do well out of fold."""
    complete = [entry for entry in entries if entry.status == "COMPLETE" and entry.public is not None]
    scored = list({entry.sha256 or entry.key: entry for entry in complete}.values())  # each content once
    rows = comparable(scored)
    notes = _notes(scored, rows, public_lower_is_better)
    if not rows:
        return Proposal((), notes)
    by_folds = sorted(rows, key=goodness_out_of_fold, reverse=True)
    first = by_folds[0]
    choices = [Choice(first, f"best out-of-fold {first.oof_metric}: {first.oof_score:.5g} of {len(rows)}")]
    better_half = by_folds[1 : max(2, (len(by_folds) + 1) // 2)]
    if better_half:
        best = max(better_half, key=lambda entry: goodness_public(entry, public_lower_is_better))
        reason = (
            f"best public score ({best.public_score}) that the folds support: out-of-fold {best.oof_metric} "
            f"{best.oof_score:.5g} is place {by_folds.index(best) + 1} of {len(by_folds)}"
        )
        choices.append(Choice(best, reason))
    return Proposal(tuple(choices), notes)


def _notes(scored: Sequence[Entry], rows: Sequence[Entry], public_lower_is_better: bool) -> tuple[str, ...]:
    notes = []
    if len(scored) > len(rows):
        notes.append(
            f"{part_of(len(scored) - len(rows), len(scored), 'scored submission', 'have no comparable')} "
            f"out-of-fold score, so without a proposal: a public score alone may be luck"
        )
    if scored and rows:
        top = max(scored, key=lambda entry: goodness_public(entry, public_lower_is_better))
        notes.append(
            f"the highest place on the public leaderboard belongs to {top.file} ({top.public_score}); it is "
            f"not chosen for that alone, for the best of {len(scored)} public scores is partly luck"
        )
    correlation = agreement(rows, public_lower_is_better)
    if correlation is not None and correlation < _TRUSTED_AGREEMENT:
        notes.append(
            f"out-of-fold and public scores agree little (rank correlation {correlation:.2f}): "
            f"look for a leak in the folds before you trust either"
        )
    return tuple(notes)
