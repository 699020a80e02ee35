"""A checkpoint's or blend's figure in the competition's own metric, from its run folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kaggle_face.artifacts.record_io import read_embeddings, read_gallery, read_matches, read_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.competitions.catalogue.ranking import OwnMetrics
from kaggle_face.config.schema import CheckpointName
from kaggle_face.metrics.galleries import BestMatches, accuracy_of, choose_threshold, search_gallery
from kaggle_face.metrics.intervals.bootstrap import Interval, clustered_mean_interval
from kaggle_face.metrics.score import parse_composite
from kaggle_face.metrics.table import METRICS, higher_is_better
from kaggle_face.records import Embeddings, Gallery, positions_of
from kaggle_face.tasks import Task

_GALLERIES: tuple[Literal["dev", "test"], ...] = ("dev", "test")


@dataclass(frozen=True)
class Estimate:
    """A metric of a network or a blend on held-out data.

    Attributes:
        metric: A name of the table of metrics, a formula over them, or a metric with its setting in words.
        value: On everything that is held out.
        interval: For other people; None where it was not measured or people or pairs are too few.
        folds: The value in each fold; for the ten-fold accuracy in each of its ten sets of pairs.
        note: Why there is no interval.
    """

    metric: str
    value: float
    interval: Interval | None = None
    folds: tuple[float, ...] = ()
    note: str = ""

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return higher_is_better(self.metric)

    @property
    def goodness(self) -> float:
        """A score in [0, 1] of which more is better."""
        return self.value if self.higher_is_better else 1.0 - self.value

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.folds)) if self.folds else self.value

    @property
    def spread(self) -> float | None:
        """The standard deviation over the folds, with F - 1; None for a single fold, which has none."""
        return float(np.std(self.folds, ddof=1)) if len(self.folds) > 1 else None


def figure_of_checkpoint(
    fold: FoldFolder, checkpoint: CheckpointName, task: Task, own: OwnMetrics
) -> Estimate | None:
    """A checkpoint's figure on its fold's held-out images or pairs, or on the dev gallery; None: not known.

    Names from a gallery are measured with the test records, so `predict` has to be run before.
    """
    if task == "verification" and (own.names_people or has_gallery(fold)):
        return figure_of_gallery(fold.path / "test" / checkpoint / "embeddings", fold)
    metric = own.classes if task == "classification" else own.pairs
    if metric == "map@5":  # which no training measures; all held-out images show known people
        record = fold.record_folder("oof", checkpoint, "predictions")
        if not record.is_dir() or not fold.labels_file.is_file():
            return None
        table = read_table(fold.labels_file, ["image_id", "label"])
        aligned = read_predictions(record).aligned_to(table["image_id"])
        if not len(table["label"]):
            return None
        return Estimate(metric, METRICS[metric](aligned.logits, table["label"].astype(np.int64)))
    results = fold.read_info().get("results", {}).get(checkpoint, {})
    return Estimate(metric, float(results[metric])) if metric in results else None


def figure_of_both(classes: Estimate | None, pairs: Estimate | None, own: OwnMetrics) -> Estimate | None:
    """The score of both tasks together; None where a task's figure is not known or is not the formula's.

    It has an interval where both figures have one.
    """
    if classes is None or pairs is None or (classes.metric, pairs.metric) != (own.classes, own.pairs):
        return None
    formula = parse_composite(own.formula)
    values = {each.metric: each.value for each in (classes, pairs)}
    score = formula.evaluate(values)
    if classes.interval is None or pairs.interval is None:
        return Estimate(own.formula, score)
    # Identities to be named and people to be verified are drawn apart, so the two halves add as squares.
    halves = [
        abs(
            formula.evaluate({**values, each.metric: each.interval.high})
            - formula.evaluate({**values, each.metric: each.interval.low})
        )
        / 2
        for each in (classes, pairs)
        if each.interval is not None
    ]
    half = math.hypot(*halves)
    return Estimate(own.formula, score, Interval(score, score - half, score + half))


def figure_in(metrics: Mapping[str, float], metric: str) -> Estimate | None:
    """The wanted one of the metrics that were kept; None where it is not among them."""
    return Estimate(metric, float(metrics[metric])) if metric in metrics else None


def has_gallery(fold: FoldFolder) -> bool:
    """Whether the fold keeps a gallery with probes to be named, as `predict` writes it."""
    folders = [folder for folder in map(fold.gallery_folder, _GALLERIES) if folder.is_dir()]
    return any(len(read_gallery(folder).probe_ids) for folder in folders)


def figure_of_gallery(embeddings: Path, fold: FoldFolder) -> Estimate | None:
    """The accuracy of naming the dev probes, at the threshold that is best there, as `submit` does it.

    None where the probes' names or the embeddings are not there.
    """
    folder = fold.gallery_folder("dev")
    if not folder.is_dir() or not embeddings.is_dir():
        return None
    dev = read_gallery(folder)
    if not len(dev.probe_ids) or (dev.probe_names == "").any():
        return None
    found = matches_of(embeddings.parent / "gallery_dev.csv", read_embeddings(embeddings), dev)
    curve = choose_threshold(found, dev)
    threshold = -np.inf if curve is None else curve.threshold
    answers = found.answers(threshold, dev.no_match)
    interval = clustered_mean_interval(answers == dev.probe_names, dev.probe_names)
    return Estimate("accuracy", accuracy_of(answers, dev), interval)


def matches_of(path: Path, embeddings: Embeddings, gallery: Gallery) -> BestMatches:
    """The best match of each probe: as post-processing left it at `path`, else that of highest cosine.

    Raises:
        DataError: A probe or an image has no answer.
    """
    if not path.is_file():
        return search_gallery(embeddings, gallery)
    probe_ids, names, scores = read_matches(path)
    rows = positions_of(gallery.probe_ids, probe_ids, f"probes of {path}")
    return BestMatches(gallery.probe_ids, names[rows], scores[rows].astype(np.float32))
