"""A checkpoint's or blend's figure in the competition's own metric, from what lies in its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kaggle_face.artifacts.record_io import read_embeddings, read_gallery, read_matches, read_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.competitions.catalogue.ranking import OwnMetrics, is_higher_better
from kaggle_face.config.schema import CheckpointName
from kaggle_face.metrics.classification import hits_at_ranks, true_class_ranks
from kaggle_face.metrics.galleries import BestMatches, accuracy_of, choose_threshold, search_gallery
from kaggle_face.metrics.score import parse_composite
from kaggle_face.records import Embeddings, Gallery, positions_of
from kaggle_face.tasks import Task

_GALLERIES: tuple[Literal["dev", "test"], ...] = ("dev", "test")


@dataclass(frozen=True)
class Figure:
    """What a network or a blend reached on what none of its training saw."""

    metric: str
    value: float

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return is_higher_better(self.metric)

    @property
    def goodness(self) -> float:
        """A score in [0, 1] of which more is better."""
        return self.value if self.higher_is_better else 1.0 - self.value


def figure_of_checkpoint(
    fold: FoldFolder, checkpoint: CheckpointName, task: Task, own: OwnMetrics
) -> Figure | None:
    """A checkpoint's figure on its fold's held-out images or pairs, or on the dev gallery; None: not known.

    Names from a gallery are measured with the test records, so `predict` has to be run before.
    """
    if task == "verification" and (own.names_people or has_gallery(fold)):
        return figure_of_gallery(fold.path / "test" / checkpoint / "embeddings", fold)
    metric = own.classes if task == "classification" else own.pairs
    if metric == "map@5":
        return _places_of(fold, checkpoint)
    results = fold.read_info().get("results", {}).get(checkpoint, {})
    return Figure(metric, float(results[metric])) if metric in results else None


def figure_of_both(classes: Figure | None, pairs: Figure | None, own: OwnMetrics) -> Figure | None:
    """The score of both tasks together; None where a task's figure is not known or is not the formula's."""
    if classes is None or pairs is None or (classes.metric, pairs.metric) != (own.classes, own.pairs):
        return None
    values = {each.metric: each.value for each in (classes, pairs)}
    return Figure(own.formula, parse_composite(own.formula).evaluate(values))


def figure_in(metrics: Mapping[str, float], metric: str) -> Figure | None:
    """The wanted one of the metrics that were kept; None where it is not among them."""
    return Figure(metric, float(metrics[metric])) if metric in metrics else None


def has_gallery(fold: FoldFolder) -> bool:
    """Whether the competition asks who the probes of a gallery are, as `predict` kept it."""
    folders = [folder for folder in map(fold.gallery_folder, _GALLERIES) if folder.is_dir()]
    return any(len(read_gallery(folder).probe_ids) for folder in folders)


def figure_of_gallery(embeddings: Path, fold: FoldFolder) -> Figure | None:
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
    return Figure("accuracy", accuracy_of(found.answers(threshold, dev.no_match), dev))


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


def _places_of(fold: FoldFolder, checkpoint: CheckpointName) -> Figure | None:
    """MAP@5 on the held-out images, all of whom are known people."""
    record = fold.record_folder("oof", checkpoint, "predictions")
    if not record.is_dir() or not fold.labels_file.is_file():
        return None
    table = read_table(fold.labels_file, ["image_id", "label"])
    aligned = read_predictions(record).aligned_to(table["image_id"])
    ranks = true_class_ranks(aligned.logits, table["label"].astype(np.int64))
    return Figure("map@5", float(np.mean(hits_at_ranks(ranks, "map@5")))) if len(ranks) else None
