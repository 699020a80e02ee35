"""The gain of one network over another, in a formula of both tasks, on people not used to choose either.

The people of images and of trials are divided into two sides. What is chosen on one side is compared on the
other with what would have been taken instead. The gain is the mean over both sides, and over folds.

**Interval.** How much each image and each trial moves the formula is its influence: for a mean the value less
the mean, for a metric of trials as `metrics.intervals.influences` has it, both times the formula's slope in
the metric. Images and trials of one person move together, so the variance is that of a sum over pairs that
share people (`metrics.intervals.clusters`), in which an image is a pair of its person with itself.

Letters: N images, P trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.errors import ConfigError, InputError
from kaggle_face.evaluation.nested_split import BoolArray, people_of_pairs, sides_of_people
from kaggle_face.metrics.classification import hits_at_ranks
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.metrics.intervals.clusters import PairClusters
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.intervals.student_t import t_quantile, t_tail
from kaggle_face.metrics.score import Composite
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.records import FloatArray, IntArray, Pairs, StrArray

_CONFIDENCE = 0.95
_STEP = 1e-4
"""By which a metric is moved to find a formula's slope."""
_FEWEST_PEOPLE = 5
_OF_RANKS = ("accuracy", "top5", "map@5")


@dataclass(frozen=True, eq=False)
class HeldOutPredictions:
    """One network's predictions on held-out data.

    Attributes:
        ranks: Of the true classes (N), 1 = likeliest.
        log_losses: Minus the log-probability (N) of the true class, in nats.
        scores: Of the trials (P), higher = more alike.
    """

    ranks: IntArray
    log_losses: FloatArray
    scores: FloatArray


