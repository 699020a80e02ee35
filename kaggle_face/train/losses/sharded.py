"""Losses of logits whose classes are divided among processes: each has the columns of the classes it holds.

Two messages bring a softmax together, the largest logit of each row and the sum of its exponentials; whatever
else is a sum over classes travels with the second (An et al. 2021, arXiv:2010.05222, section 3.1). torch's
`loss_parallel` (DTensor) computes one plain cross entropy so: it has no label smoothing, no columns to leave
out, sends its messages for each label of a mixed image anew, and brings neither accuracy nor distillation.

Letters: B images of the whole batch, S classes of this process that take part, M sources of an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kaggle_face.model.heads.class_sampling import ClassSample
from kaggle_face.train.parallel.messages import add_up_parts, scaled_gradient, take_largest


def sharded_cross_entropy(
    logits: Sequence[Tensor],
    labels_MB: Tensor,
    plain_BS: Tensor,
    classes: ClassSample,
    label_smoothing: float,
) -> tuple[Tensor, Tensor]:
    """The mean cross entropies of a batch and how many images are put into their class.

    Both are the same in all processes. The gradients of the logits are those of this process's columns.

    Args:
        logits: Those of each source (B, S), with the margin of its labels.
        labels_MB: The classes of the sources; the first ones are the images' own.
        plain_BS: Logits without a margin.
        classes: The classes of the columns.
        label_smoothing: Probability mass spread over all classes that take part.

    Returns:
        The loss of each source (M), and a count.
    """
    assert classes.total is not None
    own_tops_KB = torch.stack([_largest(_counted(each, classes)) for each in (*logits, plain_BS)])
    tops_KB = own_tops_KB.clone()
    take_largest(tops_KB)
    sums = [
        part
        for logits_BS, labels_B, top_B in zip(logits, labels_MB, tops_KB, strict=False)
        for part in _summands(logits_BS, labels_B, top_B, classes)
    ]
    labels_B, top_B = labels_MB[0], tops_KB[-1]
    at_label_B = _at_labels(plain_BS.detach(), labels_B, classes)
    is_before_B = _is_top_before(plain_BS.detach(), own_tops_KB[-1] == top_B, labels_B, classes)
    totals_KB = add_up_parts(torch.stack([*sums, at_label_B, is_before_B.to(at_label_B.dtype)]))
    exponentials_MB, targets_MB, plain_sums_MB = totals_KB[:-2].view(len(logits), 3, -1).unbind(1)
    log_sums_MB = exponentials_MB.log() + tops_KB[:-1]
    losses_MB = log_sums_MB - (1.0 - label_smoothing) * targets_MB
    losses_MB = losses_MB - label_smoothing * plain_sums_MB / classes.total
    # Of equal logits the first class is the answer, as with argmax.
    is_right_B = (totals_KB[-2] == top_B) & (totals_KB[-1] == 0.0)
    return losses_MB.mean(1), is_right_B.sum()


def sharded_divergence(scaled_BS: Tensor, target_BS: Tensor) -> Tensor:
    """The divergence (B) of softmax(logits) from target probabilities, both by this process's columns.

    Args:
        scaled_BS: Logits, divided by a temperature.
        target_BS: Probabilities of the columns; rows of zeros give zero.
    """
    top_B = _largest(scaled_BS)
    take_largest(top_B)
    exponentials_B = (scaled_BS - top_B[:, None]).exp().sum(1)
    difference_B = (torch.xlogy(target_BS, target_BS) - target_BS * scaled_BS).sum(1)
    parts_3B = torch.stack([exponentials_B, difference_B, target_BS.sum(1)])
    exponential_B, divergence_B, mass_B = add_up_parts(parts_3B).unbind()
    return divergence_B + mass_B.detach() * (exponential_B.log() + top_B)


def seen_by_each(embeddings_BD: Tensor, count: int) -> Tensor:
    """Embeddings for a loss that each of `count` processes computes whole, beside one that is divided.

    The gradients of all processes are added up (`messages.gather_shares`), so each has its share of this one.
    """
    return scaled_gradient(embeddings_BD, 1.0 / count)


def _counted(logits_BS: Tensor, classes: ClassSample) -> Tensor:
    """Logits, with -inf in columns that only fill a length."""
    return logits_BS if classes.filled is None else logits_BS.masked_fill(~classes.filled, -torch.inf)


@torch.no_grad()
def _largest(logits_BS: Tensor) -> Tensor:
    if logits_BS.shape[1] == 0:
        return logits_BS.new_full((len(logits_BS),), -torch.inf)
    return logits_BS.amax(1)


def _summands(
    logits_BS: Tensor, labels_B: Tensor, top_B: Tensor, classes: ClassSample
) -> tuple[Tensor, Tensor, Tensor]:
    """This process's parts (B): of the sum of exponentials, the label's logit, and the sum of all logits."""
    exponential_B = (_counted(logits_BS, classes) - top_B[:, None]).exp().sum(1)
    counted_BS = logits_BS if classes.filled is None else logits_BS.masked_fill(~classes.filled, 0.0)
    return exponential_B, _at_labels(logits_BS, labels_B, classes), counted_BS.sum(1)


def _at_labels(logits_BS: Tensor, labels_B: Tensor, classes: ClassSample) -> Tensor:
    """The logit of each label that this process holds (B), else 0."""
    if logits_BS.shape[1] == 0:
        return logits_BS.sum(1)
    at_label_B = logits_BS.gather(1, classes.positions(labels_B)[:, None])[:, 0]
    is_held_B = classes.holds(labels_B)
    return at_label_B if is_held_B is None else torch.where(is_held_B, at_label_B, 0.0)


def _is_top_before(plain_BS: Tensor, is_top_B: Tensor, labels_B: Tensor, classes: ClassSample) -> Tensor:
    """Whether the first of this process's largest logits is the largest of all, and before the label."""
    if plain_BS.shape[1] == 0:
        return torch.zeros_like(is_top_B)
    column_B = _counted(plain_BS, classes).argmax(1)
    row_B = column_B if classes.indices is None else classes.indices[column_B]
    first = 0 if classes.shard is None else classes.shard.first
    return is_top_B & (row_B + first < labels_B)
