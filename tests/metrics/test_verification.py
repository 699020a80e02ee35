from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from kaggle_face.errors import InputError
from kaggle_face.metrics import threads, verification
from kaggle_face.metrics.trials import SortedTrials, sort_trials
from kaggle_face.metrics.verification import (
    equal_error_rate,
    error_rates,
    roc_auc,
    roc_points,
    tpr_at_fpr,
    verification_accuracy,
    verification_summary,
)

Trials = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]
DECIMALS = pytest.mark.parametrize("decimals", [None, 2, 1, 0])
SEEDS = pytest.mark.parametrize("seed", range(6))


def scored_pairs(seed: int, decimals: int | None = None, num_pairs: int = 700) -> Trials:
    """Pairs of both kinds; few decimals make ties within and across the kinds."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(num_pairs) < 0.1 + 0.15 * seed).astype(np.int64)
    scores = rng.normal(size=num_pairs) + labels * rng.uniform(0, 3)
    return (scores if decimals is None else np.round(scores, decimals)), labels


def recipe_eer(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """The recipe that people use with scikit-learn, with the tolerance turned down."""
    fpr, tpr, _ = roc_curve(labels, scores)
    curve = interp1d(fpr, tpr)
    return float(brentq(lambda x: 1.0 - x - curve(x), 0.0, 1.0, xtol=1e-15))


def exact_eer(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Fraction:
    """The same crossing in rational numbers, vertex by vertex."""
    num_same, num_different = int(labels.sum()), int((1 - labels).sum())
    before = (Fraction(0), Fraction(1))
    for threshold in sorted(set(scores.tolist()), reverse=True):
        fpr = Fraction(int(((scores >= threshold) & (labels == 0)).sum()), num_different)
        fnr = Fraction(int(((scores < threshold) & (labels == 1)).sum()), num_same)
        if fpr >= fnr:
            gap_before, gap = before[1] - before[0], fpr - fnr
            return before[0] + (fpr - before[0]) * gap_before / (gap_before + gap)
        before = (fpr, fnr)
    raise AssertionError


@DECIMALS
@SEEDS
def test_eer_equals_the_scikit_learn_recipe(seed: int, decimals: int | None) -> None:
    scores, labels = scored_pairs(seed, decimals)
    assert equal_error_rate(scores, labels).eer == pytest.approx(recipe_eer(scores, labels), abs=1e-12)


@DECIMALS
@SEEDS
def test_eer_is_the_rational_crossing_correctly_rounded(seed: int, decimals: int | None) -> None:
    scores, labels = scored_pairs(seed, decimals, num_pairs=80)
    assert equal_error_rate(scores, labels).eer == float(exact_eer(scores, labels))


@DECIMALS
@SEEDS
def test_eer_threshold_decides_with_the_rates_that_stand_beside_it(seed: int, decimals: int | None) -> None:
    scores, labels = scored_pairs(seed, decimals)
    found = equal_error_rate(scores, labels)
    accepted = scores >= found.threshold
    assert found.fpr == accepted[labels == 0].mean()
    assert found.fnr == pytest.approx(1 - accepted[labels == 1].mean(), abs=1e-12)


@DECIMALS
@SEEDS
def test_no_other_observed_threshold_has_closer_error_rates(seed: int, decimals: int | None) -> None:
    scores, labels = scored_pairs(seed, decimals, num_pairs=80)
    found = equal_error_rate(scores, labels)
    gaps = [abs(np.subtract(*error_rates(scores, labels, threshold))) for threshold in scores]
    assert abs(found.fpr - found.fnr) == pytest.approx(min(gaps), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "labels", "eer"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.0),  # separable
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 1.0),  # separable the wrong way round
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], 0.5),  # one vertex between (0, 0) and (1, 1)
        ([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], 0.25),  # from (0, 1/2) straight to (1/2, 1): x = 1/2 - x
        ([0.9, 0.5, 0.6], [1, 1, 0], 0.5),  # the horizontal piece at TPR = 1/2
        ([0.9, 0.5, 0.6, 0.4, 0.3, 0.2], [0, 1, 1, 0, 0, 0], 0.25),  # the vertical piece at FPR = 1/4
        ([np.inf, 1.0, 2.0, -np.inf], [1, 1, 0, 0], 0.5),
        ([-np.inf, -np.inf, 3.0], [1, 0, 1], 1 / 3),  # from (0, 1/2) to (1, 1): 1 - x = 1/2 + x/2
    ],
)
def test_eer_of_hand_drawn_curves(scores: list[float], labels: list[int], eer: float) -> None:
    assert equal_error_rate(scores, labels).eer == eer


@SEEDS
def test_eer_stays_when_a_growing_function_is_applied(seed: int) -> None:
    scores, labels = scored_pairs(seed, 1)
    changed = np.exp(scores / 3) - 100
    assert equal_error_rate(changed, labels).eer == equal_error_rate(scores, labels).eer


@SEEDS
def test_eer_stays_when_scores_and_labels_are_both_turned_round(seed: int) -> None:
    scores, labels = scored_pairs(seed, 1)
    assert equal_error_rate(-scores, 1 - labels).eer == pytest.approx(
        equal_error_rate(scores, labels).eer, abs=1e-12
    )


def test_all_metrics_stay_when_pairs_change_their_order() -> None:
    scores, labels = scored_pairs(2, 1)
    order = np.random.default_rng(0).permutation(len(scores))
    assert verification_summary(scores[order], labels[order]) == verification_summary(scores, labels)
    assert equal_error_rate(scores[order], labels[order]) == equal_error_rate(scores, labels)


def many_scores(
    decimals: int | None, same_share: float, dtype: type[np.floating]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Genuine and impostor scores of enough pairs that not all of them need be sorted."""
    rng = np.random.default_rng(7)
    labels = rng.random(300_000) < same_share
    scores = (rng.normal(size=300_000) + 2 * labels).astype(dtype)
    scores = scores if decimals is None else np.round(scores, decimals)
    return scores[labels], scores[~labels]


