"""The headline of a report: the competition's score out of fold, of each task and of both together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kaggle_face.competitions.catalogue.ranking import OwnMetrics
from kaggle_face.evaluation.blend_record import BlendRecord
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.identification import best_gallery_threshold
from kaggle_face.metrics.score import parse_composite
from kaggle_face.metrics.table import title_of
from kaggle_face.report.facts import ClassFacts, GalleryFacts, PairFacts, Score
from kaggle_face.report.sections.scores.blend import has_steps
from kaggle_face.tasks import Task


def task_scores(
    classes: ClassFacts | None, pairs: PairFacts | None, gallery: GalleryFacts | None, own: OwnMetrics
) -> dict[Task, Score]:
    """The figure of each task in the competition's own metric, of the first member."""
    scores: dict[Task, Score] = {}
    if classes is not None:
        found = _in_metric(classes.estimates[classes.subject], own.classes)
        if found is not None:
            scores["classification"] = _as_score(found, classes.members[classes.subject])
    if own.names_people and gallery is not None:
        best = best_gallery_threshold(gallery.scores, gallery.is_correct, gallery.is_enrolled)
        note = "at the threshold that is best on these probes"
        scores["verification"] = Score(
            "accuracy of names", best.accuracy, None, None, True, gallery.source, note
        )
    elif pairs is not None:
        found = _in_metric(pairs.estimates[pairs.subject], own.pairs)
        if found is not None:
            scores["verification"] = _as_score(found, pairs.members[pairs.subject])
    return scores


def _in_metric(estimates: Sequence[Estimate], metric: str) -> Estimate | None:
    """The figure of a metric; None where it was left out, as it means nothing on these data."""
    return next((each for each in estimates if each.metric == metric), None)


def _as_score(found: Estimate, of: str) -> Score:
    low, high = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    if low is not None and np.isnan(low):
        low, high = None, None
    return Score(title_of(found.metric), found.value, low, high, found.higher_is_better, of, found.note)


def headline(scores: Mapping[Task, Score], own: OwnMetrics, blend: BlendRecord | None) -> Score | None:
    """The score of the ranked tasks together; that of one task where only one is ranked or measured."""
    ranked = [scores[task] for task in own.ranked if task in scores]
    if len(ranked) < 2:
        return ranked[0] if ranked else next(iter(scores.values()), None)
    if own.names_people:
        return ranked[0]
    formula = parse_composite(own.formula)
    values: dict[str, float] = {
        own.classes: scores["classification"].value,
        own.pairs: scores["verification"].value,
    }
    value = formula.evaluate(values)
    halves = []
    for name, score in ((own.classes, scores["classification"]), (own.pairs, scores["verification"])):
        if score.low is not None and score.high is not None:
            low, high = (formula.evaluate({**values, name: end}) for end in (score.low, score.high))
            halves.append(abs(high - low) / 2)
    of = " and ".join(dict.fromkeys(score.of for score in ranked))
    note = "The interval takes the errors of both tasks as independent."
    if blend is not None and blend.score is not None and any(map(has_steps, blend.tasks.values())):
        note += f" With its post-processing, which is left out here, the blend has {blend.score:.4f}."
    if len(halves) < 2:
        return Score(
            own.formula, value, None, None, True, of, "A task has too few identities for an interval."
        )
    half = float(np.linalg.norm(halves))
    return Score(own.formula, value, value - half, value + half, True, of, note)
