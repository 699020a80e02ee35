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
from kaggle_face.cli.legends import meanings
from kaggle_face.cli.terminal import BesideDocument, Terminal
from kaggle_face.errors import InputError
from kaggle_face.hints import settings_given_as

if TYPE_CHECKING:
    from kaggle_face.pipeline.evaluate import TaskEvaluation

_LEGEND = {
    "member": "run@checkpoint, all of its folds",
    "value": "on all held-out data",
    "mean": "of the folds, or of the ten sets of the ten-fold accuracy",
    "deviation": "between these",
}
_THRESHOLDS = {
    "threshold": "the rule that it is found by",
    "cosine": "pairs from it on are the same person",
    "95 % interval": "where it would lie with other people",
    "FPR": "impostor pairs accepted",
    "FNR": "genuine pairs rejected",
    "accuracy": "pairs, or probes of a gallery, answered right",
}
_DIFFERENCES = {
    "difference": "first less second",
    "95 % interval": "of the difference, with other people",
    "verdict": "noise where the interval holds 0",
}


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
    parser.add_argument("--json", action="store_true", help="print all figures as JSON, for programs")
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
    progress = BesideDocument() if arguments.json else terminal
    # A run that is called like a setting is none of the settings of this call.
    with settings_given_as(arguments.config, overrides):
        wanted: list[str | None] = [*names] or [None]
        runs = [find_named_run(loaded, name, progress.log, "evaluate") for name in wanted]
        from kaggle_face.inference.labelled_test import TestAccuracy
        from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs

        chosen = EvaluateOptions(arguments.folds, arguments.checkpoints)
        if arguments.fpr:
            chosen = EvaluateOptions(arguments.folds, arguments.checkpoints, arguments.fpr)
        result = evaluate_runs(runs, chosen, progress)
    if arguments.json:
        from kaggle_face.artifacts.plain_values import plain_values

        terminal.json(plain_values(result))
        return
    for evaluation in result.tasks:
        _print_metrics(evaluation, terminal)
        for line in evaluation.imbalances:
            terminal.log(f"{evaluation.task}: {line}")
        for each in evaluation.left_out:
            terminal.log(f"{evaluation.task}: {each.name} is left out: {each.reason}")
        if evaluation.imbalances or evaluation.left_out:
            terminal.log("")
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
    header = ["member", "metric", "value", "95 % interval", "mean", "deviation"]
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
    terminal.log(f"{evaluation.task}, held out of training:")
    terminal.table(header, rows, meanings(header, _LEGEND))
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
        header = ["threshold", "cosine", "95 % interval", "FPR", "FNR", "accuracy"]
        terminal.log(f"thresholds of {member}:")
        terminal.table(header, rows, meanings(header, _THRESHOLDS))
        for each in evaluation.thresholds_left_out.get(member, ()):
            terminal.log(f"{each.name} is left out: {each.reason}")
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
        header = ["metric", "difference", "95 % interval", "verdict"]
        terminal.table(header, rows, meanings(header, _DIFFERENCES))
        terminal.log("")


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.4f} to {high:.4f}"