@pytest.mark.parametrize("decimals", [None, 3, 1, 0])
@pytest.mark.parametrize("same_share", [0.5, 0.01])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_narrowing_to_the_crossing_gives_the_same_bits_as_sorting_all(
    decimals: int | None, same_share: float, dtype: type[np.floating]
) -> None:
    genuine, impostor = many_scores(decimals, same_share, dtype)
    narrowed = verification._narrowed_trials(genuine, impostor)
    assert narrowed is not None, "the shortcut was not taken"
    assert narrowed.equal_error_rate() == SortedTrials.of(genuine, impostor).equal_error_rate()


@pytest.mark.parametrize("decimals", [None, 3, 1, 0])
@pytest.mark.parametrize("same_share", [0.5, 0.01])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fpr", [0.0, 1e-3, 0.1])
def test_the_highest_impostors_give_the_same_tpr_as_sorting_all(
    decimals: int | None, same_share: float, dtype: type[np.floating], fpr: float
) -> None:
    genuine, impostor = many_scores(decimals, same_share, dtype)
    narrowed = verification._highest_trials(genuine, impostor, fpr)
    assert narrowed is not None, "the shortcut was not taken"
    assert narrowed.tpr_at_fpr(fpr) == SortedTrials.of(genuine, impostor).tpr_at_fpr(fpr)


@pytest.mark.parametrize("kind", ["separable", "reversed", "constant", "infinite"])
def test_large_trials_of_odd_shapes_equal_sorting_all(kind: str) -> None:
    rng = np.random.default_rng(8)
    labels, noise = np.arange(300_000) % 2, rng.random(300_000)
    scores = {
        "separable": labels + noise,
        "reversed": noise - labels,
        "constant": np.zeros(300_000),
        "infinite": np.where(noise < 0.3, np.where(labels == 1, np.inf, -np.inf), rng.random(300_000)),
    }[kind]
    trials = SortedTrials.of(scores[labels == 1], scores[labels == 0])
    assert equal_error_rate(scores, labels) == trials.equal_error_rate()
    for fpr in (0.0, 1e-3, 0.5):
        assert tpr_at_fpr(scores, labels, fpr) == trials.tpr_at_fpr(fpr)


