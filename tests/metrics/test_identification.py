from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from kaggle_face.errors import InputError
from kaggle_face.metrics import inputs
from kaggle_face.metrics.identification import (
    best_gallery_threshold,
    dir_at_fpir,
    first_mate_ranks,
    first_mate_ranks_of_embeddings,
    gallery_accuracy,
    map_at_k,
    rank_k_identification,
)

SEEDS = pytest.mark.parametrize("seed", range(5))
Probes = tuple[npt.NDArray[Any], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


def probes_of_two_kinds(seed: int, num_probes: int = 120) -> Probes:
    """Best scores with ties, whether the name is right, whether the person is in the gallery."""
    rng = np.random.default_rng(seed)
    has_match = rng.random(num_probes) < 0.6
    is_correct = has_match & (rng.random(num_probes) < 0.8)
    return np.round(rng.normal(size=num_probes) + is_correct, 1), is_correct, has_match


@SEEDS
@pytest.mark.parametrize("block_bytes", [1, 1 << 22])
def test_ranks_equal_a_loop_over_sorted_entries(
    seed: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(seed)
    similarity = rng.permutation(30 * 20).reshape(30, 20).astype(np.float32)
    gallery = rng.permutation(np.arange(20) % 7)  # several entries of each person
    probes = rng.integers(7, size=30)
    expected = [
        [int(p) for p in gallery[np.argsort(-row)]].index(int(probe)) + 1
        for row, probe in zip(similarity, probes, strict=True)
    ]
    assert first_mate_ranks(similarity, probes, gallery).tolist() == expected


def test_a_tie_with_somebody_else_is_lost() -> None:
    assert first_mate_ranks(np.array([[0.5, 0.5, 0.5]]), ["b"], ["a", "b", "b"]).tolist() == [2]


def test_an_infinitely_unlike_mate_comes_last() -> None:
    assert first_mate_ranks(np.array([[0.5, -np.inf, 0.1]]), ["b"], ["a", "b", "c"]).tolist() == [3]


@SEEDS
def test_embeddings_are_compared_by_cosine(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probes, gallery = rng.normal(size=(25, 6)), rng.normal(size=(15, 6)) * rng.uniform(0.1, 10, size=(15, 1))
    people, known = rng.integers(15, size=25), np.arange(15)
    cosine = probes @ gallery.T / np.outer(np.linalg.norm(probes, axis=1), np.linalg.norm(gallery, axis=1))
    found = first_mate_ranks_of_embeddings(probes, gallery, people, known)
    assert found.tolist() == first_mate_ranks(cosine, people, known).tolist()


def test_an_embedding_of_zeros_is_like_nobody() -> None:
    # its cosine is 0 with both, and a tie is lost
    assert rank_k_identification(np.zeros((1, 2)), np.eye(2), [0], [0, 1], ks=(1, 2)) == {1: 0.0, 2: 1.0}


def test_rank_k_identification_reaches_one_at_the_size_of_the_gallery() -> None:
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(40, 5)), rng.normal(size=(9, 5))
    found = rank_k_identification(probes, gallery, np.arange(40) % 9, np.arange(9), ks=range(1, 10))
    assert list(found.values()) == sorted(found.values())
    assert found[9] == 1.0


@pytest.mark.parametrize(
    ("probe_ids", "gallery_ids", "message"),
    [
        (["a", "z"], ["a", "b", "c"], "1 of 2 probes is not in the gallery, first: z"),
        (["a"], ["a", "b", "c"], r"\(2, 3\) probes and gallery entries, but \(1, 3\) ids"),
    ],
)
def test_probes_that_do_not_fit_the_gallery_are_refused(
    probe_ids: list[str], gallery_ids: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        first_mate_ranks(np.zeros((2, 3)), probe_ids, gallery_ids)


def test_a_row_of_similarities_is_no_table() -> None:
    with pytest.raises(InputError, match=r"must be a table \(probes, gallery\), got shape \(3,\)"):
        first_mate_ranks(np.zeros(3), ["a"], ["a", "b", "c"])


def test_the_first_rank_is_one() -> None:
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        rank_k_identification(np.eye(2), np.eye(2), [0, 1], [0, 1], ks=(1, 0))


def test_nan_similarities_are_refused() -> None:
    with pytest.raises(InputError, match=r"similarities must not be NaN, got NaN in rows 0..0"):
        first_mate_ranks(np.array([[math.nan, 1.0]]), [0], [0, 1])


def test_embeddings_of_two_sizes_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(Q, D\) and \(G, D\), got \(1, 2\) and \(1, 3\)"):
        rank_k_identification(np.zeros((1, 2)), np.zeros((1, 3)), [0], [0])


@pytest.mark.parametrize("shapes", [((2, 2, 2), (2, 2)), ((2, 2), (2, 2, 2)), ((2,), (2, 2))])
def test_embeddings_that_are_no_table_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    probes, gallery = map(np.zeros, shapes)
    with pytest.raises(InputError, match=r"embeddings must be \(Q, D\) and \(G, D\)"):
        rank_k_identification(probes, gallery, [0, 1], [0, 1])


@SEEDS
@pytest.mark.parametrize("fpir", [0.0, 0.01, 0.1, 0.3, 1.0])
def test_detection_and_identification_is_the_best_of_all_thresholds(seed: int, fpir: float) -> None:
    scores, is_correct, is_enrolled = probes_of_two_kinds(seed)
    best = 0.0
    for threshold in [*scores, np.inf]:
        if (scores[~is_enrolled] >= threshold).mean() <= fpir:
            best = max(best, ((scores >= threshold) & is_correct).sum() / is_enrolled.sum())
    found = dir_at_fpir(scores, is_correct, is_enrolled, fpir)
    assert found.rate == pytest.approx(best, abs=1e-12)
    assert found.fpir == (scores[~is_enrolled] >= found.threshold).mean() <= fpir


def test_detection_rate_is_zero_where_no_name_is_right() -> None:
    found = dir_at_fpir([0.9, 0.1], [0, 0], [1, 0], fpir=0.0)
    assert (found.rate, found.threshold, found.fpir) == (0.0, math.inf, 0.0)


def test_open_set_without_unknown_probes_is_refused() -> None:
    with pytest.raises(InputError, match="needs enrolled and unknown probes, got 2 and 0"):
        dir_at_fpir([0.9, 0.1], [1, 1], [1, 1], fpir=0.1)


@SEEDS
def test_the_best_gallery_threshold_beats_every_other(seed: int) -> None:
    probes = probes_of_two_kinds(seed)
    best = best_gallery_threshold(*probes)
    candidates = [gallery_accuracy(*probes, threshold=t) for t in [*probes[0], np.inf]]
    assert best.accuracy == pytest.approx(max(candidates), abs=1e-12)
    assert gallery_accuracy(*probes, threshold=best.threshold) == pytest.approx(best.accuracy, abs=1e-12)


@SEEDS
def test_the_curve_of_the_gallery_threshold_shows_every_accuracy(seed: int) -> None:
    probes = probes_of_two_kinds(seed)
    best = best_gallery_threshold(*probes)
    again = [gallery_accuracy(*probes, threshold=t) for t in best.thresholds]
    assert best.accuracies == pytest.approx(again, abs=1e-12)


def test_where_everybody_has_a_match_every_probe_is_answered() -> None:
    # -inf rather than 0.1: a lower score on the test set is answered too
    best = best_gallery_threshold([0.9, 0.2, 0.1], [1, 1, 1], [1, 1, 1])
    assert (best.threshold, best.accuracy) == (-math.inf, 1.0)


def test_where_nobody_has_a_match_no_probe_is_answered() -> None:
    best = best_gallery_threshold([0.9, 0.2], [0, 0], [0, 0])
    assert (best.threshold, best.accuracy) == (math.inf, 1.0)


def test_a_score_at_the_threshold_is_answered() -> None:
    assert gallery_accuracy([0.5], [1], [1], threshold=0.5) == 1.0


def test_a_right_answer_without_a_match_is_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 probes is right without having a match, first: position 1"):
        best_gallery_threshold([0.9, 0.2], [1, 1], [1, 0])


@SEEDS
def test_map_over_all_labels_equals_scikit_learn_ranking_precision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.normal(size=(50, 8)), rng.integers(8, size=50)
    expected = label_ranking_average_precision_score(np.eye(8)[truth], scores)
    assert map_at_k(np.argsort(-scores, axis=1), truth, k=8) == pytest.approx(expected, abs=1e-12)


def test_map_at_five_of_names_counts_the_first_five_places() -> None:
    rows = np.array([["w1", "w2", "w3", "w4", "new", "w9"], ["w5", "w5", "w6", "w7", "w8", "w9"]])
    # "new" at place 5 gives 1/5, "w9" at place 6 nothing
    assert map_at_k(rows, ["new", "w9"], k=5) == pytest.approx(0.1, abs=1e-12)


def test_map_at_one_is_the_accuracy() -> None:
    assert map_at_k(np.array([[4, 7], [7, 4], [4, 4], [7, 7]]), [4, 4, 4, 4], k=1) == 0.5


def test_a_repeated_label_counts_at_its_first_place() -> None:
    assert map_at_k(np.array([[4, 7, 7]]), [7], k=3) == 0.5


def test_map_needs_k_predictions() -> None:
    with pytest.raises(InputError, match=r"at least k = 5 labels\), got shape \(1, 3\)"):
        map_at_k(np.array([[1, 2, 3]]), [1])
