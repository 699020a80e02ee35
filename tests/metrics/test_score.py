from __future__ import annotations

import math
import pickle

import pytest

from kaggle_face.errors import ConfigError
from kaggle_face.metrics.score import MAX_LENGTH, parse_composite

METRICS = {"accuracy": 0.875, "eer": 0.25, "auc": 0.5, "tpr@1e-3": 0.125, "tpr@1e-2": 0.75}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("accuracy", 0.875),
        ("0.5*accuracy + 0.5*(1-eer)", 0.8125),  # (0.875 + 0.75) / 2
        ("-eer", -0.25),
        ("+eer - -auc", 0.75),
        ("1 - eer - auc", 0.25),  # from left to right
        ("accuracy / auc / eer", 7.0),
        ("1 - 2 * eer", 0.5),  # product first
        ("(1 - 2) * eer", -0.25),
        ("0.5*tpr@1e-3 + tpr@1e-2", 0.8125),
        (" accuracy\n  + eer ", 1.125),
    ],
)
def test_a_formula_is_evaluated_like_arithmetic(expression: str, value: float) -> None:
    assert parse_composite(expression).evaluate(METRICS) == value


def test_names_stand_once_and_in_their_order() -> None:
    assert parse_composite("eer*tpr@1e-3 + accuracy - eer").names == ("eer", "tpr@1e-3", "accuracy")


def test_a_nan_metric_makes_the_score_nan() -> None:
    assert math.isnan(parse_composite("0.5*eer + 1").evaluate({"eer": math.nan}))


def test_a_composite_survives_pickling() -> None:
    composite = parse_composite("1 - tpr@1e-3")
    assert pickle.loads(pickle.dumps(composite)).evaluate(METRICS) == 0.875


def test_metrics_that_are_not_needed_do_no_harm() -> None:
    assert parse_composite("eer").evaluate({"eer": 0.5, "other": math.nan}) == 0.5


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("__import__('os').system('true')", "__import__('os').system('true')"),
        ("accuracy.real", "accuracy.real"),
        ("1 + accuracy[0]", "accuracy[0]"),
        ("accuracy ** 2", "accuracy ** 2"),
        ("accuracy // 2", "accuracy // 2"),
        ("accuracy @ eer", "accuracy @ eer"),
        ("accuracy > eer", "accuracy > eer"),
        ("accuracy if eer else 1", "accuracy if eer else 1"),
        ("not accuracy", "not accuracy"),
        ("lambda: eer", "lambda: eer"),
        ("(x := eer)", "(x := eer)"),
        ("max(accuracy, eer)", "max(accuracy, eer)"),
        ("accuracy * True", "True"),
        ("accuracy * 'a'", "'a'"),
        ("accuracy * 2j", "2j"),
        ("accuracy * 1e999", "1e309"),
        ("accuracy, eer", "(accuracy, eer)"),
        ("0.5accuracy", "5accuracy"),
        ("accuracy + ) - tpr@1e-3", ") - tpr@1e-3"),
        ("tpr@1e-3(eer)", "tpr@1e-3(eer)"),
        ("accuracy*0x" + "f" * 280, str(int("f" * 280, 16))),
        ("1or 2", "1or 2"),
    ],
)
def test_whatever_is_not_arithmetic_is_refused_with_the_part(expression: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_composite(expression, METRICS)
    message = str(caught.value)
    assert message.startswith(f"the composite '{expression}' cannot be read at '{part}'")
    assert message.endswith("known metrics: accuracy, auc, eer, tpr@1e-2, tpr@1e-3")
    assert "\n" not in message


@pytest.mark.parametrize("expression", ["", "  ", "0.5*", "accuracy eer", "accuracy; eer", "(eer", "a\0b"])
def test_text_that_is_no_formula_is_refused(expression: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read at"):
        parse_composite(expression)


def test_a_formula_without_a_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the composite '1 \+ 1' names no metric"):
        parse_composite("1 + 1")


@pytest.mark.parametrize("nested", ["(" * 140 + "eer" + ")" * 140, "-" * 290 + "eer", "(" * 5000 + "eer"])
def test_deep_nesting_is_evaluated_or_refused_but_never_a_crash(nested: str) -> None:
    try:
        assert parse_composite(nested).evaluate(METRICS) == 0.25
    except ConfigError as refusal:
        assert f"at most {MAX_LENGTH}" in str(refusal)


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_composite("0.5*acuracy", ["accuracy", "eer"])
    assert str(caught.value) == (
        "the composite '0.5*acuracy' has the unknown metric 'acuracy'; did you mean 'accuracy'?"
        " known: accuracy, eer"
    )


def test_a_missing_metric_is_refused_when_evaluated() -> None:
    with pytest.raises(ConfigError, match=r"unknown metric 'tpr@1e-3'.* known: tpr@1e-2"):
        parse_composite("tpr@1e-3").evaluate({"tpr@1e-2": 0.5})


def test_a_value_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the composite '1e308\*accuracy\*100' is too large a number"):
        parse_composite("1e308*accuracy*100").evaluate({"accuracy": 0.5})


def test_a_division_by_zero_names_the_metrics() -> None:
    with pytest.raises(ConfigError, match=r"the composite '1/eer' divides by zero at eer = 0"):
        parse_composite("1/eer").evaluate({"eer": 0.0})
