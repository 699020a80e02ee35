"""`kaggle-face evaluate`: all metrics of runs with intervals, runs compared, and their thresholds."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_choice import find_named_run, split_runs_and_overrides
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.cli.arguments import (
    DEFAULT_RUN,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.members import TASKS, Member, Task, choose_members, default_checkpoint
from kaggle_face.hints import settings_given_as

if TYPE_CHECKING:
    from kaggle_face.artifacts.runs import RunFolder
    from kaggle_face.ensemble.run_thresholds import RunThresholds
    from kaggle_face.evaluation.figures import Measured
    from kaggle_face.metrics.intervals.bootstrap import Difference


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
    add_config_arguments(parser)
    words = next(action for action in parser._actions if action.dest == "overrides")
    words.metavar, words.help = "RUN", f"runs ({DEFAULT_RUN}), and settings as key=value"


def run_evaluate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the figures of each run, then how each differs from the first, and keeps thresholds."""
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
        _measure(runs, arguments, terminal)


def _measure(runs: Sequence[RunFolder], arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.evaluation.member_scores import has_record

    shown = False
    with writing_beside_folds(runs):
        for task in TASKS:
            checkpoints = arguments.checkpoints or [default_checkpoint(task, runs)]
            members = choose_members(runs, checkpoints, arguments.folds)
            if has_record(members, "oof", "predictions" if task == "classification" else "pairs"):
                shown |= _tell_task(task, members, arguments.fpr, terminal)
            if task == "classification":
                _tell_labelled_test(members, terminal)
    if not shown:
        again = runs[0].training_command()
        raise RunError(f"{runs[0].name} has no labelled out-of-fold records; train it again: {again}")


def _tell_labelled_test(members: Sequence[Member], terminal: Terminal) -> None:
    """Prints what each fold reaches on test images whose class is known, where `predict` kept them."""
    from kaggle_face.inference.labelled_test import measure_labelled_test

    for member in members:
        for fold in member.folds:
            measured = measure_labelled_test(fold, member.checkpoint)
            if measured is not None:
                terminal.log(f"{member.name} fold {fold.fold}: {measured}; nothing is chosen by it")


def rates(text: str) -> list[float]:
    """Rates separated by commas.

    >>> rates("0.1,1e-3")
    [0.1, 0.001]

    Raises:
        InputError: A word is no number between 0 and 1.
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


def _tell_task(
    task: Task, members: Sequence[Member], fprs: Sequence[float] | None, terminal: Terminal
) -> bool:
    """Prints a task's figures and differences; whether there were any."""
    from kaggle_face.ensemble.run_thresholds import WANTED_FPRS, thresholds_of_run
    from kaggle_face.evaluation.figures import (
        class_figures,
        compare_classes,
        compare_pairs,
        measure_classes,
        measure_episodes,
        measure_pairs,
        open_trials,
    )

    if task == "classification":
        _tell_figures(task, members, measure_classes(members), terminal)
        figures = class_figures(members)
        differences = [compare_classes(other, figures[0]) for other in figures[1:]]
    else:
        trials = open_trials(members)
        if trials is None:
            return False
        figures_of = [
            (*measure_pairs(trials, number), *measure_episodes(member))
            for number, member in enumerate(members)
        ]
        _tell_figures(task, members, figures_of, terminal)
        differences = [compare_pairs(trials, number, 0) for number in range(1, len(members))]
        for number, member in enumerate(members):
            _tell_thresholds(member, thresholds_of_run(member, trials, number, fprs or WANTED_FPRS), terminal)
    for member, difference in zip(members[1:], differences, strict=True):
        _tell_difference(member, members[0], difference, terminal)
    return True


def _tell_figures(
    task: Task, members: Sequence[Member], figures: Sequence[Sequence[Measured]], terminal: Terminal
) -> None:
    header = [task, "metric", "value", "95 % interval", "mean of parts", "deviation"]
    rows = [
        [
            member.name,
            each.name,
            f"{each.value:.4f}",
            _interval(each),
            f"{each.mean:.4f}",
            f"{each.spread:.4f}",
        ]
        for member, measured in zip(members, figures, strict=True)
        for each in measured
    ]
    terminal.table(header, rows)
    for member, measured in zip(members, figures, strict=True):
        for each in measured:
            if each.note:
                terminal.log(f"{member.name}: {each.name} has no interval; {each.note}")
    terminal.log("")


def _tell_difference(
    member: Member, first: Member, differences: Mapping[str, Difference], terminal: Terminal
) -> None:
    if not differences:
        terminal.log(f"{member.name} and {first.name}: too few people to compare them")
        return
    rows = [
        [name, f"{each.value:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}", verdict(name, each)]
        for name, each in differences.items()
    ]
    terminal.log(f"{member.name} less {first.name}:")
    terminal.table(["metric", "difference", "95 % interval", ""], rows)
    terminal.log("")


def verdict(metric: str, difference: Difference) -> str:
    """Whether a difference is more than noise, in words.

    >>> from kaggle_face.metrics.intervals.bootstrap import Difference
    >>> verdict("eer", Difference(value=-0.02, low=-0.03, high=-0.01, other_sign=0.0))
    'better'
    """
    if difference.low <= 0 <= difference.high:
        return "not more than noise"
    is_lower = difference.value < 0
    return "better" if is_lower == (metric in ("eer", "log loss")) else "worse"


def _tell_thresholds(member: Member, thresholds: RunThresholds, terminal: Terminal) -> None:
    from kaggle_face.ensemble.run_thresholds import write_thresholds

    rows = [
        [each.rule, f"{each.threshold:.4f}", _ends(each.low, each.high)]
        + [f"{rate:.4f}" for rate in (each.fpr, each.fnr, each.accuracy)]
        for each in thresholds.pairs
    ]
    gallery = thresholds.gallery
    if gallery is not None:
        interval = _ends(gallery.low, gallery.high)
        rows.append(["gallery", f"{gallery.threshold:.4f}", interval, "-", "-", f"{gallery.accuracy:.4f}"])
    header = [f"threshold of {member.name}", "cosine", "95 % interval", "FPR", "FNR", "accuracy"]
    terminal.table(header, rows)
    terminal.log(f"kept in {write_thresholds(member, thresholds)}")
    terminal.log("")


def _interval(measured: Measured) -> str:
    if measured.interval is None:
        return "-"
    return _ends(measured.interval.low, measured.interval.high)


def _ends(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
