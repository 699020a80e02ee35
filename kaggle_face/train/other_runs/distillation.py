"""What other runs say of the training images out of fold, as a lesson for a network (distillation).

A teacher's answer about an image comes from the one of its folds that held the image out, so it is as unsure
as it would be of a new image; an image that no fold held out has no teacher. The teachers of other folds were
trained on what this fold holds out. Nothing of those images is shown here, but a trace of them may be in the
answers: compare students with each other, and trust the leaderboard more than their out-of-fold figures.

Letters: N images of the image cache, B images of a batch, C classes, D embedding size of a teacher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.provenance import digest_of_network, require_current
from kaggle_face.artifacts.runs import FoldFolder, RecordKind
from kaggle_face.config.schema import DistillConfig
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.errors import ConfigError, RunError
from kaggle_face.model.heads.head import in_full_precision, unit_vectors
from kaggle_face.records import FloatArray, IntArray
from kaggle_face.train.other_runs.lookup import (
    choose_checkpoint,
    find_finished_folds,
    name_of_fold,
    require_same_division,
)
from kaggle_face.train.settings import FoldTask

_KEY = "loss.distill.runs"
_KINDS: tuple[RecordKind, ...] = ("predictions", "embeddings")
NOBODY = -1


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the teachers say of a batch.

    Attributes:
        probabilities: (B, C): mean class probabilities at the temperature; zeros where nobody knows.
        known: (B): which images have a teacher.
        cosines: (B, B): mean cosines between embeddings of one network.
        comparable: (B, B): which pairs of different images were embedded by one network.
    """

    probabilities: Tensor
    known: Tensor
    cosines: Tensor
    comparable: Tensor


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """The out-of-fold answers of one run about the images of an image cache.

    Attributes:
        name: The run and the checkpoint.
        network_of: Which of the networks answered (N), or -1.
        row_of: The row of the answer in that network's records (N).
        logits: Per network (n, C), memory-mapped.
        vectors: Per network (m, D), memory-mapped, in the same rows.
        networks: The digest of each network's weights, by its name.
    """

    name: str
    network_of: IntArray
    row_of: IntArray
    logits: tuple[FloatArray, ...]
    vectors: tuple[FloatArray, ...]
    networks: Mapping[str, str] = field(default_factory=dict)

    def gather(self, rows_B: IntArray, records: Sequence[FloatArray]) -> FloatArray:
        """The records of images (B, C or D) by their rows in the image cache; zeros where nobody answered."""
        found = np.zeros((len(rows_B), records[0].shape[1]), np.float32)
        networks_B = self.network_of[rows_B]
        for network in np.unique(networks_B[networks_B != NOBODY]).tolist():
            mine_B = networks_B == network
            found[mine_B] = records[network][self.row_of[rows_B[mine_B]]]
        return found


class Teacher:
    """Several runs whose out-of-fold answers are averaged."""

    def __init__(self, runs: Sequence[OutOfFold], config: DistillConfig) -> None:
        assert runs
        self.runs = tuple(runs)
        self.config = config

    def lesson(self, rows_B: IntArray, device: torch.device) -> Lesson:
        """What the teachers say of images, by their rows in the image cache."""
        told = [self._told_by(run, rows_B) for run in self.runs]
        known = torch.stack([one.known for one in told])
        comparable = torch.stack([one.comparable for one in told])
        probabilities = torch.stack([one.probabilities for one in told]).sum(0)
        cosines = torch.stack([one.cosines for one in told]).sum(0)
        return Lesson(
            (probabilities / known.sum(0).clamp(min=1)[:, None]).to(device),
            known.any(0).to(device),
            (cosines / comparable.sum(0).clamp(min=1)).to(device),
            comparable.any(0).to(device),
        )

    def _told_by(self, run: OutOfFold, rows_B: IntArray) -> Lesson:
        networks_B = torch.from_numpy(run.network_of[rows_B])
        known_B = networks_B != NOBODY
        logits_BC = torch.from_numpy(run.gather(rows_B, run.logits)) / self.config.temperature
        units_BD = unit_vectors(torch.from_numpy(run.gather(rows_B, run.vectors)))
        itself_BB = torch.eye(len(rows_B), dtype=torch.bool)
        comparable_BB = (networks_B[:, None] == networks_B[None, :]) & known_B[:, None] & ~itself_BB
        return Lesson(
            torch.where(known_B[:, None], logits_BC.softmax(1), 0.0),
            known_B,
            torch.where(comparable_BB, units_BD @ units_BD.T, 0.0),
            comparable_BB,
        )


