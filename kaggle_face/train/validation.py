"""Both tasks measured on what a fold holds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kaggle_face.config import Config
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.errors import RunError, part_of
from kaggle_face.evaluation.figures import MOST_LOSS
from kaggle_face.inference.batch_size import choose_batch_size
from kaggle_face.inference.embedding import embed_all
from kaggle_face.metrics.classification import log_loss, top_k_accuracy
from kaggle_face.metrics.similarity import score_pairs
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.model.network import FaceNetwork
from kaggle_face.records import Embeddings, PairScores, Predictions, StrArray
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.settings import FoldData


class NotFiniteError(RunError):
    """A network's embeddings are not finite; `what` is the fact without what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: its training diverged; train it anew with a lower optim.lr")
        self.what = what


@dataclass(frozen=True)
class Evaluation:
    """Settings of embedding when measuring."""

    device: torch.device
    amp_dtype: torch.dtype | None
    batch_size: int
    flip: bool
    distributed: DistributedContext = SINGLE_PROCESS
    crops: bool = False


def choose_evaluation(
    config: Config,
    network: FaceNetwork,
    amp_dtype: torch.dtype | None,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> Evaluation:
    """The evaluation of a finished training: its images are embedded as those of the test set will be."""
    device, predict = next(network.parameters()).device, config.predict
    size_px = config.data.image_size
    batch_size = choose_batch_size(predict.batch_size, network, size_px, device, amp_dtype, predict.flip)
    return Evaluation(device, amp_dtype, batch_size, predict.flip, distributed, predict.crops)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions, embeddings and scores of a fold's held-out images and trials."""

    predictions: Predictions
    embeddings: Embeddings
    pair_scores: PairScores


def predict_held_out(network: FaceNetwork, data: FoldData, how: Evaluation) -> HeldOut:
    """Embeds each held-out image once, by one of the processes, and scores both tasks.

    The logits of classes without a training image in this fold are -inf: the network was never shown them.

    Raises:
        NotFiniteError: An embedding is not finite.
    """
    network.averages_crops = how.crops
    try:
        with how.distributed.whole_head(network):
            return _held_out(network, data, how)
    finally:
        network.averages_crops = False


def _held_out(network: FaceNetwork, data: FoldData, how: Evaluation) -> HeldOut:
    embeddings, logits = _embed(network, data, data.validation_ids, how)
    logits[:, data.class_counts == 0] = -np.inf
    others = np.setdiff1d(data.pairs.image_ids, data.validation_ids)
    more, _ = _embed(network, data, others, how, with_logits=False)
    vectors_ND = np.concatenate([embeddings, more])
    bad = int((~np.isfinite(vectors_ND)).any(axis=1).sum())
    if bad:
        raise NotFiniteError(part_of(bad, len(vectors_ND), "embedding of held-out images", "are not finite"))
    everyone = Embeddings(np.concatenate([data.validation_ids, others]), vectors_ND)
    predictions = Predictions(data.validation_ids, logits, data.classes.names)
    return HeldOut(predictions, everyone, score_pairs(everyone, data.pairs))


def measure(held_out: HeldOut, data: FoldData) -> dict[str, float]:
    """The figures of the tasks that are held out: accuracy, top5, log_loss, eer, auc, tpr@1e-2, tpr@1e-3.

    An image whose class has no training image in this fold adds a finite loss, the same as in `evaluate`.
    """
    labels, logits = data.validation_labels, held_out.predictions.logits
    figures: dict[str, float] = {}
    if len(labels):
        top = top_k_accuracy(logits, labels, ks=(1, 5))
        figures = {"accuracy": top[1], "top5": top[5], "log_loss": log_loss(logits, labels, MOST_LOSS)}
    if data.pairs.are_labelled:
        scores = held_out.pair_scores
        figures.update(verification_summary(scores.scores, scores.labels))
    return figures


def _embed(
    network: FaceNetwork, data: FoldData, image_ids: StrArray, how: Evaluation, with_logits: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, D) and logits (N, C), or (N, 0) without them, in float32, in the order of the ids."""
    own_ids = image_ids[how.distributed.share.of(len(image_ids))]
    batches = evaluation_batches(data.cache, own_ids, how.batch_size, how.device)
    embeddings, logits = embed_all(
        network, batches, len(own_ids), how.device, how.amp_dtype, how.flip, with_logits
    )
    if with_logits:
        logits = _gathered(logits, image_ids, how)
    return _gathered(embeddings, image_ids, how), logits


def _gathered(own: np.ndarray, image_ids: StrArray, how: Evaluation) -> np.ndarray:
    """The rows of all processes, in the order of the ids."""
    rows: np.ndarray = how.distributed.gathered(torch.from_numpy(own), len(image_ids)).numpy()
    return rows
