"""Held-out data that are imbalanced, and figures that mean nothing on them.

Letters: N images, P pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.errors import counted, part_of
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.intervals.influences import least_impostors
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.records import IntArray

IMBALANCED = 4.0
"""The ratio of the larger to the smaller number from which on data are called imbalanced."""


@dataclass(frozen=True)
class LeftOut:
    """A figure that is not shown, and why it means nothing."""

    name: str
    reason: str


def describe_classes(labels: IntArray, class_names: Sequence[str]) -> tuple[str, ...]:
    """The imbalance of the classes of held-out images: sizes, and classes without images.

    Shapes: labels (N), the true classes; class_names (C).

    >>> describe_classes(np.array([0, 0, 0, 0, 1]), ["Ann", "Ben", "Cy"])
    ('classes are imbalanced: 4 held-out images of Ann, 1 of Ben; a mean over images hides small ones',
     '1 of 3 classes has no held-out image: Cy')
    """
    counts = np.bincount(labels, minlength=len(class_names))
    shown = np.flatnonzero(counts)
    lines = []
    if len(shown):
        largest, smallest = int(shown[counts[shown].argmax()]), int(shown[counts[shown].argmin()])
        if counts[largest] >= IMBALANCED * counts[smallest]:
            lines.append(
                f"classes are imbalanced: {counted(int(counts[largest]), 'held-out image')} of "
                f"{class_names[largest]}, {counts[smallest]} of {class_names[smallest]}; a mean over images "
                "hides small ones"
            )
    lacking = [class_names[place] for place in np.flatnonzero(counts == 0).tolist()]
    if lacking:
        named = f": {lacking[0]}" if len(lacking) == 1 else f", first: {lacking[0]}"
        lines.append(part_of(len(lacking), len(class_names), "class", "have no held-out image") + named)
    return tuple(lines)


def describe_pairs(labels: IntArray) -> tuple[str, ...]:
    """The imbalance of held-out pairs (P), of which 1 is genuine and 0 an impostor.

    >>> describe_pairs(np.array([1] + 9 * [0]))
    ('pairs are imbalanced: 1 genuine pair, 9 impostor pairs; rejecting every pair has an accuracy of 0.900',)
    """
    genuine, impostor = int((labels == 1).sum()), int((labels == 0).sum())
    larger, smaller = max(genuine, impostor), min(genuine, impostor)
    if larger < IMBALANCED * smaller:
        return ()
    answer = "rejecting" if impostor > genuine else "accepting"
    return (
        f"pairs are imbalanced: {counted(genuine, 'genuine pair')}, {counted(impostor, 'impostor pair')}; "
        f"{answer} every pair has an accuracy of {larger / (genuine + impostor):.3f}",
    )


def describe_people(people: IntArray, labels: IntArray) -> tuple[str, ...]:
    """The people of held-out pairs (P, 2) without a genuine pair: their FNR is not measured.

    >>> describe_people(np.array([[0, 0], [0, 1], [0, 2]]), np.array([1, 0, 0]))
    ('2 of 3 people of the pairs are in no genuine pair, for lack of a second image or of such a pair',)
    """
    everyone, known = set(people.ravel().tolist()), set(people[labels == 1].ravel().tolist())
    lacking = len(everyone - known)
    if not lacking:
        return ()
    what = part_of(lacking, len(everyone), "person of the pairs", "are in no genuine pair")
    return (f"{what}, for lack of a second image or of such a pair",)


def meaningless_of_classes(num_classes: int) -> tuple[LeftOut, ...]:
    """Metrics that are the same whatever is predicted for so few classes.

    >>> meaningless_of_classes(4)
    (LeftOut(name='top5', reason='it is 1 whatever is predicted: there are 4 classes'),)
    """
    if num_classes > 5:
        return ()
    return (LeftOut("top5", f"it is 1 whatever is predicted: there are {counted(num_classes, 'class')}"),)


def meaningless_of_pairs(labels: IntArray) -> tuple[LeftOut, ...]:
    """True positive rates at false positive rates for which there are too few impostor pairs (labels 0 of P).

    >>> [each.name for each in meaningless_of_pairs(np.array([1] + 400 * [0]))]
    ['tpr@1e-3']
    """
    impostor = int((labels == 0).sum())
    wanted = [(name, least_impostors(name)) for name in VERIFICATION_METRICS if name.startswith("tpr@")]
    return tuple(
        LeftOut(name, f"{_too_few(impostor)}; it takes {least:,}")
        for name, least in wanted
        if impostor < least
    )


def meaningless_thresholds(
    rules: Collection[str], fprs: Sequence[float], labels: IntArray
) -> Iterator[LeftOut]:
    """The thresholds that are not among `rules`, those that were found for the pairs (P), and why."""
    genuine, impostor = int((labels == 1).sum()), int((labels == 0).sum())
    if "accuracy" not in rules:
        answer, most = ("rejecting", impostor) if impostor > genuine else ("accepting", genuine)
        yield LeftOut(
            "accuracy",
            f"no threshold is more accurate than {answer} every pair, as {most:,} of "
            f"{counted(genuine + impostor, 'pair')} are of one kind",
        )
    for fpr in fprs:
        if (rule := f"fpr={fpr:g}") in rules:
            continue
        if fpr * impostor < 1:
            yield LeftOut(rule, _too_few(impostor))
        else:
            yield LeftOut(rule, "every threshold that keeps the rate rejects all genuine pairs")


def _too_few(impostor: int) -> str:
    return counted(impostor, "impostor pair", "are too few to show that rate")


def without(estimates: Sequence[Estimate], left_out: Sequence[LeftOut]) -> tuple[Estimate, ...]:
    """The figures that mean something."""
    names = {each.name for each in left_out}
    return tuple(each for each in estimates if each.metric not in names)