def find_teacher(
    config: DistillConfig, task: FoldTask, target: FoldFolder, division: str | None
) -> Teacher | None:
    """The teacher of the settings for one fold, or None.

    Raises:
        RunError: A run or its records are missing, or were made with other folds or classes.
        ConfigError: No training image of this fold has a teacher.
    """
    if not config.runs:
        return None
    runs = [_open_run(reference, task, target, division) for reference in config.runs]
    rows = task.cache.rows_of(task.train_ids)
    taught = np.any([run.network_of[rows] != NOBODY for run in runs], axis=0)
    if not taught.any():
        raise ConfigError(
            f"{_KEY}: no training image of fold {task.fold} was held out by a finished fold of "
            f"{', '.join(config.runs)}; train other folds than {task.fold} of it first"
        )
    return Teacher(runs, config)


def distillation_loss(
    config: DistillConfig, lesson: Lesson, embeddings_BD: Tensor, logits_BC: Tensor, mix: Mix | None
) -> Tensor:
    """The weighted sum of both lessons, a scalar.

    Logits: T^2 times the divergence of the student's probabilities from the teachers', at temperature T
    (Hinton et al. 2015, arXiv:1503.02531, section 2); of a mixed image the teachers' answers are mixed too.
    Embeddings: the mean squared difference of the cosines between images (Park et al. 2019, arXiv:1904.05068,
    with cosines for distances), which does not ask the spaces of different networks to agree; not of mixed
    images.
    """
    with torch.autocast(embeddings_BD.device.type, enabled=False):
        loss = embeddings_BD.new_zeros((), dtype=torch.float32)
        if config.logits_weight > 0.0:
            loss = loss + config.logits_weight * _logits_term(config, lesson, logits_BC, mix)
        if config.cosines_weight > 0.0 and mix is None:
            units_BD = unit_vectors(in_full_precision(embeddings_BD))
            squares_BB = (units_BD @ units_BD.T - lesson.cosines).square()
            loss = loss + config.cosines_weight * _mean_where(squares_BB, lesson.comparable)
        return loss


def _logits_term(config: DistillConfig, lesson: Lesson, logits_BC: Tensor, mix: Mix | None) -> Tensor:
    target_BC, known_B = lesson.probabilities, lesson.known
    if mix is not None:
        partner_B = mix.partners(target_BC.device)
        target_BC = target_BC.lerp(target_BC[partner_B], 1.0 - mix.weight_of_first)
        known_B = known_B & known_B[partner_B]
    scores_BC = F.log_softmax(in_full_precision(logits_BC) / config.temperature, dim=1)
    divergence_B = F.kl_div(scores_BC, target_BC, reduction="none").sum(1)
    return config.temperature**2 * _mean_where(divergence_B, known_B)


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp(min=1)


def _open_run(reference: str, task: FoldTask, target: FoldFolder, division: str | None) -> OutOfFold:
    network_of = np.full(len(task.cache), NOBODY, np.int64)
    row_of = np.full(len(task.cache), NOBODY, np.int64)
    logits: list[FloatArray] = []
    vectors: list[FloatArray] = []
    names: list[str] = []
    networks: dict[str, str] = {}
    for folder in find_finished_folds(reference, target, _KEY):
        require_same_division(folder, division, reference, _KEY)
        checkpoint = choose_checkpoint(reference, folder, _KEY)
        for kind in _KINDS:
            require_current(folder, "oof", checkpoint, kind)
        predictions = record_io.read_predictions(folder.record_folder("oof", checkpoint, "predictions"))
        if not np.array_equal(predictions.class_names, task.classes.names):
            raise RunError(f"{_KEY}: {reference} knows other classes; take a run of the same classes")
        embeddings = record_io.read_embeddings(folder.record_folder("oof", checkpoint, "embeddings"))
        # The records begin with the held-out images, in one order; a check costs nothing.
        same = np.array_equal(embeddings.image_ids[: len(predictions.image_ids)], predictions.image_ids)
        if not same:
            embeddings = embeddings.aligned_to(predictions.image_ids)
        rows = task.cache.rows_of(predictions.image_ids)
        network_of[rows], row_of[rows] = len(logits), np.arange(len(rows))
        logits.append(predictions.logits)
        vectors.append(embeddings.vectors)
        names.append(name_of_fold(folder, checkpoint))
        networks.update(digest_of_network(folder, checkpoint))
    _forget_held_out(network_of, task)
    return OutOfFold(" ".join(names), network_of, row_of, tuple(logits), tuple(vectors), networks)


def _forget_held_out(network_of: IntArray, task: FoldTask) -> None:
    """Only training images are taught; nothing is asked about what this fold holds out."""
    trained = np.zeros(len(network_of), np.bool_)
    trained[task.cache.rows_of(task.train_ids)] = True
    network_of[~trained] = NOBODY
