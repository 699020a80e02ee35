"""Which two submissions to select for the final (private) score, and why.

The public score is measured on a part of the test set. The best of many public scores is partly luck, and
the more uploads were made the more so; a submission is therefore never proposed for its public score alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """Up to two submissions to select, and what is worth knowing about them."""

    choices: tuple[Choice, ...]
    notes: tuple[str, ...]


def propose_final(entries: Sequence[Entry], public_lower_is_better: bool) -> Proposal:
    """The best out-of-fold submission, and the best public one among those that also do well out of fold."""
    scored = _once_each([e for e in entries if e.status == "COMPLETE" and e.public is not None])
    rows = comparable(scored)
    notes = _notes(scored, rows, public_lower_is_better)
    if not rows:
        return Proposal((), notes)
    by_folds = sorted(rows, key=goodness_out_of_fold, reverse=True)
    first = by_folds[0]
    choices = [Choice(first, f"best out-of-fold {first.oof_metric}: {first.oof_score:.5g} of {len(rows)}")]
    second = _trusted_public(by_folds, public_lower_is_better)
    if second is not None:
        choices.append(second)
    return Proposal(tuple(choices), notes)


def _trusted_public(by_folds: Sequence[Entry], public_lower_is_better: bool) -> Choice | None:
    """The best public score in the better half by out-of-fold score, other than the very best there."""
    half = by_folds[1 : max(2, (len(by_folds) + 1) // 2)]
    if not half:
        return None
    best = max(half, key=lambda entry: goodness_public(entry, public_lower_is_better))
    place = by_folds.index(best) + 1
    return Choice(
        best,
        f"best public score ({best.public_score}) that the folds support: out-of-fold {best.oof_metric} "
        f"{best.oof_score:.5g} is place {place} of {len(by_folds)}",
    )


def _once_each(entries: Sequence[Entry]) -> list[Entry]:
    """The rows without repeated uploads of the same content."""
    return list({entry.sha256 or entry.key: entry for entry in entries}.values())


def _notes(scored: Sequence[Entry], rows: Sequence[Entry], public_lower_is_better: bool) -> tuple[str, ...]:
    notes = []
    if len(scored) > len(rows):
        notes.append(
            f"{len(scored) - len(rows)} of {len(scored)} scored submissions have no comparable out-of-fold "
            f"score and are not proposed: a public score alone may be luck"
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
