"""Soups of checkpoints, written as a run that every later stage reads like a trained one.

A soup is scored on what none of its ingredients was trained on: the checkpoints of one fold, of one run or of
several, by that fold's held-out images and trials; checkpoints of several folds by the trials that all folds
share, and by nothing else, as each fold's images are in the others' training.

That score chose the soup, so it says little of the gain. The gain is measured on people it was not chosen on:
each side of them judges the soup and the best checkpoint that the other side chose.
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
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.figures import MOST_LOSS
from kaggle_face.evaluation.member_scores import log_softmax
from kaggle_face.evaluation.nested_gain import (
    GainPart,
    HeldOutAnswers,
    HeldOutRows,
    HeldOutTruth,
    can_be_divided,
    figures_of,
    gain_on,
    mean_gain,
)
from kaggle_face.metrics.classification import true_class_ranks
from kaggle_face.metrics.inputs import row_blocks
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
from kaggle_face.train.scoring import read_score, score_figures
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


@dataclass(frozen=True, eq=False)
class MeasuredSoup:
    """A soup, and its gain over the best checkpoint alone on people whom neither was chosen on.

    Attributes:
        soup: Chosen on everything that is held out.
        formula: Of its score, higher is better.
        measured_on: What is held out, in words.
        gains: On each side of the people what the other side chose; empty where that cannot be measured.
        note: Why there are none.
    """

    soup: Soup
    formula: str
    measured_on: str
    gains: tuple[GainPart, ...]
    note: str = ""


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
        self.truth = truth_of(data)
        augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
        image_bytes = len(data.train_ids) * data.cache.image_bytes
        self._batches = TrainingBatches(
            TrainingImages(data.cache, data.train_ids, data.train_labels),
            config.train.batch_size,
            augmenter,
            shuffled(config.seed),
            plan_loading(config.data, augmenter, image_bytes, device),
        )
        self._answers: dict[frozenset[str], HeldOutAnswers] = {}

    def choose(self, progress: Progress) -> tuple[MeasuredSoup, HeldOut]:
        """The greedy soup with its gain, and its predictions for the held-out images and pairs.

        Raises:
            RunError: A checkpoint is of another network than the first.
        """
        shapes = shapes_of(self.network.state_dict())
        for one in self.sources:
            weights = _reader(one)()
            if shapes_of(weights) != shapes:
                first = self.sources[0].name
                raise RunError(f"{one.name} is another network than {first}; mix checkpoints of one model")
            self.answers_of((one.name,), weights)
        soup = self.greedy(self.truth.everything, progress)
        gains, note = self.nested_gains()
        described = MeasuredSoup(soup, self.composite.expression, held_out_in_words(self.data), gains, note)
        return described, self._predictions_of(soup.names, soup.weights)

    def greedy(self, rows: HeldOutRows, progress: Progress | None = None) -> Soup:
        """The greedy soup by the score on some of what is held out."""
        own = [
            Ingredient(one.name, self._score(self.answers_of((one.name,)), rows), _reader(one))
            for one in self.sources
        ]

        def judge(names: tuple[str, ...], weights: Tensors) -> float:
            score = self._score(self.answers_of(names, weights), rows)
            if progress is not None:
                progress.log(f"{' + '.join(names)}: score {score:.5f}")
            return score

        return greedy_soup(own, judge)

    def nested_gains(self) -> tuple[tuple[GainPart, ...], str]:
        """The gains on each side of the people, of what the other side chose; or none, and why."""
        if len(self.sources) < 2:
            return (), "there is one checkpoint alone"
        if not can_be_divided(self.truth, self.composite):
            return (), "the people who are held out are too few to be divided"
        sides = self.truth.sides()
        try:
            return tuple(
                self._gain(found_on, judged_on)
                for found_on, judged_on in ((sides[0], sides[1]), (sides[1], sides[0]))
            ), ""
        except InputError as error:
            return (), str(error)

    def answers_of(self, names: tuple[str, ...], weights: Tensors | None = None) -> HeldOutAnswers:
        """The answers of one checkpoint or of an average, whose weights are needed at the first call."""
        key = frozenset(names)
        if key not in self._answers:
            assert weights is not None
            self._answers[key] = answers_to(self._predictions_of(names, weights), self.data)
        return self._answers[key]

    def _gain(self, found_on: HeldOutRows, judged_on: HeldOutRows) -> GainPart:
        soup = self.greedy(found_on)
        chosen, alone = self.answers_of(soup.names), self.answers_of(soup.names[:1])
        return gain_on(judged_on, self.truth, chosen, alone, self.composite)

    def _predictions_of(self, names: tuple[str, ...], weights: Tensors) -> HeldOut:
        """Held-out predictions; an average gets batch statistics of its own."""
        self.network.load_state_dict(weights)
        if len(names) > 1:
            images = (batch.images for batch in islice(self._batches.epoch(0), NORM_BATCHES))
            with naming_lost_workers(self._batches.plan.workers):
                measure_norms(self.network, images, self.how.device, self.how.amp_dtype)
        self.network.eval()
        return predict_held_out(self.network, self.data, self.how)

    def _score(self, answers: HeldOutAnswers, rows: HeldOutRows) -> float:
        return score_figures(self.composite, figures_of(answers, self.truth, rows))


def truth_of(data: FoldData) -> HeldOutTruth:
    """Whom the held-out images and trials show."""
    names, labels = data.classes.names, data.pair_labels
    known = {
        image: str(names[label])
        for image, label in zip(data.pairs.image_ids.tolist(), labels.tolist(), strict=bool(len(labels)))
        if label >= 0
    }
    return HeldOutTruth.of(data.validation_ids, names[data.validation_labels], data.pairs, known)


def answers_to(held_out: HeldOut, data: FoldData) -> HeldOutAnswers:
    """What a network's figures follow from."""
    labels, logits_NC = data.validation_labels, held_out.predictions.logits
    ranks, losses = np.empty(len(labels), np.int64), np.empty(len(labels))
    for part in row_blocks(len(labels), logits_NC.shape[1] * 8):
        logits_BC = logits_NC[part]
        ranks[part] = true_class_ranks(logits_BC, labels[part])
        logs_BC = log_softmax(logits_BC.astype(np.float64))
        losses[part] = -logs_BC[np.arange(len(logs_BC)), labels[part]]
    return HeldOutAnswers(ranks, np.minimum(losses, MOST_LOSS), held_out.pair_scores.scores)


