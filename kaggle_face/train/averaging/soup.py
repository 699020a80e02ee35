"""Soups of checkpoints, written as a run that every later stage reads like a trained one.

A soup is scored on what none of its ingredients was trained on: the checkpoints of one fold, of one run or of
several, by that fold's held-out images and trials; checkpoints of several folds by the trials that all folds
share, and by nothing else, as each fold's images are in the others' training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.provenance import describe_averaging, digest_of_network
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages, shuffled
from kaggle_face.data.loading.placement import plan_loading
from kaggle_face.data.loading.worker_batches import naming_lost_workers
from kaggle_face.errors import RunError
from kaggle_face.metrics.score import Composite
from kaggle_face.model.amp import resolve_device
from kaggle_face.model.network import count_parameters
from kaggle_face.model.trained import load_trained_network, trained_amp
from kaggle_face.model.weights.checkpoints import Tensors, read_weights, require_finite, save_weights
from kaggle_face.progress import Progress
from kaggle_face.train.averaging.weights import (
    NORM_BATCHES,
    Ingredient,
    Soup,
    greedy_soup,
    measure_norms,
    shapes_of,
)
from kaggle_face.train.out_of_fold import write_records, write_targets
from kaggle_face.train.scoring import CLASS_FIGURES, read_score, score_figures
from kaggle_face.train.settings import FoldData
from kaggle_face.train.validation import HeldOut, choose_evaluation, measure, predict_held_out

_NAMES: tuple[CheckpointName, ...] = ("last", "best_cls", "best_ver", "best")
"""A soup is the same network under all of these names, so that no later stage needs to know of soups."""

_KEPT_OF_FIRST = ("config", "settings", "overrides", "folds", "num_folds", "seed", "cpu_amp")


@dataclass(frozen=True)
class Source:
    """A checkpoint that may enter a soup."""

    folder: FoldFolder
    checkpoint: CheckpointName

    @property
    def name(self) -> str:
        """`<run>/fold<k>@<checkpoint>`."""
        return f"{self.folder.path.parent.name}/{self.folder.path.name}@{self.checkpoint}"

    @property
    def figures(self) -> dict[str, float]:
        """The metrics that training measured."""
        figures: dict[str, float] = self.folder.read_info(f"results.{self.checkpoint}")["results"][
            self.checkpoint
        ]
        return figures


def distinct_sources(folders: Sequence[FoldFolder], checkpoints: Sequence[CheckpointName]) -> list[Source]:
    """The wanted checkpoints of finished folds; those of one epoch are one network and are taken once.

    Raises:
        RunError: There is none.
    """
    sources: dict[object, Source] = {}
    for folder in folders:
        results = folder.read_info().get("results", {})
        for checkpoint in checkpoints:
            if checkpoint in results:
                key = (folder.path, results[checkpoint].get("epoch", checkpoint))
                sources.setdefault(key, Source(folder, checkpoint))
    if not sources:
        how = folders[0].run.training_command(folders[0].fold)
        raise RunError(
            f"{folders[0].path} has none of the checkpoints {', '.join(checkpoints)}; train it first: {how}"
        )
    return list(sources.values())


def shared_fold_data(data_of_folds: Sequence[FoldData]) -> FoldData:
    """What is held out of several folds at once: the trials that all of them are measured on.

    Raises:
        RunError: The folds have trials of their own, or none.
    """
    first = data_of_folds[0]
    same = all(np.array_equal(data.pairs.pair_ids, first.pairs.pair_ids) for data in data_of_folds)
    if not same or not first.pairs.are_labelled:
        raise RunError(
            "nothing is held out of all these folds: their images are in each other's training and their "
            "trials differ (folds.verification); make a soup of each fold by itself"
        )
    everyone = np.concatenate([data.train_ids for data in data_of_folds])
    train_ids, rows = np.unique(everyone, return_index=True)
    return replace(
        first,
        train_ids=train_ids,
        train_labels=np.concatenate([data.train_labels for data in data_of_folds])[rows],
        validation_ids=first.validation_ids[:0],
        validation_labels=first.validation_labels[:0],
    )


class WeightsScorer:
    """Loads averaged weights, recomputes batch normalisation, and scores them on held-out data."""

    def __init__(self, config: Config, data: FoldData, sources: Sequence[Source]) -> None:
        self.config, self.data, self.sources = config, data, sources
        device = resolve_device(config.device)
        self.network = load_trained_network(sources[0].folder, sources[0].checkpoint, device)
        self.how = choose_evaluation(config, self.network, trained_amp(sources[0].folder, device))
        self.composite: Composite = read_score(
            config.train, data.pairs.are_labelled, own_metrics_of(config).pairs
        )
        augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
        image_bytes = len(data.train_ids) * data.cache.image_bytes
        self._batches = TrainingBatches(
            TrainingImages(data.cache, data.train_ids, data.train_labels),
            config.train.batch_size,
            augmenter,
            shuffled(config.seed),
            plan_loading(config.data, augmenter, image_bytes, device),
        )

    def choose(self, progress: Progress) -> tuple[Soup, HeldOut]:
        """The greedy soup, and its predictions for the held-out images and pairs.

        Raises:
            RunError: A checkpoint is of another network than the first.
        """
        shapes = shapes_of(self.network.state_dict())
        for one in self.sources:
            if shapes_of(_reader(one)()) != shapes:
                first = self.sources[0].name
                raise RunError(f"{one.name} is another network than {first}; mix checkpoints of one model")
        own = [Ingredient(one.name, self._score(one.figures), _reader(one)) for one in self.sources]

        def judge(weights: Tensors) -> float:
            score = self._score(measure(self.predictions_of(weights), self.data))
            progress.log(f"one more checkpoint in the soup: score {score:.5f}")
            return score

        soup = greedy_soup(own, judge)
        if len(soup.names) == 1:
            self.network.load_state_dict(soup.weights)
            return soup, predict_held_out(self.network, self.data, self.how)
        return soup, self.predictions_of(soup.weights)

    def predictions_of(self, weights: Tensors) -> HeldOut:
        """Loads averaged weights with batch statistics of their own; returns their held-out predictions."""
        self.network.load_state_dict(weights)
        images = (batch.images for batch in islice(self._batches.epoch(0), NORM_BATCHES))
        with naming_lost_workers(self._batches.plan.workers):
            measure_norms(self.network, images, self.how.device, self.how.amp_dtype)
        return predict_held_out(self.network, self.data, self.how)

    def _score(self, figures: Mapping[str, float]) -> float:
        is_shared = not len(self.data.validation_ids)
        unmeasured = dict.fromkeys(CLASS_FIGURES, 0.0) if is_shared else {}
        return score_figures(self.composite, {**unmeasured, **figures})


def make_soup(
    config: Config,
    data: FoldData,
    sources: Sequence[Source],
    target: FoldFolder,
    about: Mapping[str, Any],
    progress: Progress,
) -> Soup:
    """Makes a soup and writes it as the fold of a run.

    Args:
        config: The settings that the first source was trained with.
        data: What the soup is scored on, and whose training images its norms are measured on.
        sources: The checkpoints.
        target: The new fold's folder.
        about: What is known of this call.
        progress: Gets a line for each try.

    Raises:
        RunError: The checkpoints are of different networks, folds or classes.
    """
    _require_equal(sources)
    scorer = WeightsScorer(config, data, sources)
    soup, held_out = scorer.choose(progress)
    write_text(target.config_file, dump_config(config))
    record_io.write_classes(target.classes_file, data.classes, data.class_counts)
    write_targets(target, data)
    figures = measure(held_out, data)
    for checkpoint in _NAMES:
        save_weights(scorer.network, target.weights_file(checkpoint), {"soup": ", ".join(soup.names)})
        write_records(target, checkpoint, held_out, describe_averaging(scorer.how.flip, scorer.how.crops))
    info = {
        **about,
        "num_parameters": count_parameters(scorer.network, with_head=True),
        "soup": {"of": list(soup.names), "score": soup.score, "best_alone": soup.best_alone},
        "networks": {
            name: digest
            for source in sources
            for name, digest in digest_of_network(source.folder, source.checkpoint).items()
        },
        "results": {name: {"epoch": 0, **figures} for name in _NAMES},
    }
    of_first = sources[0].folder.read_info()
    as_of_training = {
        **{key: of_first[key] for key in _KEPT_OF_FIRST if key in of_first},
        **data.sizes,
        "kind": "soup",
        "status": "finished",
        "seconds": 0.0,
    }
    target.write_info({**as_of_training, **info})
    return soup


def _reader(source: Source) -> Callable[[], Tensors]:
    def read() -> Tensors:
        path = source.folder.weights_file(source.checkpoint)
        tensors = read_weights(path)
        require_finite(tensors, path)
        return tensors

    return read


def _require_equal(sources: Sequence[Source]) -> None:
    """Checks that checkpoints know the same classes and were trained on the same division into folds."""
    first = sources[0]
    names = record_io.read_classes(first.folder.classes_file).names
    division = first.folder.read_info().get("folds")
    for source in sources[1:]:
        if not np.array_equal(record_io.read_classes(source.folder.classes_file).names, names):
            raise RunError(f"{source.name} and {first.name} know different classes; they make no soup")
        if source.folder.read_info().get("folds") != division:
            raise RunError(
                f"{source.name} and {first.name} were trained on different folds: what is held out of "
                "the one is in the other's training"
            )