@dataclass(frozen=True, eq=False)
class HeldOutTargets:
    """The identities of held-out images and trials.

    Attributes:
        image_ids: Of the images (N).
        people: The person of each image (N).
        trial_ids: The two images of each trial (P) as one text.
        couples: The two people of each trial (P, 2), by the same names.
        is_same: Whether a trial shows one person (P); empty where trials have no labels.
    """

    image_ids: StrArray
    people: StrArray
    trial_ids: StrArray
    couples: StrArray
    is_same: BoolArray

    @classmethod
    def of(
        cls, image_ids: StrArray, image_classes: StrArray, pairs: Pairs, known: Mapping[str, str]
    ) -> HeldOutTargets:
        """The targets of images (N), their classes, trials, and known classes of the trials' images."""
        of_images = np.array([f"class {name}" for name in image_classes.tolist()], np.str_)
        if not pairs.are_labelled:
            none = np.empty(0, np.str_)
            return cls(image_ids, of_images, none, none.reshape(0, 2), np.empty(0, np.bool_))
        people, keys = people_of_pairs(pairs.first_ids, pairs.second_ids, pairs.labels, known)
        names = [f"image {key}" for key in keys.tolist()]
        for ids, persons in ((pairs.first_ids, people[:, 0]), (pairs.second_ids, people[:, 1])):
            for image, person in zip(ids.tolist(), persons.tolist(), strict=True):
                if image in known:
                    names[person] = f"class {known[image]}"
        trial_ids = np.char.add(np.char.add(pairs.first_ids, "\n"), pairs.second_ids)
        couples = np.array(names, np.str_)[people]
        return cls(image_ids, of_images, trial_ids, couples, pairs.labels == 1)

    def sides(self) -> list[HeldOutRows]:
        """The images and trials of each of two sides without a common person.

        The people of images are assigned by themselves, so that both sides have about equally many images.
        """
        side_of: dict[str, int] = {}
        for everyone in (self.people, self.couples.ravel()):
            keys, sizes = np.unique(everyone, return_counts=True)
            new = np.array([key not in side_of for key in keys.tolist()], np.bool_)
            sides = sides_of_people(keys[new], sizes[new].astype(np.int64))
            side_of.update(zip(keys[new].tolist(), sides.tolist(), strict=True))
        of_images = np.array([side_of[key] for key in self.people.tolist()], np.int64)
        of_couples = np.array([side_of[key] for key in self.couples.ravel().tolist()], np.int64).reshape(
            -1, 2
        )
        return [HeldOutRows(of_images == number, (of_couples == number).all(axis=1)) for number in (0, 1)]

    @property
    def everything(self) -> HeldOutRows:
        """All images and trials."""
        return HeldOutRows(np.ones(len(self.people), np.bool_), np.ones(len(self.couples), np.bool_))


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Some of the images (N) and of the trials (P)."""

    images: BoolArray
    pairs: BoolArray


@dataclass(frozen=True, eq=False)
class GainPart:
    """The gain on one side of one fold, and how each of its images and trials (K) moves it.

    `ids` (K) are the images and trials, `couples` (K, 2) their two people, of an image the same person twice.
    """

    value: float
    ids: StrArray
    couples: StrArray
    influences: FloatArray


def figures_of(answers: HeldOutPredictions, truth: HeldOutTargets, rows: HeldOutRows) -> dict[str, float]:
    """The metrics of both tasks on some images and trials; those of a task without any are left out.

    Where no image at all is held out, the metrics of classes are 0: they are the same for every network.
    """
    found = {} if len(truth.people) else dict.fromkeys((*_OF_RANKS, "log_loss"), 0.0)
    if rows.images.any():
        ranks = answers.ranks[rows.images]
        found = {name: float(np.mean(hits_at_ranks(ranks, name))) for name in _OF_RANKS}
        found["log_loss"] = float(answers.log_losses[rows.images].mean())
    if len(np.unique(truth.is_same[rows.pairs])) == 2:
        found.update(verification_summary(answers.scores[rows.pairs], truth.is_same[rows.pairs]))
    return found


def can_be_divided(truth: HeldOutTargets, composite: Composite) -> bool:
    """Whether each side has the data that the formula is measured on."""
    needed = set(composite.names)
    nothing = HeldOutPredictions(
        np.ones(len(truth.people), np.int64), np.zeros(len(truth.people)), np.zeros(len(truth.couples))
    )
    return all(needed <= set(figures_of(nothing, truth, rows)) for rows in truth.sides())


def gain_on(
    rows: HeldOutRows,
    truth: HeldOutTargets,
    chosen: HeldOutPredictions,
    instead: HeldOutPredictions,
    composite: Composite,
) -> GainPart:
    """The gain of one network over another on some images and trials.

    Raises:
        InputError: People are too few for an interval.
        ConfigError: The formula divides by zero.
    """
    image_people, couples = truth.people[rows.images], truth.couples[rows.pairs]
    of_images, of_pairs, values = np.zeros(len(image_people)), np.zeros(len(couples)), []
    uses_pairs = any(name in VERIFICATION_METRICS for name in composite.names)
    pairs = PairsOfPeople.of(couples, truth.is_same[rows.pairs]) if uses_pairs else None
    for sign, answers in ((1.0, chosen), (-1.0, instead)):
        figures = figures_of(answers, truth, rows)
        values.append(composite.evaluate(figures))
        scored = None if pairs is None else ScoredPairs.of(answers.scores[rows.pairs], pairs)
        for name in composite.names:
            slope = sign * _slope(composite, figures, name)
            metric = next((each for each in VERIFICATION_METRICS if each == name), None)
            if metric is not None and scored is not None:
                of_pairs += slope * scored.influences(metric).of_pairs
            elif len(image_people):
                is_loss = name == "log_loss"
                of_each = answers.log_losses if is_loss else hits_at_ranks(answers.ranks, name)
                of_images += slope * _influences_on_mean(of_each[rows.images], image_people)
    of_people = np.stack([image_people, image_people], axis=1)
    return GainPart(
        values[0] - values[1],
        np.concatenate([truth.image_ids[rows.images], truth.trial_ids[rows.pairs]]),
        np.concatenate([of_people, couples]),
        np.concatenate([of_images, of_pairs]),
    )


def mean_gain(parts: Sequence[GainPart]) -> Difference:
    """The mean over sides and folds with its 95 % interval, for other people.

    Raises:
        InputError: There are fewer than five people.
    """
    value = float(np.mean([part.value for part in parts]))
    # Folds may share trials, which are not new ones where another network scores them.
    ids, rows, codes = np.unique(
        np.concatenate([part.ids for part in parts]), return_index=True, return_inverse=True
    )
    clusters = PairClusters.of(np.concatenate([part.couples for part in parts])[rows])
    if clusters.num_people < _FEWEST_PEOPLE:
        raise InputError(f"{clusters.num_people} people are too few for an interval")
    influences = np.bincount(codes, np.concatenate([part.influences for part in parts]), len(ids)) / len(
        parts
    )
    deviation = math.sqrt(clusters.variance(influences))
    freedom = max(min(clusters.degrees_of_freedom(influences), clusters.num_people - 1.0), 2.0)
    margin = t_quantile((1 + _CONFIDENCE) / 2, freedom) * deviation
    other_sign = t_tail(abs(value) / deviation, freedom) if deviation else float(value == 0)
    return Difference(value, value - margin, value + margin, other_sign)


def _influences_on_mean(values: FloatArray, people: StrArray) -> FloatArray:
    """The influence of each value (K) on their mean, larger by what the mean took from M people."""
    count = len(np.unique(people))
    if count < 2:
        raise InputError("images of one person have no interval")
    influences: FloatArray = (values - values.mean()) / len(values) * math.sqrt(count / (count - 1))
    return influences


def _slope(composite: Composite, figures: Mapping[str, float], name: str) -> float:
    """The derivative of the formula by a metric."""
    ends = [composite.evaluate({**figures, name: figures[name] + step}) for step in (-_STEP, _STEP)]
    slope = (ends[1] - ends[0]) / (2 * _STEP)
    if not math.isfinite(slope):
        raise ConfigError(f"the composite '{composite.expression}' has no slope in {name}")
    return slope