def held_out_in_words(data: FoldData) -> str:
    """What a soup is scored on, such as `16 images and 20 trials held out of fold 0`."""
    parts = [
        f"{count} {what}"
        for count, what in (
            (len(data.validation_ids), "images"),
            (len(data.pairs) if data.pairs.are_labelled else 0, "trials"),
        )
        if count
    ]
    return f"{' and '.join(parts)} held out of " + (
        f"fold {data.fold}" if len(data.validation_ids) else "all folds"
    )


def make_soup(
    config: Config,
    data: FoldData,
    sources: Sequence[Source],
    target: FoldFolder,
    about: Mapping[str, Any],
    progress: Progress,
) -> MeasuredSoup:
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
    measured, held_out = scorer.choose(progress)
    write_text(target.config_file, dump_config(config))
    record_io.write_classes(target.classes_file, data.classes, data.class_counts)
    write_targets(target, data)
    for checkpoint in _NAMES:
        save_weights(
            scorer.network, target.weights_file(checkpoint), {"soup": ", ".join(measured.soup.names)}
        )
        write_records(target, checkpoint, held_out, describe_averaging(scorer.how.flip, scorer.how.crops))
    figures = measure(held_out, data)
    num_parameters = count_parameters(scorer.network, with_head=True)
    target.write_info({**about, **_describe(measured, sources, data, figures, num_parameters)})
    return measured


def _describe(
    measured: MeasuredSoup,
    sources: Sequence[Source],
    data: FoldData,
    figures: Mapping[str, float],
    num_parameters: int,
) -> dict[str, Any]:
    """What `run.json` keeps of a soup beside the call: as of a training, and what it is made of."""
    of_first, soup = sources[0].folder.read_info(), measured.soup
    return {
        **{key: of_first[key] for key in _KEPT_OF_FIRST if key in of_first},
        **data.sizes,
        "kind": "soup",
        "status": "finished",
        "seconds": 0.0,
        "num_parameters": num_parameters,
        "soup": {
            "of": list(soup.names),
            "score": soup.score,
            "best_alone": soup.best_alone,
            "formula": measured.formula,
            "measured_on": measured.measured_on,
            **describe_gain(measured.gains, measured.note),
        },
        "networks": {
            name: digest
            for source in sources
            for name, digest in digest_of_network(source.folder, source.checkpoint).items()
        },
        "results": {name: {"epoch": 0, **figures} for name in _NAMES},
    }


def describe_gain(parts: Sequence[GainPart], note: str) -> dict[str, Any]:
    """A gain on people it was not chosen on, for `run.json`."""
    try:
        gain = mean_gain(parts) if parts else None
    except InputError as error:
        gain, note = None, str(error)
    if gain is None:
        return {"gain": None, "note": note}
    return {"gain": {"value": gain.value, "low": gain.low, "high": gain.high}}


def _reader(source: Source) -> Callable[[], Tensors]:
    def read() -> Tensors:
        path = source.folder.weights_file(source.checkpoint)
        tensors = read_weights(path)
        require_finite(tensors, path)
        return tensors

    return read


def _require_equal(sources: Sequence[Source]) -> None:
    """Checks that checkpoints know the same classes and were trained on the same split into folds."""
    first = sources[0]
    names = record_io.read_classes(first.folder.classes_file).names
    split = first.folder.read_info().get("folds")
    for source in sources[1:]:
        if not np.array_equal(record_io.read_classes(source.folder.classes_file).names, names):
            raise RunError(f"{source.name} and {first.name} know different classes; they make no soup")
        if source.folder.read_info().get("folds") != split:
            raise RunError(
                f"{source.name} and {first.name} were trained on different folds: what is held out of "
                "the one is in the other's training"
            )
