"""A soup of checkpoints as a run of its own, which every later stage takes like a trained one.

A soup is judged by what none of its ingredients was trained on: the checkpoints of one fold, of one run or of
several, by that fold's held-out images and trials; checkpoints of several folds by the trials that all folds
share, and by nothing else, as each fold's images are in the others' training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from kaggle_face.artifacts import record_io as stored
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.provenance import describe_averaging, digest_of_network
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.loader import TrainingBatches, shuffled
from kaggle_face.data.loading.placement import choose_supply
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
from kaggle_face.train.out_of_fold import write_records, write_truth
from kaggle_face.train.scoring import CLASS_FIGURES, read_score, score_figures
from kaggle_face.train.settings import FoldTask
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
        """What training measured of it."""
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


def shared_task(tasks: Sequence[FoldTask]) -> FoldTask:
    """What is held out of several folds at once: the trials that all of them are measured on.

    Raises:
        RunError: The folds have trials of their own, or none.
    """
    first = tasks[0]
    same = all(np.array_equal(task.pairs.pair_ids, first.pairs.pair_ids) for task in tasks)
    if not same or not first.pairs.are_labelled:
        raise RunError(
            "nothing is held out of all these folds: their images are in each other's training and their "
            "trials differ (folds.verification); make a soup of each fold by itself"
        )
    everyone = np.concatenate([task.train_ids for task in tasks])
    train_ids, rows = np.unique(everyone, return_index=True)
    return replace(
        first,
        train_ids=train_ids,
        train_labels=np.concatenate([task.train_labels for task in tasks])[rows],
        validation_ids=first.validation_ids[:0],
        validation_labels=first.validation_labels[:0],
    )


class WeightsJudge:
    """Puts weights into a network, measures its norms anew, and judges it by what is held out."""

    def __init__(self, config: Config, task: FoldTask, sources: Sequence[Source]) -> None:
        self.config, self.task, self.sources = config, task, sources
        device = resolve_device(config.device)
        self.network = load_trained_network(sources[0].folder, sources[0].checkpoint, device)
        self.how = choose_evaluation(config, self.network, trained_amp(sources[0].folder, device))
        self.composite: Composite = read_score(
            config.train, task.pairs.are_labelled, own_metrics_of(config).pairs
        )
        augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
        image_bytes = len(task.train_ids) * task.pack.image_bytes
        self._batches = TrainingBatches(
            task.pack,
            task.train_ids,
            task.train_labels,
            config.train.batch_size,
            augmenter,
            shuffled(config.seed),
            choose_supply(config.data, augmenter, image_bytes, device),
        )

    def choose(self, progress: Progress) -> tuple[Soup, HeldOut]:
        """The greedy soup, and what it says of the held-out images and trials.

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
            score = self._score(measure(self.answers_of(weights), self.task))
            progress.log(f"one more checkpoint in the soup: score {score:.5f}")
            return score

        soup = greedy_soup(own, judge)
        if len(soup.names) == 1:
            self.network.load_state_dict(soup.weights)
            return soup, predict_held_out(self.network, self.task, self.how)
        return soup, self.answers_of(soup.weights)

    def answers_of(self, weights: Tensors) -> HeldOut:
        """What averaged weights say; the network keeps them, with norms that are their own."""
        self.network.load_state_dict(weights)
        images = (batch.images for batch in islice(self._batches.epoch(0), NORM_BATCHES))
        with naming_lost_workers(self._batches.supply.workers):
            measure_norms(self.network, images, self.how.device, self.how.amp_dtype)
        return predict_held_out(self.network, self.task, self.how)

    def _score(self, figures: Mapping[str, float]) -> float:
        unmeasured = dict.fromkeys(CLASS_FIGURES, 0.0)
        return score_figures(self.composite, {**unmeasured, **figures} if self._is_shared else figures)

    @property
    def _is_shared(self) -> bool:
        return not len(self.task.validation_ids)


def make_soup(
    config: Config,
    task: FoldTask,
    sources: Sequence[Source],
    target: FoldFolder,
    about: Mapping[str, Any],
    progress: Progress,
) -> Soup:
    """Makes a soup and writes it as the fold of a run.

    Args:
        config: The settings that the first source was trained with.
        task: What the soup is judged by, and whose training images its norms are measured on.
        sources: The checkpoints.
        target: The new fold's folder.
        about: What is known of this call.
        progress: Told of each try.

    Raises:
        RunError: The checkpoints are of different networks, folds or classes.
    """
    _require_equal(sources)
    judge = WeightsJudge(config, task, sources)
    soup, held_out = judge.choose(progress)
    write_text(target.config_file, dump_config(config))
    stored.write_classes(target.classes_file, task.classes, task.class_counts)
    write_truth(target, task)
    figures = measure(held_out, task)
    for checkpoint in _NAMES:
        save_weights(judge.network, target.weights_file(checkpoint), {"soup": ", ".join(soup.names)})
        write_records(target, checkpoint, held_out, describe_averaging(judge.how.flip, judge.how.crops))
    info = {
        **about,
        "num_parameters": count_parameters(judge.network, with_head=True),
        "soup": {"of": list(soup.names), "score": soup.score, "best_alone": soup.best_alone},
        "networks": {
            name: digest
            for source in sources
            for name, digest in digest_of_network(source.folder, source.checkpoint).items()
        },
        "results": {name: {"epoch": 0, **figures} for name in _NAMES},
    }
    target.write_info({**_about_soup(task, sources[0], target), **info})
    return soup


def _about_soup(task: FoldTask, first: Source, target: FoldFolder) -> dict[str, Any]:
    """What the soup's `run.json` says as that of a trained fold does."""
    of_first = first.folder.read_info()
    return {
        **{key: of_first[key] for key in _KEPT_OF_FIRST if key in of_first},
        **task.sizes,
        "kind": "soup",
        "status": "finished",
        "seconds": 0.0,
    }


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
    names = stored.read_classes(first.folder.classes_file).names
    division = first.folder.read_info().get("folds")
    for source in sources[1:]:
        if not np.array_equal(stored.read_classes(source.folder.classes_file).names, names):
            raise RunError(f"{source.name} and {first.name} know different classes; they make no soup")
        if source.folder.read_info().get("folds") != division:
            raise RunError(
                f"{source.name} and {first.name} were trained on different folds: what is held out of "
                "the one is in the other's training"
            )
