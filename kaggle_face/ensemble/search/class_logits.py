"""Out-of-fold logits of all members, kept for the classes that can win, for the search of weights.

50 members of 43,000 x 8,631 logits are 37 GB. A class that no member puts first or near the top does not win
a blend of them either, so per image the true class, each member's first class and the likeliest others are
kept. One pass reads every record once, a block of rows at a time.

Letters: M members, N images, C classes, J likely classes, B rows of a block, S sets of temperatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kaggle_face.ensemble.blending import ClassSpace, class_values
from kaggle_face.ensemble.postprocess.neighbours import highest_columns
from kaggle_face.evaluation.member_scores import HeldOutLogits, finite_block, log_softmax
from kaggle_face.evaluation.nested_split import BoolArray, spread_sample
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.progress import Progress
from kaggle_face.records import FloatArray, IntArray, StrArray

NUM_LIKELY = 24
MOST_IMAGES = 50_000
"""More images than these make weights no better, only slower; they are chosen by a hash of their ids."""

_UNLIKELY = -15.0  # so that one member's certainty does not keep a class out that all others find likely


@dataclass(frozen=True, eq=False)
class LikelyClasses:
    """Images (N) of all folds; `classes` (N, J) ascend, and `true_column` (N) is that of the true one.

    `logits` (M, N, J) are -inf where the class is unknown to the network; `ranks` (M, N, J) are reciprocal.
    `log_sums` (S, M, N) hold the logarithm of the sum of exp(logit / T) over all classes.
    """

    image_ids: StrArray
    labels: IntArray
    classes: IntArray
    true_column: IntArray
    logits: FloatArray
    ranks: FloatArray
    temperatures: tuple[tuple[float, ...], ...]
    log_sums: FloatArray

    def values(self, space: ClassSpace, temperature_set: int, rows: BoolArray | None = None) -> FloatArray:
        """The members' values (M, N, J) in a space; -inf where a class is unknown."""
        chosen = slice(None) if rows is None else rows
        if space == "ranks":
            return self.ranks[:, chosen]
        scale_M11 = np.array(self.temperatures[temperature_set], np.float32)[:, None, None]
        logs = self.logits[:, chosen] / scale_M11 - self.log_sums[temperature_set][:, chosen, None]
        return logs if space == "log_probabilities" else np.where(logs > -np.inf, np.exp(logs), -np.inf)


def gather_likely_classes(
    held_out: Sequence[HeldOutLogits], temperatures: Sequence[tuple[float, ...]], progress: Progress
) -> LikelyClasses:
    """Reads all out-of-fold logits once, for these sets of temperatures (one number a member).

    Raises:
        DataError: A member's logits are infinite.
    """
    chosen = chosen_images(held_out)
    num_classes = held_out[0].member_scores[0].values.shape[1]
    num_members = len(held_out[0].member_scores)
    parts: list[_Block] = []
    total = sum(len(positions) for positions in chosen)
    with progress.track("reading out-of-fold records", total, "images") as counter:
        for fold, positions in zip(held_out, chosen, strict=True):
            for part in row_blocks(len(positions), num_classes * 4 * max(1, num_members // 8)):
                parts.append(_gather_block(fold, positions[part], temperatures))
                counter.advance(part.stop - part.start)
    classes = np.concatenate([part.classes for part in parts])
    labels = np.concatenate(
        [fold.labels[positions] for fold, positions in zip(held_out, chosen, strict=True)]
    )
    return LikelyClasses(
        image_ids=np.concatenate([f.image_ids[at] for f, at in zip(held_out, chosen, strict=True)]),
        labels=labels,
        classes=classes,
        true_column=(classes == labels[:, None]).argmax(axis=1),
        logits=np.concatenate([part.logits for part in parts], axis=1),
        ranks=np.concatenate([part.ranks for part in parts], axis=1),
        temperatures=tuple(temperatures),
        log_sums=np.concatenate([part.log_sums for part in parts], axis=2),
    )


def chosen_images(held_out: Sequence[HeldOutLogits]) -> list[IntArray]:
    """Positions of the images of each fold that the search uses, at most `MOST_IMAGES` in all."""
    ids = np.concatenate([fold.image_ids for fold in held_out])
    rows = spread_sample(ids, MOST_IMAGES)
    starts = np.cumsum([0, *(len(fold.image_ids) for fold in held_out)])
    return [rows[(rows >= low) & (rows < high)] - low for low, high in pairwise(starts)]


@dataclass(frozen=True, eq=False)
class _Block:
    classes: IntArray
    logits: FloatArray
    ranks: FloatArray
    log_sums: FloatArray


def _gather_block(
    fold: HeldOutLogits, positions: IntArray, temperatures: Sequence[tuple[float, ...]]
) -> _Block:
    blocks = [finite_block(source, positions) for source in fold.member_scores]
    classes_BJ = _candidates(blocks, fold.labels[positions])
    pick = [np.take_along_axis(logits_BC, classes_BJ, axis=1) for logits_BC in blocks]
    ranks = [np.take_along_axis(class_values(logits_BC, "ranks"), classes_BJ, axis=1) for logits_BC in blocks]
    log_sums = [
        [_log_sum(logits_BC, temperature) for logits_BC, temperature in zip(blocks, chosen, strict=True)]
        for chosen in temperatures
    ]
    return _Block(
        classes_BJ,
        np.stack(pick).astype(np.float32),
        np.stack(ranks).astype(np.float32),
        np.array(log_sums, np.float32),
    )


def _candidates(blocks: Sequence[FloatArray], labels: IntArray) -> IntArray:
    """Per image (B, J): the true class, each member's first class, then those likeliest to all members."""
    best_BC = np.zeros(blocks[0].shape, np.float32)
    for logits_BC in blocks:
        best_BC += np.maximum(log_softmax(logits_BC), _UNLIKELY)
    rows = np.arange(len(labels))
    for logits_BC in blocks:
        best_BC[rows, logits_BC.argmax(axis=1)] += 1e6
    best_BC[rows, labels] = np.inf
    return highest_columns(best_BC, min(NUM_LIKELY, len(best_BC[0])))


def _log_sum(logits_BC: FloatArray, temperature: float) -> FloatArray:
    highest_B1 = logits_BC.max(axis=1, keepdims=True)
    sums_B = np.exp((logits_BC - highest_B1) / temperature).sum(axis=1)
    return np.asarray(highest_B1[:, 0] / temperature + np.log(sums_B))