def test_a_misleading_sample_is_found_out() -> None:
    labels = np.arange(400_000) % 2
    scores = np.random.default_rng(9).normal(size=400_000) + labels
    # of 200,000 scores of a class each third is in the sample, and all others lie far above
    scores[np.arange(400_000) // 2 % 3 != 0] += 100
    genuine, impostor = scores[labels == 1], scores[labels == 0]
    assert verification._crossing_bounds(genuine, impostor) is not None
    assert verification._narrowed_trials(genuine, impostor) is None
    assert equal_error_rate(scores, labels).threshold > 90


@DECIMALS
@SEEDS
def test_auc_equals_scikit_learn(seed: int, decimals: int | None) -> None:
    scores, labels = scored_pairs(seed, decimals)
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@SEEDS
def test_auc_is_the_share_of_couples_won(seed: int) -> None:
    scores, labels = scored_pairs(seed, 1, num_pairs=60)
    genuine, impostor = scores[labels == 1], scores[labels == 0]
    couples = np.sign(genuine[:, None] - impostor)
    assert roc_auc(scores, labels) == pytest.approx((1 + couples.mean()) / 2, abs=1e-12)


@SEEDS
def test_auc_of_turned_scores_is_the_rest(seed: int) -> None:
    scores, labels = scored_pairs(seed, 1)
    assert roc_auc(-scores, labels) == pytest.approx(1 - roc_auc(scores, labels), abs=1e-12)


@pytest.mark.parametrize("cores", [1, 2, 5])
@DECIMALS
def test_auc_of_many_pairs_is_the_same_on_any_number_of_cores(
    cores: int, decimals: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_cpus", lambda: cores)
    scores, labels = scored_pairs(3, decimals, num_pairs=threads.THREADS_FROM + 1)
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    everything = sort_trials(scores, labels)
    assert everything.roc_auc(everything.genuine_places()) == everything.roc_auc()
    ones = (np.ones(side.total, np.int64) for side in (everything.genuine, everything.impostor))
    assert everything.reweighted(*ones).roc_auc() == everything.roc_auc()


def test_auc_of_infinite_scores_ties_them() -> None:
    assert roc_auc([np.inf, np.inf, -np.inf], [1, 0, 0]) == 0.75


@pytest.mark.parametrize("fpr", [0.0, 0.001, 0.01, 0.1, 0.5, 1.0])
@DECIMALS
@SEEDS
def test_tpr_at_fpr_is_the_best_vertex_of_the_curve(seed: int, decimals: int | None, fpr: float) -> None:
    scores, labels = scored_pairs(seed, decimals)
    x, y, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert tpr_at_fpr(scores, labels, fpr).tpr == pytest.approx(y[x <= fpr].max(), abs=1e-12)


@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.1, 0.5, 1.0])
@DECIMALS
def test_the_threshold_of_tpr_at_fpr_keeps_its_promise(decimals: int | None, fpr: float) -> None:
    scores, labels = scored_pairs(3, decimals)
    found = tpr_at_fpr(scores, labels, fpr)
    rates = error_rates(scores, labels, found.threshold)
    assert rates.fpr <= fpr
    assert 1 - rates.fnr == pytest.approx(found.tpr, abs=1e-12)


def test_a_genuine_pair_tied_with_a_refused_impostor_is_refused() -> None:
    assert tpr_at_fpr([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0], fpr=0.49) == (0.5, 0.9)


def test_tpr_is_zero_at_inf_where_no_genuine_pair_may_pass() -> None:
    assert tpr_at_fpr([0.5, 0.9], [1, 0], fpr=0.0) == (0.0, math.inf)


def test_tpr_is_zero_at_nan_where_even_inf_would_let_impostors_pass() -> None:
    found = tpr_at_fpr([np.inf, np.inf], [1, 0], fpr=0.0)
    assert found.tpr == 0.0
    assert math.isnan(found.threshold)


@pytest.mark.parametrize("threshold", [-np.inf, -1.0, 0.0, 0.7, np.inf])
def test_error_rates_equal_those_of_the_sorted_trials(threshold: float) -> None:
    scores, labels = scored_pairs(4, 1)
    trials = SortedTrials.of(scores[labels == 1], scores[labels == 0])
    assert error_rates(scores, labels, threshold) == trials.error_rates(threshold)


@DECIMALS
def test_roc_points_equal_scikit_learn_where_they_fit(decimals: int | None) -> None:
    scores, labels = scored_pairs(1, decimals)
    points = roc_points(scores, labels)
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    assert points.fpr == pytest.approx(fpr, abs=1e-12)
    assert points.tpr == pytest.approx(tpr, abs=1e-12)
    assert (points.thresholds == thresholds).all()


