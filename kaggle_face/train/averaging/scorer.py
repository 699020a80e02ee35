"""Averaged weights scored on held-out data, and the gain of the soup that the scores choose.

Letters: N images, B of them in a block, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import Config
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
    HeldOutPredictions,
    HeldOutRows,
    HeldOutTargets,
    can_be_divided,
    figures_of,
    gain_on,
)
from kaggle_face.metrics.classification import true_class_ranks
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.metrics.score import Composite
from kaggle_face.model.device import resolve_device
from kaggle_face.model.trained import differing_use, load_trained_network, trained_amp, use_of_trained
from kaggle_face.model.weights.checkpoints import Tensors, read_weights, require_finite
from kaggle_face.progress import Progress
from kaggle_face.train.averaging.weights import (
    NORM_BATCHES,
    Ingredient,
    Soup,
    greedy_soup,
    measure_norms,
    shapes_of,
)
from kaggle_face.train.scoring import read_score, score_figures
from kaggle_face.train.settings import FoldData
from kaggle_face.train.validation import HeldOut, choose_evaluation, predict_held_out


@dataclass(frozen=True)
class Source:
    """A checkpoint that may enter a soup."""

    folder: FoldFolder
    checkpoint: CheckpointName

    @property
    def name(self) -> str:
        """`<run>/fold<k>@<checkpoint>`."""
        return f"{self.folder.path.parent.name}/{self.folder.path.name}@{self.checkpoint}"


@dataclass(frozen=True, eq=False)
class MeasuredSoup:
    """A soup, and its gain over the best checkpoint on people not used to choose either.

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
        self.truth = held_out_targets(data)
        augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
        image_bytes = len(data.train_ids) * data.cache.image_bytes
        self._batches = TrainingBatches(
            TrainingImages(data.cache, data.train_ids, data.train_labels),
            config.train.batch_size,
            augmenter,
            shuffled(config.seed),
            plan_loading(config.data, augmenter, image_bytes, device),
        )
        self._answers: dict[frozenset[str], HeldOutPredictions] = {}

    def choose(self, progress: Progress) -> tuple[MeasuredSoup, HeldOut]:
        """The greedy soup with its gain, and its predictions for the held-out images and pairs.

        Raises:
            RunError: A checkpoint is of another network than the first.
        """
        shapes, first = shapes_of(self.network.state_dict()), self.sources[0]
        own_use = use_of_trained(first.folder)
        for one in self.sources:
            weights = _reader(one)()
            differing = differing_use(own_use, use_of_trained(one.folder))
            if differing or shapes_of(weights) != shapes:
                named = (f" ({key}={theirs}, not {ours})" for key, (ours, theirs) in differing.items())
                what = next(named, "")
                raise RunError(
                    f"{one.name} is another network than {first.name}{what}; mix checkpoints of one model"
                )
            self.answers_of((one.name,), weights)
        soup = self.greedy(self.truth.everything, progress)
        gains, note = self.nested_gains()
        described = MeasuredSoup(soup, self.composite.expression, held_out_in_words(self.data), gains, note)
        return described, self._predictions_of(soup.names, soup.weights)

    def greedy(self, rows: HeldOutRows, progress: Progress | None = None) -> Soup:
        """The greedy soup by the score on part of the held-out data."""
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
        """The gains on each side of the people, of the choice of the other side; or none, and why."""
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

    def answers_of(self, names: tuple[str, ...], weights: Tensors | None = None) -> HeldOutPredictions:
        """The answers of one checkpoint or of an average, whose weights are needed at the first call."""
        key = frozenset(names)
        if key not in self._answers:
            assert weights is not None
            self._answers[key] = predictions_from(self._predictions_of(names, weights), self.data)
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

    def _score(self, answers: HeldOutPredictions, rows: HeldOutRows) -> float:
        return score_figures(self.composite, figures_of(answers, self.truth, rows))


def held_out_targets(data: FoldData) -> HeldOutTargets:
    """The identities of the held-out images and trials."""
    names, labels = data.classes.names, data.pair_labels
    known = {
        image: str(names[label])
        for image, label in zip(data.pairs.image_ids.tolist(), labels.tolist(), strict=bool(len(labels)))
        if label >= 0
    }
    return HeldOutTargets.of(data.validation_ids, names[data.validation_labels], data.pairs, known)


def predictions_from(held_out: HeldOut, data: FoldData) -> HeldOutPredictions:
    """The predictions that a network's figures follow from."""
    labels, logits_NC = data.validation_labels, held_out.predictions.logits
    ranks, losses = np.empty(len(labels), np.int64), np.empty(len(labels))
    for part in row_blocks(len(labels), logits_NC.shape[1] * 8):
        logits_BC = logits_NC[part]
        ranks[part] = true_class_ranks(logits_BC, labels[part])
        logs_BC = log_softmax(logits_BC.astype(np.float64))
        losses[part] = -logs_BC[np.arange(len(logs_BC)), labels[part]]
    return HeldOutPredictions(ranks, np.minimum(losses, MOST_LOSS), held_out.pair_scores.scores)


def held_out_in_words(data: FoldData) -> str:
    """The data that a soup is scored on, such as `16 images and 20 trials held out of fold 0`."""
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


def _reader(source: Source) -> Callable[[], Tensors]:
    def read() -> Tensors:
        path = source.folder.weights_file(source.checkpoint)
        tensors = read_weights(path)
        require_finite(tensors, path)
        return tensors

    return read
