"""`kaggle-face evaluate`: all metrics of runs with intervals, runs compared, and their thresholds."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import (
    DEFAULT_RUN,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.hints import settings_given_as

if TYPE_CHECKING:
    from kaggle_face.pipeline.evaluate import TaskEvaluation


def add_arguments_evaluate(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `evaluate`."""
    add_folds_argument(parser, "folds to measure (default: all finished)")
    add_checkpoints_argument(parser, "best_cls for classification, best_ver for verification")
    parser.add_argument(
        "--fpr",
        type=rates,
        metavar="RATE,...",
        help="false positive rates to find a threshold for (default: 0.01,0.001)",
    )
    add_config_arguments(parser, "RUN", f"runs ({DEFAULT_RUN}), and settings as key=value")


def run_evaluate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the metrics of each run, its thresholds, and its difference from the first run."""
    from kaggle_face.artifacts.run_choice import find_named_run, split_runs_and_overrides
    from kaggle_face.config import load_config

    places = [word for word in arguments.overrides if word.startswith("paths.")]
    plain = load_config(arguments.config, places)
    names, overrides = split_runs_and_overrides(
        arguments.overrides, Path(plain.config.paths.runs), plain.name
    )
    loaded = load_config(arguments.config, overrides)
    # A run that is called like a setting is none of the settings of this call.
    with settings_given_as(arguments.config, overrides):
        wanted: list[str | None] = [*names] or [None]
        runs = [find_named_run(loaded, name, terminal.log, "evaluate") for name in wanted]
        from kaggle_face.inference.labelled_test import TestAccuracy
        from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs

        chosen = EvaluateOptions(arguments.folds, arguments.checkpoints)
        if arguments.fpr:
            chosen = EvaluateOptions(arguments.folds, arguments.checkpoints, arguments.fpr)
        result = evaluate_runs(runs, chosen, terminal)
    for evaluation in result.tasks:
        _print_metrics(evaluation, terminal)
        _print_mistakes(evaluation, terminal)
        _print_thresholds(evaluation, terminal)
        _print_differences(evaluation, terminal)
    for row in result.labelled_tests:
        terminal.log(f"{row.name}: {TestAccuracy(row.accuracy, row.num_images)}; nothing is chosen by it")


def rates(text: str) -> list[float]:
    """Rates separated by commas.

    >>> rates("0.1,1e-3")
    [0.1, 0.001]

    Raises:
        InputError: A word is not a number between 0 and 1.
    """
    found = []
    for word in text.split(","):
        try:
            found.append(float(word))
        except ValueError:
            found.append(-1.0)
        if not 0 < found[-1] < 1:
            raise InputError(f"a rate is a number between 0 and 1, got '{word}' in --fpr {text}")
    return found


def _print_mistakes(evaluation: TaskEvaluation, terminal: Terminal) -> None:
    for row in evaluation.mistakes:
        weakest = ", ".join(f"{name} {accuracy:.2f}" for name, accuracy in row.weakest)
        confused = ", ".join(f"{true} as {predicted} {count}x" for true, predicted, count in row.confusions)
        terminal.log(f"{row.member}: calibration error {row.calibration_error:.4f}")
        if weakest:
            terminal.log(f"{row.member}: lowest accuracies of classes: {weakest}")
        if confused:
            terminal.log(f"{row.member}: most frequent confusions: {confused}")
    if evaluation.mistakes:
        terminal.log("")


def _print_metrics(evaluation: TaskEvaluation, terminal: Terminal) -> None:
    header = [evaluation.task, "metric", "value", "95 % interval", "mean of parts", "deviation"]
    rows = [
        [
            each.member,
            each.metric,
            f"{each.value:.4f}",
            _interval(each.low, each.high),
            f"{each.mean:.4f}",
            f"{each.deviation:.4f}",
        ]
        for each in evaluation.metrics
    ]
    terminal.table(header, rows)
    for each in evaluation.metrics:
        if each.note:
            terminal.log(f"{each.member}: {each.metric} has no interval; {each.note}")
    terminal.log("")


def _print_thresholds(evaluation: TaskEvaluation, terminal: Terminal) -> None:
    for member, found in groupby(evaluation.thresholds, lambda row: row.member):
        rows = [
            [each.rule, f"{each.threshold:.4f}", _interval(each.low, each.high)]
            + ["-" if rate is None else f"{rate:.4f}" for rate in (each.fpr, each.fnr, each.accuracy)]
            for each in found
        ]
        header = [f"threshold of {member}", "cosine", "95 % interval", "FPR", "FNR", "accuracy"]
        terminal.table(header, rows)
        terminal.log(f"kept in {evaluation.threshold_files[member]}")
        terminal.log("")


def _print_differences(evaluation: TaskEvaluation, terminal: Terminal) -> None:
    first, *others = evaluation.members
    for member in others:
        rows = [
            [each.metric, f"{each.value:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}", each.verdict]
            for each in evaluation.differences
            if each.member == member
        ]
        if not rows:
            terminal.log(f"{member} and {first}: too few people to compare them")
            continue
        terminal.log(f"{member} less {first}:")
        terminal.table(["metric", "difference", "95 % interval", ""], rows)
        terminal.log("")


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.4f} to {high:.4f}"