@pytest.mark.parametrize("max_points", [4, 10, 100])
def test_a_thinned_roc_curve_keeps_its_ends_and_its_limit(max_points: int) -> None:
    scores, labels = scored_pairs(2, num_pairs=5000)
    points = roc_points(scores, labels, max_points)
    assert len(points.fpr) <= max_points
    assert (points.fpr[0], points.tpr[0], points.fpr[-1], points.tpr[-1]) == (0, 0, 1, 1)


def test_a_thinned_roc_curve_has_only_true_vertices() -> None:
    scores, labels = scored_pairs(2, num_pairs=5000)
    points = roc_points(scores, labels, 50)
    every = roc_points(scores, labels, 10_000)
    assert set(zip(points.fpr, points.tpr, strict=True)) <= set(zip(every.fpr, every.tpr, strict=True))


def test_a_thinned_roc_curve_reaches_the_lowest_fpr() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(20_000) % 2
    points = roc_points(rng.normal(size=20_000) + labels, labels, 100)
    assert points.fpr[points.fpr > 0].min() == 1 / 10_000


def test_fewer_than_four_roc_points_are_refused() -> None:
    with pytest.raises(InputError, match="max_points must be at least 4, got 3"):
        roc_points([0.1, 0.2], [0, 1], 3)


@SEEDS
def test_ten_fold_accuracy_equals_a_plain_loop(seed: int) -> None:
    scores, labels = scored_pairs(seed, 1, num_pairs=300)
    folds = np.random.default_rng(seed).permutation(np.arange(300) % 10)
    judged = verification_accuracy(scores, labels, folds)
    for fold in range(10):
        mine, others = folds == fold, folds != fold

        def accuracy(threshold: float, chosen: npt.NDArray[np.bool_]) -> float:
            return float(((scores[chosen] >= threshold) == labels[chosen]).mean())

        best = max(accuracy(t, others) for t in [*np.unique(scores), np.inf])
        assert accuracy(judged.thresholds[fold], others) == pytest.approx(best, abs=1e-12)
        assert judged.accuracies[fold] == pytest.approx(accuracy(judged.thresholds[fold], mine), abs=1e-12)


def test_ten_fold_mean_and_standard_error_are_those_of_the_folds() -> None:
    scores, labels = scored_pairs(2)
    judged = verification_accuracy(scores, labels, np.arange(700) % 10)
    mean = sum(judged.accuracies) / 10
    assert judged.mean == pytest.approx(mean, abs=1e-12)
    spread = math.sqrt(sum((a - mean) ** 2 for a in judged.accuracies) / 9)
    assert judged.standard_error == pytest.approx(spread / math.sqrt(10), abs=1e-12)


def test_folds_may_have_names_and_any_order() -> None:
    scores, labels = scored_pairs(5)
    numbers = np.arange(700) % 3
    named = verification_accuracy(scores[::-1], labels[::-1], np.array(["a", "b", "c"])[numbers][::-1])
    assert named.accuracies.tolist() == verification_accuracy(scores, labels, numbers).accuracies.tolist()


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match="at least two folds of pairs, got 1"):
        verification_accuracy([0.1, 0.9], [0, 1], [4, 4])


def test_the_summary_holds_the_single_metrics() -> None:
    scores, labels = scored_pairs(3)
    assert verification_summary(scores, labels) == {
        "eer": equal_error_rate(scores, labels).eer,
        "auc": roc_auc(scores, labels),
        "tpr@1e-2": tpr_at_fpr(scores, labels, 0.01).tpr,
        "tpr@1e-3": tpr_at_fpr(scores, labels, 0.001).tpr,
    }


@pytest.mark.parametrize("metric", [equal_error_rate, roc_auc, roc_points, verification_summary])
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, math.nan], [0, 1], "scores must not be NaN, got NaN at position 1"),
        ([0.1, 0.2], [0, 2], "is_same must be 0 or 1, got 2 at position 1"),
        ([0.1, 0.2], [0], "scores and is_same must have one length, got 2 and 1"),
        ([0.1, 0.2], [1, 1], "both kinds, got 2 of the same person and 0 of different people"),
        ([0.1, 0.2], [0, 0], "both kinds, got 0 of the same person and 2 of different people"),
    ],
)
def test_wrong_trials_are_refused_in_one_line(
    metric: Any, scores: list[float], labels: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        metric(scores, labels)
    assert "\n" not in str(caught.value)
