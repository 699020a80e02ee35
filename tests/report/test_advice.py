"""Each rule fires beyond its threshold, is silent below it, and names its evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.report import advice
from kaggle_face.report.evidence import Curve, Evidence, Shift

QUIET = Evidence(RunFolder(Path("runs/demo/main")), num_runs=2, has_blend=True)
RISING = Curve(0, scores=(0.1, 0.2, 0.3, 0.4, 0.5))
FLAT = Curve(0, scores=(0.1, 0.4, 0.5, 0.5, 0.505))
OVERFITTED = Curve(1, log_losses=(1.0, 0.5, 0.6), train_accuracy=0.95, held_out_accuracy=0.7)
CASES: dict[str, tuple[advice.Rule, dict[str, Any], dict[str, Any], str]] = {
    "disagree": (
        advice.scores_disagree,
        {"agreement": 0.49, "num_uploads": 4},
        {"agreement": 0.5, "num_uploads": 4},
        "0.49 over 4 uploads",
    ),
    "too few uploads": (
        advice.scores_disagree,
        {"agreement": -1.0, "num_uploads": 4},
        {"agreement": -1.0, "num_uploads": 3},
        "-1.00",
    ),
    # Folds 0, 1, 2 have mean 0.8 and deviation 0.01, so fold 3's own error of 0.02 decides.
    "outlying fold": (
        advice.fold_is_outlying,
        {"metric": "accuracy", "fold_values": {0: 0.79, 1: 0.8, 2: 0.81, 3: 0.73}, "fold_errors": {3: 0.02}},
        {"metric": "accuracy", "fold_values": {0: 0.79, 1: 0.8, 2: 0.81, 3: 0.75}, "fold_errors": {3: 0.02}},
        "0.7300 there and 0.8000 on the others, 3.5 standard errors",
    ),
    "label noise": (
        advice.labels_are_noisy,
        {"num_images": 1000, "num_doubtful": 5, "accuracy": 0.9},
        {"num_images": 1000, "num_doubtful": 4, "accuracy": 0.9},
        "5 of 1,000 held-out images (0.5%)",
    ),
    "label noise of a poor network": (
        advice.labels_are_noisy,
        {"num_images": 1000, "num_doubtful": 41, "accuracy": 0.8},
        {"num_images": 1000, "num_doubtful": 41, "accuracy": 0.79},
        "41 of 1,000",
    ),
    "darker": (
        advice.brightness_shifted,
        {"brightness": Shift(0.5, 0.1, 0.46)},
        {"brightness": Shift(0.5, 0.1, 0.48)},
        "mean brightness 0.46 against 0.50, 0.4 deviations",
    ),
    "blurred": (
        advice.sharpness_shifted,
        {"sharpness": Shift(30.0, 10.0, 25.0)},
        {"sharpness": Shift(30.0, 10.0, 28.0)},
        "25.0 against 30.0, 0.5 deviations",
    ),
    "copies": (
        advice.test_copies_training,
        {"num_copies": 5, "num_test_pictures": 1000},
        {"num_copies": 4, "num_test_pictures": 1000},
        "5 of 1,000 test pictures",
    ),
    "overfitting": (
        advice.training_overfits,
        {"curves": (OVERFITTED,)},
        {"curves": (replace(OVERFITTED, log_losses=(1.0, 0.5, 0.52)),)},
        "rose by 20% after epoch 2 of 3, and training accuracy is 25% above",
    ),
    "a loss that rises without a gap": (
        advice.training_overfits,
        {"curves": (OVERFITTED,)},
        {"curves": (replace(OVERFITTED, train_accuracy=0.75),)},
        "fold 1",
    ),
    "still rising": (
        advice.training_still_rises,
        {"curves": (RISING,)},
        {"curves": (FLAT,)},
        "rose by 0.100",
    ),
    "still rising after two measured epochs": (
        advice.training_still_rises,
        {"curves": (Curve(0, scores=(0.348, 0.359)),)},
        {"curves": (Curve(0, scores=(0.359,)),)},
        "last fifth of the measured epochs the held-out score rose by 0.011",
    ),
    "unbalanced": (
        advice.classes_are_unbalanced,
        {"class_sizes": (50, *[20] * 8, 10), "accuracy_frequent": 0.9, "accuracy_rare": 0.84},
        {"class_sizes": (49, *[20] * 8, 10), "accuracy_frequent": 0.9, "accuracy_rare": 0.84},
        "5 times the training images of the smallest, and accuracy is 84.0%",
    ),
    "few identities": (
        advice.mistakes_are_concentrated,
        {"weakest": ("a", "b"), "weakest_share": 0.3, "num_mistakes": 20},
        {"weakest": ("a", "b"), "weakest_share": 0.29, "num_mistakes": 20},
        "2 identities make 30% of 20 mistakes (the first: a, b)",
    ),
    "folds": (
        advice.folds_are_missing,
        {"finished_folds": 2, "planned_folds": 5},
        {"finished_folds": 5, "planned_folds": 5},
        "2 of 5 folds",
    ),
    "strict threshold": (
        advice.threshold_is_strict,
        {"refused_genuine": 0.977, "threshold_rule": "fpr=0.001"},
        {"refused_genuine": 0.49, "threshold_rule": "fpr=0.001"},
        "'fpr=0.001' 97.7% of genuine pairs are refused",
    ),
    "calibration": (
        advice.confidence_misleads,
        {"calibration_error": 0.1},
        {"calibration_error": 0.09},
        "0.100",
    ),
    "interval": (advice.interval_is_wide, {"half_width": 0.05}, {"half_width": 0.049}, "+-0.050"),
    "cut-off": (
        advice.cutoff_is_ahead,
        {"next_cutoff": ("high", 0.9, 0.02), "half_width": 0.03},
        {"next_cutoff": None},
        "0.0200 is missing, inside the score's interval",
    ),
    "blend": (
        advice.blend_is_missing,
        {"has_blend": False, "finished_folds": 2},
        {"has_blend": True, "finished_folds": 2},
        "2 folds are finished",
    ),
    "one backbone": (advice.backbones_are_alike, {"num_runs": 1}, {"num_runs": 2}, "one run"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_fires_at_its_threshold_and_not_below(case: str) -> None:
    rule, beyond, below, words = CASES[case]
    step = rule(replace(QUIET, **beyond))
    assert step is not None and words in f"{step.title} {step.evidence}"
    assert rule(replace(QUIET, **below)) is None


def test_every_rule_is_tried_on_a_case_and_silent_without_evidence() -> None:
    assert {rule for rule, *_ in CASES.values()} == set(advice.RULES)
    assert advice.advise(QUIET) == ((), len(advice.RULES))


def test_the_three_most_urgent_steps_are_shown_in_the_order_of_the_rules() -> None:
    found = replace(
        QUIET,
        half_width=0.2,
        calibration_error=0.3,
        brightness=Shift(0.5, 0.1, 0.3),
        agreement=0.0,
        num_uploads=9,
    )
    steps, _ = advice.advise(found)
    assert [step.anchor for step in steps] == ["leaderboard", "shift", "calibration"]
    assert "darker" in steps[1].title


def test_a_step_names_a_command_of_its_run() -> None:
    step = advice.labels_are_noisy(replace(QUIET, num_images=100, num_doubtful=9, accuracy=0.9))
    assert step is not None and step.command == "kaggle-face check --labels main -c demo"
