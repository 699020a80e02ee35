"""Identification of probes against a gallery of known people.

Letters: Q probes (queries), G gallery entries, D embedding size, B probes of a block, K predictions.

Closed set: each probe's person is in the gallery. Open set: some are not, and should get "no match".
A probe is accepted when its best score reaches the threshold: `best_score >= threshold`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError, naming_first
from kaggle_face.metrics.inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    as_array,
    as_flags,
    as_ids,
    as_numbers,
    as_scores,
    as_threshold,
    require_counts,
    require_same_length,
    require_share,
    require_whole,
    row_blocks,
)
from kaggle_face.metrics.similarity import normalized
from kaggle_face.metrics.sorted_scores import SortedScores, lowest_acceptable
from kaggle_face.metrics.thresholds import accuracy_curve


@dataclass(frozen=True)
class DirAtFpir:
    """Share of enrolled probes that are accepted and named rightly; the threshold; the FPIR reached there."""

    rate: float
    threshold: float
    fpir: float


@dataclass(frozen=True, eq=False)
class GalleryThreshold:
    """The best threshold, its accuracy, and the curve: `accuracies` (T,) at ascending `thresholds` (T,)."""

    threshold: float
    accuracy: float
    thresholds: FloatArray
    accuracies: FloatArray


def rank_k_identification(
    probes: npt.ArrayLike,
    gallery: npt.ArrayLike,
    probe_ids: npt.ArrayLike,
    gallery_ids: npt.ArrayLike,
    ks: Sequence[int] = (1, 5),
) -> dict[int, float]:
    """Share of probes, in [0, 1], with their person among the K most similar gallery entries, for each K.

    Shapes: embeddings probes (Q, D) and gallery (G, D), compared by cosine, ids (Q,) and (G,). The Q x G
    similarities are computed block by block. Source: the cumulative match curve, Phillips et al. 2000
    (FERET).

    Raises:
        InputError: shapes that do not fit, NaN, a K below 1, or a probe whose person is not in the gallery.

    The second probe is nearer to bob than to ann:

    >>> probes, gallery = np.array([[1.0, 0.1], [0.4, 0.9]]), np.eye(2)
    >>> rank_k_identification(probes, gallery, ["ann", "ann"], ["ann", "bob"], ks=(1, 2))
    {1: 0.5, 2: 1.0}
    """
    require_counts(ks, "k of rank-k identification")
    ranks = first_mate_ranks_of_embeddings(probes, gallery, probe_ids, gallery_ids)
    return {k: float(np.mean(ranks <= k)) for k in ks}


def first_mate_ranks_of_embeddings(
    probes: npt.ArrayLike, gallery: npt.ArrayLike, probe_ids: npt.ArrayLike, gallery_ids: npt.ArrayLike
) -> IntArray:
    """`first_mate_ranks` of the cosine similarities of embeddings (Q, D) and (G, D), never held as a whole.

    Raises:
        InputError: as `rank_k_identification`.

    >>> first_mate_ranks_of_embeddings(np.array([[4.0, 9.0]]), np.eye(2), [7], [7, 8]).tolist()
    [2]
    """
    probes_QD, gallery_GD = as_numbers(probes, "probes"), as_numbers(gallery, "gallery")
    if probes_QD.ndim != 2 or gallery_GD.ndim != 2 or probes_QD.shape[1] != gallery_GD.shape[1]:
        raise InputError(
            f"embeddings must be (Q, D) and (G, D), got {probes_QD.shape} and {gallery_GD.shape}"
        )
    directions_DG = normalized(gallery_GD).T
    return _ranks_by_block(
        lambda rows: normalized(probes_QD[rows]) @ directions_DG,
        (len(probes_QD), len(gallery_GD)),
        probe_ids,
        gallery_ids,
    )


def first_mate_ranks(
    similarity: npt.ArrayLike, probe_ids: npt.ArrayLike, gallery_ids: npt.ArrayLike
) -> IntArray:
    """Rank (Q,) of each probe's most similar entry of the right person, 1 = first.

    Shapes: similarity (Q, G), which may be a memory map, ids (Q,) and (G,). Entries are counted, not people;
    a tie with somebody else counts as lost.

    Raises:
        InputError: shapes that do not fit, NaN, or a probe whose person is not in the gallery.

    >>> first_mate_ranks(np.array([[0.9, 0.5, 0.7], [0.2, 0.6, 0.6]]), ["b", "c"], ["a", "b", "c"]).tolist()
    [3, 2]
    """
    table = as_numbers(similarity, "similarity")
    if table.ndim != 2:
        raise InputError(f"similarity must be a table (probes, gallery), got shape {table.shape}")
    num_probes, num_entries = table.shape
    return _ranks_by_block(
        lambda rows: np.asarray(table[rows]), (num_probes, num_entries), probe_ids, gallery_ids
    )


def dir_at_fpir(
    best_scores: npt.ArrayLike, is_correct: npt.ArrayLike, is_enrolled: npt.ArrayLike, fpir: float
) -> DirAtFpir:
    """The largest share of enrolled probes accepted and named rightly, with FPIR at most `fpir`.

    FPIR is the share of probes of unknown people that are accepted. Shapes: (Q,) each: score of the best
    match in [-inf, inf], whether it names the right person, whether the person is in the gallery. Nothing
    is interpolated. Source: Grother and Ngan, NIST FRVT 1:N; ISO/IEC 19795-1.

    Raises:
        InputError: lengths differ, NaN, flags other than 0 and 1, a right match of a person who is not
            enrolled, no enrolled or no unknown probes, or a `fpir` outside [0, 1].

    One of two unknown probes may pass, so 0.65 but not 0.5; of three enrolled 0.7 and 0.6 are named rightly:

    >>> dir_at_fpir([0.9, 0.7, 0.6, 0.65, 0.5], [0, 1, 1, 0, 0], [1, 1, 1, 0, 0], fpir=0.5)
    DirAtFpir(rate=0.6666666666666666, threshold=0.6, fpir=0.5)
    """
    require_share(fpir, "fpir")
    scores, correct, enrolled = _probe_columns(best_scores, is_correct, is_enrolled)
    if enrolled.all() or not enrolled.any():
        raise InputError(
            f"open-set identification needs enrolled and unknown probes, got {int(enrolled.sum())} "
            f"and {int((~enrolled).sum())}"
        )
    unknown = scores[~enrolled]
    refused = SortedScores.of(unknown).highest_refused(fpir)
    threshold = lowest_acceptable(np.sort(scores[correct]), refused)
    hits = int(np.count_nonzero(scores[correct] >= threshold))
    false_alarms = int(np.count_nonzero(unknown >= threshold))
    return DirAtFpir(hits / int(enrolled.sum()), threshold, false_alarms / len(unknown))


def gallery_accuracy(
    best_scores: npt.ArrayLike, is_correct: npt.ArrayLike, has_match: npt.ArrayLike, threshold: float
) -> float:
    """Share of probes, in [0, 1], that get the right answer when scores below the threshold mean "no match".

    Shapes: (Q,) each: score of the best match, whether it names the right person, whether there is one.

    Raises:
        InputError: lengths differ, NaN, flags other than 0 and 1, or a right match where there is none.

    0.9 is named rightly and 0.3 has no match; 0.4 falls below the threshold though its name is right:

    >>> gallery_accuracy([0.9, 0.4, 0.3], [1, 1, 0], [1, 1, 0], threshold=0.5)
    0.6666666666666666
    """
    threshold = as_threshold(threshold)
    scores, correct, matched = _probe_columns(best_scores, is_correct, has_match)
    return float(np.mean(np.where(scores >= threshold, correct, ~matched)))


def best_gallery_threshold(
    best_scores: npt.ArrayLike, is_correct: npt.ArrayLike, has_match: npt.ArrayLike
) -> GalleryThreshold:
    """The threshold of `gallery_accuracy` with the highest accuracy of all, and the accuracy at each.

    Shapes: (Q,) each: score of the best match, whether it names the right person, whether there is one. The
    thresholds lie in the middle between neighbouring scores, from -inf (answer always) to inf (never); of
    equally good ones the middle one is chosen.

    Raises:
        InputError: lengths differ, NaN, flags other than 0 and 1, or a right match where there is none.

    Between 0.25 (no match) and 0.5 (named rightly) all three are right:

    >>> best = best_gallery_threshold([0.9, 0.5, 0.25], [1, 1, 0], [1, 1, 0])
    >>> best.threshold, best.accuracy
    (0.375, 1.0)
    """
    scores, correct, matched = _probe_columns(best_scores, is_correct, has_match)
    curve = accuracy_curve(scores, right_if_accepted=correct, right_if_rejected=~matched)
    return GalleryThreshold(
        threshold=float(curve.thresholds[curve.best]),
        accuracy=float(curve.accuracies[curve.best]),
        thresholds=curve.thresholds,
        accuracies=curve.accuracies,
    )


def map_at_k(predictions: npt.ArrayLike, truth: npt.ArrayLike, k: int = 5) -> float:
    """Mean over probes of 1 / position of the true label among the first K predictions, 0 if absent.

    That is the mean average precision where one label is right, as in "Happywhale" (K = 5); a label that is
    repeated counts at its first place. Shapes: predictions (Q, at least K) of labels, best first, truth (Q,).

    Raises:
        InputError: shapes that do not fit, or fewer than K predictions.

    First place, third place, absent: (1 + 1/3 + 0) / 3 = 4/9.

    >>> round(map_at_k(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), [1, 6, 0], k=3), 6)
    0.444444
    """
    table, labels = as_array(predictions, "predictions"), as_ids(truth, "truth")
    require_whole(k, "k")
    if table.ndim != 2 or not 1 <= k <= table.shape[1]:
        raise InputError(f"predictions must be (probes, at least k = {k} labels), got shape {table.shape}")
    require_same_length(table, labels, "predictions and truth")
    is_text = [each.dtype.kind in "US" for each in (table, labels) if each.dtype != object]
    if is_text in ([True, False], [False, True]):
        kinds = f"{table.dtype} and {labels.dtype}"
        raise InputError(f"predictions and truth must be labels of one kind, got {kinds}")
    is_hit_QK = table[:, :k] == labels[:, None]
    return float(np.mean(np.where(is_hit_QK.any(axis=1), 1 / (is_hit_QK.argmax(axis=1) + 1), 0.0)))


def _ranks_by_block(
    similarity_of: Callable[[slice], npt.NDArray[Any]],
    shape: tuple[int, int],
    probe_ids: npt.ArrayLike,
    gallery_ids: npt.ArrayLike,
) -> IntArray:
    probes, gallery = as_ids(probe_ids, "probe_ids"), as_ids(gallery_ids, "gallery_ids")
    if (len(probes), len(gallery)) != shape:
        raise InputError(f"{shape} probes and gallery entries, but {(len(probes), len(gallery))} ids")
    absent = ~np.isin(probes, gallery)
    if absent.any():
        first = str(probes[absent.argmax()])
        raise InputError(
            naming_first(int(absent.sum()), len(probes), "probe", "are not in the gallery", first)
        )
    codes = np.unique(np.concatenate([probes, gallery]), return_inverse=True)[1].astype(np.int64)
    probe_people, gallery_people = codes[: len(probes)], codes[len(probes) :]
    ranks = np.empty(shape[0], np.int64)
    for rows in row_blocks(shape[0], 4 * shape[1]):
        similarity_BG = similarity_of(rows)
        if np.isnan(similarity_BG).any():
            raise InputError(f"similarities must not be NaN, got NaN in rows {rows.start}..{rows.stop - 1}")
        is_mate_BG = probe_people[rows, None] == gallery_people
        first_mate_B1 = np.where(is_mate_BG, similarity_BG, -np.inf).max(axis=1, keepdims=True)
        ranks[rows] = 1 + np.count_nonzero((similarity_BG >= first_mate_B1) & ~is_mate_BG, axis=1)
    return ranks


def _probe_columns(
    best_scores: npt.ArrayLike, is_correct: npt.ArrayLike, has_match: npt.ArrayLike
) -> tuple[FloatArray, BoolArray, BoolArray]:
    scores = as_scores(best_scores, "best_scores")
    correct, matched = as_flags(is_correct, "is_correct"), as_flags(has_match, "has_match")
    require_same_length(scores, correct, "best_scores and is_correct")
    require_same_length(scores, matched, "best_scores and has_match")
    impossible = correct & ~matched
    if impossible.any():
        first = f"position {int(impossible.argmax())}"
        raise InputError(
            naming_first(
                int(impossible.sum()), len(scores), "probe", "are right without having a match", first
            )
        )
    return scores, correct, matched
