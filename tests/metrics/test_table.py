from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import ConfigError, InputError
from kaggle_face.metrics.score import default_formula, is_higher_better, parse_composite
from kaggle_face.metrics.table import FORMULA_METRICS, METRICS, higher_is_better, title_of, verdict_of
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.metrics.verification import verification_summary


def test_errors_and_losses_are_better_when_lower() -> None:
    assert {name for name, metric in METRICS.items() if not metric.higher_is_better} == {"eer", "log_loss"}


def test_an_error_alone_is_better_when_lower() -> None:
    metrics = ("eer", "auc", "accuracy", "map@5", "0.5*accuracy + 0.5*(1-eer)")
    assert [higher_is_better(metric) for metric in metrics] == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("metric", "difference", "verdict"),
    [("eer", -0.02, "better"), ("eer", 0.02, "worse"), ("auc", 0.02, "better"), ("log_loss", 0.02, "worse")],
)
def test_a_difference_is_judged_in_the_direction_of_its_metric(
    metric: str, difference: float, verdict: str
) -> None:
    assert verdict_of(metric, difference, difference - 0.01, difference + 0.01) == verdict
    assert verdict_of(metric, difference, difference - 0.03, difference + 0.03) == "not more than noise"


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_perfect_predictions_are_at_least_as_good_as_all_others(metric: object) -> None:
    rng = np.random.default_rng(0)
    metric = METRICS[metric.name]
    labels = np.repeat(np.arange(6), 4)
    match metric.needs:
        case "labels":
            perfect: tuple[np.ndarray, ...] = (50.0 * np.eye(6)[labels], labels)
            other = (rng.normal(size=(24, 6)), labels)
        case "pairs":
            is_same = np.arange(200) % 2
            perfect, other = (is_same.astype(float), is_same), (rng.normal(size=200), is_same)
        case "gallery":
            ones = np.ones(10, np.int64)
            perfect, other = (np.ones(10), ones, ones), (np.ones(10), ones * 0, ones)
        case "people":
            perfect, other = (np.eye(6)[labels], labels), (rng.normal(size=(24, 8)), labels)
    assert metric.sign * metric(*perfect) > metric.sign * metric(*other)


def test_the_functions_of_pairs_give_what_the_summary_gives() -> None:
    rng = np.random.default_rng(1)
    scores, is_same = rng.normal(size=500), rng.integers(0, 2, 500)
    summary = verification_summary(scores, is_same)
    assert {name: METRICS[name](scores, is_same) for name in VERIFICATION_METRICS} == summary


def test_class_metrics_of_three_images() -> None:
    logits = np.array([[3.0, 2, 1], [2, 3, 1], [3, 2, 1]])  # the true classes rank first, second, third
    values = {name: METRICS[name](logits, [0, 0, 2]) for name in ("accuracy", "top5", "map@5")}
    assert values == pytest.approx({"accuracy": 1 / 3, "top5": 1.0, "map@5": (1 + 1 / 2 + 1 / 3) / 3})


def test_the_default_formula_is_the_mean_of_what_is_better_when_higher() -> None:
    assert default_formula("accuracy", "eer") == "0.5*accuracy + 0.5*(1-eer)"
    assert default_formula("accuracy") == "accuracy"
    assert default_formula("tpr@1e-2") == "tpr@1e-2"
    assert parse_composite(default_formula("accuracy", "tpr@1e-2")).evaluate(
        {"accuracy": 0.5, "tpr@1e-2": 0.25}
    ) == pytest.approx(0.375)


def test_a_formula_names_metrics_of_the_table_alone() -> None:
    with pytest.raises(ConfigError, match="did you mean 'auc'"):
        parse_composite("0.5*acu")
    assert "gallery accuracy" not in FORMULA_METRICS


def test_a_formula_is_its_own_title() -> None:
    assert (title_of("eer"), title_of("1-eer")) == ("EER", "1-eer")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("acuracy", "there is no metric 'acuracy'; did you mean 'accuracy'"),
        ("galery accuracy", "there is no metric 'galery accuracy'; did you mean 'gallery accuracy'"),
        (
            "0.5*acuracy + eer",
            "the composite '0.5*acuracy + eer' has the unknown metric 'acuracy'; did you mean",
        ),
        ("zzz", "the composite 'zzz' has the unknown metric 'zzz'; known: accuracy, auc, eer"),
        ("", "the composite '' cannot be read"),
    ],
)
def test_what_is_neither_a_metric_nor_a_formula_has_no_direction(name: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        is_higher_better(name)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_a_formula_takes_names_and_numbers() -> None:
    assert is_higher_better("1-eer") and not is_higher_better("eer")
    for known in ([1], "accuracy", {1: "accuracy"}, [None]):
        with pytest.raises(InputError, match="parse_composite"):
            parse_composite("accuracy", known)  # type: ignore[arg-type]
    for known in ({"accuracy"}, ["accuracy"], {"accuracy": 1}):
        assert parse_composite("accuracy", known).evaluate({"accuracy": np.float32(0.5)}) == 0.5
    for metrics in (None, {"accuracy": "high"}, {"accuracy": None}):
        with pytest.raises(InputError, match="must be a"):
            parse_composite("accuracy").evaluate(metrics)  # type: ignore[arg-type]
