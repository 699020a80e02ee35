"""Distillation: out-of-fold predictions of other runs as targets of the training images.

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
from kaggle_face.config.training import DistillConfig
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.data.loading.streaming import sent_to
from kaggle_face.errors import ConfigError, RunError
from kaggle_face.model.heads.head import in_full_precision, unit_vectors
from kaggle_face.model.heads.shards import ClassShard
from kaggle_face.records import FloatArray, IntArray
from kaggle_face.train.losses.metric_learning import mean_where
from kaggle_face.train.losses.sharded import sharded_divergence
from kaggle_face.train.other_runs.lookup import (
    choose_checkpoint,
    find_finished_folds,
    name_of_fold,
    require_same_split,
)
from kaggle_face.train.settings import FoldData

_KEY = "loss.distill.runs"
_KINDS: tuple[RecordKind, ...] = ("predictions", "embeddings")
NOBODY = -1


@dataclass(frozen=True, eq=False)
class DistillationTargets:
    """The targets of a batch, averaged over the teachers.

    Attributes:
        probabilities: (B, C): mean class probabilities at the temperature; zeros without a teacher.
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
    """The out-of-fold predictions of one run for the images of a cache.

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
        """The records (B, C or D) of images by rows of the image cache; zeros without a teacher."""
        found = np.zeros((len(rows_B), records[0].shape[1]), np.float32)
        networks_B = self.network_of[rows_B]
        for network in np.unique(networks_B[networks_B != NOBODY]).tolist():
            mine_B = networks_B == network
            found[mine_B] = records[network][self.row_of[rows_B[mine_B]]]
        return found


class DistillationSource:
    """One run or several whose out-of-fold predictions are averaged into targets."""

    def __init__(self, runs: Sequence[OutOfFold], config: DistillConfig) -> None:
        assert runs
        self.runs = tuple(runs)
        self.config = config

    def targets_of(self, rows_B: IntArray, device: torch.device) -> DistillationTargets:
        """The targets of images, by their rows in the image cache."""
        targets = [self._targets_of_run(run, rows_B) for run in self.runs]
        known = torch.stack([one.known for one in targets])
        comparable = torch.stack([one.comparable for one in targets])
        probabilities = torch.stack([one.probabilities for one in targets]).sum(0)
        cosines = torch.stack([one.cosines for one in targets]).sum(0)
        return DistillationTargets(
            sent_to(probabilities / known.sum(0).clamp(min=1)[:, None], device),
            sent_to(known.any(0), device),
            sent_to(cosines / comparable.sum(0).clamp(min=1), device),
            sent_to(comparable.any(0), device),
        )

    def _targets_of_run(self, run: OutOfFold, rows_B: IntArray) -> DistillationTargets:
        networks_B = torch.from_numpy(run.network_of[rows_B])
        known_B = networks_B != NOBODY
        logits_BC = torch.from_numpy(run.gather(rows_B, run.logits)) / self.config.temperature
        units_BD = unit_vectors(torch.from_numpy(run.gather(rows_B, run.vectors)))
        itself_BB = torch.eye(len(rows_B), dtype=torch.bool)
        comparable_BB = (networks_B[:, None] == networks_B[None, :]) & known_B[:, None] & ~itself_BB
        return DistillationTargets(
            torch.where(known_B[:, None], logits_BC.softmax(1), 0.0),
            known_B,
            torch.where(comparable_BB, units_BD @ units_BD.T, 0.0),
            comparable_BB,
        )


def find_distillation(
    config: DistillConfig, data: FoldData, target: FoldFolder, split: str | None
) -> DistillationSource | None:
    """The runs that the settings distil from, for one fold, or None.

    Raises:
        RunError: A run or its records are missing, or were made with other folds or classes.
        ConfigError: No training image of this fold has a teacher.
    """
    if not config.runs:
        return None
    runs = [_open_run(reference, data, target, split) for reference in config.runs]
    rows = data.cache.rows_of(data.train_ids)
    taught = np.any([run.network_of[rows] != NOBODY for run in runs], axis=0)
    if not taught.any():
        raise ConfigError(
            f"{_KEY}: no training image of fold {data.fold} was held out by a finished fold of "
            f"{', '.join(config.runs)}; train other folds than {data.fold} of it first"
        )
    return DistillationSource(runs, config)


def distillation_loss(
    config: DistillConfig,
    soft_targets: DistillationTargets,
    embeddings_BD: Tensor,
    logits_BC: Tensor,
    mix: Mix | None,
    shard: ClassShard | None = None,
) -> Tensor:
    """The weighted sum of the losses of logits and embeddings, a scalar.

    Logits: T^2 times the divergence of the student's probabilities from the teachers', at temperature T
    (Hinton et al. 2015, arXiv:1503.02531, section 2); of a mixed image the teachers' answers are mixed too.
    Embeddings: the mean squared difference of the cosines between images (Park et al. 2019, arXiv:1904.05068,
    with cosines for distances), which lets the spaces of different networks differ; not of mixed
    images.
    """
    with torch.autocast(embeddings_BD.device.type, enabled=False):
        loss = embeddings_BD.new_zeros((), dtype=torch.float32)
        if config.logits_weight > 0.0:
            loss = loss + config.logits_weight * _logits_term(config, soft_targets, logits_BC, mix, shard)
        if config.cosines_weight > 0.0 and mix is None:
            units_BD = unit_vectors(in_full_precision(embeddings_BD))
            squares_BB = (units_BD @ units_BD.T - soft_targets.cosines).square()
            loss = loss + config.cosines_weight * mean_where(squares_BB, soft_targets.comparable)
        return loss


def _logits_term(
    config: DistillConfig,
    soft_targets: DistillationTargets,
    logits_BC: Tensor,
    mix: Mix | None,
    shard: ClassShard | None,
) -> Tensor:
    target_BC, known_B = soft_targets.probabilities, soft_targets.known
    if shard is not None:
        target_BC = target_BC[:, shard.first : shard.stop]
    if mix is not None:
        partner_B = mix.partners(target_BC.device)
        target_BC = target_BC.lerp(target_BC[partner_B], 1.0 - mix.weight_of_first)
        known_B = known_B & known_B[partner_B]
    scaled_BC = in_full_precision(logits_BC) / config.temperature
    if shard is not None:
        divergence_B = sharded_divergence(scaled_BC, target_BC)
    else:
        divergence_B = F.kl_div(F.log_softmax(scaled_BC, dim=1), target_BC, reduction="none").sum(1)
    return config.temperature**2 * mean_where(divergence_B, known_B)


def _open_run(reference: str, data: FoldData, target: FoldFolder, split: str | None) -> OutOfFold:
    network_of = np.full(len(data.cache), NOBODY, np.int64)
    row_of = np.full(len(data.cache), NOBODY, np.int64)
    logits: list[FloatArray] = []
    vectors: list[FloatArray] = []
    names: list[str] = []
    networks: dict[str, str] = {}
    for folder in find_finished_folds(reference, target, _KEY):
        require_same_split(folder, split, reference, _KEY)
        checkpoint = choose_checkpoint(reference, folder, _KEY)
        for kind in _KINDS:
            require_current(folder, "oof", checkpoint, kind)
        predictions = record_io.read_predictions(folder.record_folder("oof", checkpoint, "predictions"))
        if not np.array_equal(predictions.class_names, data.classes.names):
            raise RunError(f"{_KEY}: {reference} has other classes; take a run of the same classes")
        embeddings = record_io.read_embeddings(folder.record_folder("oof", checkpoint, "embeddings"))
        # The records begin with the held-out images, in one order; a check costs nothing.
        same = np.array_equal(embeddings.image_ids[: len(predictions.image_ids)], predictions.image_ids)
        if not same:
            embeddings = embeddings.aligned_to(predictions.image_ids)
        rows = data.cache.rows_of(predictions.image_ids)
        network_of[rows], row_of[rows] = len(logits), np.arange(len(rows))
        logits.append(predictions.logits)
        vectors.append(embeddings.vectors)
        names.append(name_of_fold(folder, checkpoint))
        networks.update(digest_of_network(folder, checkpoint))
    # Only training images have targets: nothing is learnt about what this fold holds out.
    is_trained_on = np.zeros(len(network_of), np.bool_)
    is_trained_on[data.cache.rows_of(data.train_ids)] = True
    network_of[~is_trained_on] = NOBODY
    return OutOfFold(" ".join(names), network_of, row_of, tuple(logits), tuple(vectors), networks)
