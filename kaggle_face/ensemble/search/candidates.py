"""Candidates for the blend (single members, the plain mean, weighted means) and the selection of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kaggle_face.metrics.intervals.bootstrap import Difference

Kind = Literal["single", "equal", "hill", "constrained"]
MOST_DOUBT = 0.1
"""A weighted blend is taken if the chance that it is not better than simpler ones is at most this."""

_WORDS: dict[Kind, str] = {
    "single": "single",
    "equal": "mean",
    "hill": "hill climbing",
    "constrained": "constrained weights",
}


@dataclass(frozen=True)
class Candidate:
    """One candidate for the blend, with its figures on the images or pairs held out of training.

    `metrics` are those of the final weights on everything that is held out. `nested` is the main metric when
    the weights were found on the other side of the people; `gain` is its difference to the best single
    member, and `over_mean` that of a challenger to the plain mean, positive = better. `in_sample_gain` is
    the difference to the best single member when the weights were found on what they are judged on.
    """

    name: str
    kind: Kind
    space: str
    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    metrics: Mapping[str, float]
    nested: float | None = None
    in_sample_gain: float | None = None
    gain: Difference | None = None
    over_mean: Difference | None = None


@dataclass(frozen=True)
class Selection:
    """All candidates of a task, the main metric, the one that was selected and why."""

    metric: str
    candidates: tuple[Candidate, ...]
    winner: Candidate
    reason: str


def candidate_name(kind: Kind, space: str, is_calibrated: bool = False) -> str:
    """The name of a blend in tables.

    >>> candidate_name("hill", "log_probabilities", True)
    'hill climbing of calibrated log-probabilities'
    """
    return f"{_WORDS[kind]} of {'calibrated ' * is_calibrated}{space.replace('_', '-')}"


def is_challenger(candidate: Candidate, mean: Candidate) -> bool:
    """Whether a blend looks better than both the best single member and the plain mean."""
    return _gain(candidate) > max(_gain(mean), 0.0)


def select(metric: str, best_single: Candidate, candidates: Sequence[Candidate]) -> Selection:
    """Selects one candidate; the first that is not a single member is the plain mean.

    The plain mean stands, unless the best single member is better on held-out data, or another blend is
    better than both by more than noise: the chance of the contrary is at most a tenth.
    """
    blends = [each for each in candidates if each.kind != "single"]
    if not blends:
        return Selection(metric, tuple(candidates), best_single, "it is the only member")
    mean = blends[0]
    if mean.gain is None:
        return Selection(metric, tuple(candidates), mean, "too few people are held out to judge blends by")
    challengers = [
        each
        for each in blends[1:]
        if all(
            difference is not None and difference.value > 0 and difference.other_sign <= MOST_DOUBT
            for difference in (each.gain, each.over_mean)
        )
    ]
    if challengers:
        best = max(challengers, key=_gain)
        return Selection(metric, tuple(candidates), best, f"its gain is more than noise: {_in_words(best)}")
    if _gain(mean) < 0:
        reason = (
            f"the plain mean is worse ({_in_words(mean)}), and no weighted blend better by more than noise"
        )
        return Selection(metric, tuple(candidates), best_single, reason)
    reason = f"it is the simplest blend: {_in_words(mean)}"
    if len(blends) > 1:
        best = max(blends[1:], key=_gain)
        reason += (
            f"; the best of the others, {best.name}, is not better by more than noise ({_gain(best):+z.4f})"
        )
    return Selection(metric, tuple(candidates), mean, reason)


def select_kind(kind: Kind, selection: Selection) -> Selection:
    """The best candidate of the kind that was requested, in place of the one selected."""
    wanted = [each for each in selection.candidates if each.kind == kind and each.gain is not None]
    if kind == "equal":
        wanted = [each for each in selection.candidates if each.kind == kind][:1]
    if not wanted:
        return selection
    best = max(wanted, key=lambda each: each.gain.value if each.gain is not None else 0.0)
    words = f": {_in_words(best)}" if best.gain is not None else ""
    return replace(selection, winner=best, reason=f"it was chosen with --method{words}")


def _gain(candidate: Candidate) -> float:
    assert candidate.gain is not None, "a blend is always compared with the best single member"
    return candidate.gain.value


def _in_words(candidate: Candidate) -> str:
    gain = candidate.gain
    assert gain is not None
    return (
        f"{gain.value:+z.4f} to the best single member, 95 % interval {gain.low:+z.4f} to {gain.high:+z.4f}"
    )
