"""Thresholds for one-shot use and for galleries, found on people that the networks were not trained on.

A pair is the same person when `score >= threshold`; a probe is its best match when that scores as high, and
else an unknown person. Each threshold comes with an interval: how far it would have moved with other
people (`metrics.threshold_intervals`; for galleries percentiles of resampled people). Letters: P pairs, Q
probes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.evaluation.nested_split import stable_order
from kaggle_face.metrics.identification import best_gallery_threshold
from kaggle_face.metrics.intervals.bootstrap import Resampling, draw_people
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.intervals.thresholds import (
    Ends,
    accuracy_threshold_interval,
    eer_threshold_interval,
    fpr_threshold_interval,
)
from kaggle_face.metrics.trials import SortedTrials, sort_trials
from kaggle_face.records import FloatArray, IntArray, StrArray

BoolArray = npt.NDArray[np.bool_]
RESAMPLING = Resampling(num_resamples=200)


@dataclass(frozen=True)
class ScoreThreshold:
    """A threshold of pair scores, its interval, and how it does on the pairs that it was found on.

    `rule` is `eer`, `accuracy` or `fpr=<rate>`.
    """

    rule: str
    threshold: float
    low: float
    high: float
    fpr: float
    fnr: float
    accuracy: float


@dataclass(frozen=True)
class GalleryRule:
    """A threshold of best matches, its interval, and the share of probes that get the right answer."""

    threshold: float
    low: float
    high: float
    accuracy: float
    num_enrolled: int
    num_probes: int


@dataclass(frozen=True, eq=False)
class SimulatedGallery:
    """Images of known people arranged as a gallery: rows enrolled, rows of probes, and which have a match."""

    enrolled: IntArray
    probes: IntArray
    has_match: BoolArray


def verification_thresholds(
    scores: FloatArray,
    labels: IntArray,
    people: IntArray,
    fprs: Sequence[float] = (1e-2, 1e-3),
) -> tuple[ScoreThreshold, ...]:
    """The thresholds at the EER, of the best accuracy, and at each wanted false positive rate.

    What means nothing is left out: a rate that so few impostor pairs cannot show, or that no threshold keeps
    without rejecting every genuine pair, and the best accuracy where it is that of one answer to all pairs.

    Shapes: scores (P), labels (P) of 0 and 1, people (P, 2).

    >>> scores, labels = np.array([0.9, 0.8, 0.2, 0.1]), np.array([1, 1, 0, 0])
    >>> people = np.array([[0, 0], [1, 1], [0, 1], [1, 2]])
    >>> [(t.rule, t.threshold) for t in verification_thresholds(scores, labels, people, fprs=[0.5])]
    [('eer', 0.8), ('accuracy', 0.5), ('fpr=0.5', 0.8)]
    """
    judge = _PairJudge.of(np.asarray(scores, np.float64), labels, people)
    found = [
        judge.describe(rule, threshold, ends)
        for rule, threshold, ends in judge.found(fprs)
        if math.isfinite(threshold)
    ]
    return tuple(each for each in found if each.rule != "accuracy" or max(each.fpr, each.fnr) < 1.0)


def simulate_gallery(image_ids: StrArray, people: IntArray, unknown_share: float = 0.3) -> SimulatedGallery:
    """Enrols one image of most people; all other images are probes, those of the rest are unknown.

    Which images are enrolled and which people stay unknown follows from a hash of the ids. People with one
    image are unknown, since a probe of theirs could have no match anyhow.
    """
    order = np.array(sorted(range(len(image_ids)), key=lambda row: stable_order(str(image_ids[row]))))
    persons, first_places, counts = np.unique(people[order], return_index=True, return_counts=True)
    paired = persons[counts > 1]
    by_hash = paired[np.argsort(first_places[counts > 1])]
    known = by_hash[: max(1, round((1 - unknown_share) * len(by_hash)))]
    enrolled = np.sort(order[first_places[np.isin(persons, known)]])
    probes = np.setdiff1d(np.arange(len(image_ids)), enrolled)
    return SimulatedGallery(enrolled, probes, np.isin(people[probes], known))


def gallery_threshold(
    best_scores: FloatArray,
    is_correct: BoolArray,
    has_match: BoolArray,
    people: IntArray,
    num_enrolled: int,
    resampling: Resampling = RESAMPLING,
) -> GalleryRule:
    """The threshold of best matches that gives most probes the right answer.

    Shapes: (Q) each: score of the best match, whether it names the right person, whether the person is
    enrolled, and the person.
    """
    best = best_gallery_threshold(best_scores, is_correct, has_match)
    codes = np.unique(people, return_inverse=True)[1]
    found = []
    for drawn in draw_people(int(codes.max()) + 1, resampling):
        rows = np.repeat(np.arange(len(codes)), drawn[codes])
        if len(rows):
            again = best_gallery_threshold(best_scores[rows], is_correct[rows], has_match[rows])
            found.append(again.threshold)
    finite, tail = [each for each in found if math.isfinite(each)], (1 - resampling.confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail]).tolist() if finite else (math.nan, math.nan)
    return GalleryRule(best.threshold, low, high, best.accuracy, num_enrolled, len(codes))


@dataclass(frozen=True, eq=False)
class _PairJudge:
    """Pairs of both kinds by ascending score, and all thresholds worth a thought.

    `scored` knows their people too; it is None where these are too few for intervals.
    """

    trials: SortedTrials
    candidates: FloatArray
    scored: ScoredPairs | None

    @classmethod
    def of(cls, scores: FloatArray, labels: IntArray, people: IntArray) -> _PairJudge:
        distinct = np.unique(scores)
        candidates = (distinct[1:] + distinct[:-1]) / 2
        try:
            scored = ScoredPairs.of(scores, PairsOfPeople.of(people, labels == 1))
        except InputError:
            return cls(sort_trials(scores, labels), candidates, None)
        return cls(scored.trials, candidates, scored)

    def found(self, fprs: Sequence[float]) -> Iterator[tuple[str, float, Ends]]:
        """Each rule, its threshold, and the ends of the interval, without numbers if people are too few."""
        scored, unknown = self.scored, (math.nan, math.nan)
        at = self.trials.equal_error_rate().threshold
        yield "eer", at, unknown if scored is None else eer_threshold_interval(scored)
        at = self._most_accurate()
        if scored is None or math.isnan(at):
            yield "accuracy", at, unknown
        else:
            yield "accuracy", at, accuracy_threshold_interval(scored, at, self.candidates)
        for fpr in fprs:
            if fpr * self.trials.impostor.total < 1:
                continue
            at = self.trials.tpr_at_fpr(fpr).threshold
            yield f"fpr={fpr:g}", at, unknown if scored is None else fpr_threshold_interval(scored, fpr)

    def describe(self, rule: str, threshold: float, interval: Ends) -> ScoreThreshold:
        """A threshold with its error rates on all pairs."""
        rates = self.trials.error_rates(threshold)
        genuine, impostor = self.trials.genuine.total, self.trials.impostor.total
        wrong = rates.fpr * impostor + rates.fnr * genuine
        accuracy = 1 - wrong / (genuine + impostor)
        return ScoreThreshold(rule, threshold, *interval, rates.fpr, rates.fnr, accuracy)

    def _most_accurate(self) -> float:
        """The middle between two neighbouring scores; of equally good ones the middle one."""
        if not len(self.candidates):
            return math.nan
        rejected = self.trials.genuine.weights_below(self.candidates)
        refused = self.trials.impostor.weights_below(self.candidates)
        right = refused + self.trials.genuine.total - rejected
        best = np.flatnonzero(right == right.max())
        return float(self.candidates[best[len(best) // 2]])
