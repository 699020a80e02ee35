"""`kaggle-face ensemble`: blends the networks of one run or of several into one prediction."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import (
    DEFAULT_RUN,
    add_changes_argument,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_rules_argument,
    load_settings,
)
from kaggle_face.cli.legends import meanings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, counted
from kaggle_face.evaluation.members import METHODS

if TYPE_CHECKING:
    from kaggle_face.ensemble.result_rows import CandidateRow, TaskBlend
    from kaggle_face.pipeline.ensemble import BlendResult

_MOST_WEIGHTS_SHOWN = 5
_LEGEND = {
    "blend": "'>' is chosen",
    "95 % interval": "of the gain, with other people",
    "weights": "of the members, in their order",
    "post-processing": "a step and its best setting",
    "use": "on where the whole interval is above 0",
}
_ALWAYS_SHOWN = ("accuracy", "top5", "eer", "auc", "tpr@1e-2", "tpr@1e-3")


def add_arguments_ensemble(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `ensemble`."""
    parser.add_argument(
        "--run",
        action="append",
        metavar="NAME",
        help=f"a run to blend, NAME or CONFIG/NAME; repeat it for several ({DEFAULT_RUN})",
    )
    add_folds_argument(parser, "folds to blend (default: all finished)")
    add_checkpoints_argument(parser, "best_cls for classification, best_ver for verification")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="how members are weighted: auto lets all compete on held-out data (default), mean needs none",
    )
    parser.add_argument(
        "--metric",
        metavar="FORMULA",
        help="what to maximise, such as '0.5*accuracy + 0.5*(1-eer)' (default: the competition's score)",
    )
    parser.add_argument(
        "--no-post-process",
        action="store_true",
        help="do not try whitening, neighbours, score normalisation and the like on held-out data",
    )
    parser.add_argument(
        "--weight",
        action="append",
        default=[],
        metavar="NAME=SHARE",
        help="the share (0 to 1) of an imported run without out-of-fold predictions; repeat it for several",
    )
    add_changes_argument(parser)
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_ensemble(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends runs, and prints what was chosen."""
    from kaggle_face.artifacts.run_choice import find_named_run
    from kaggle_face.pipeline.ensemble import EnsembleOptions, ensemble_runs

    loaded = load_settings(arguments)
    runs = [find_named_run(loaded, name, terminal.log) for name in arguments.run or [None]]
    options = EnsembleOptions(
        folds=arguments.folds,
        checkpoints=arguments.checkpoints,
        method=arguments.method,
        metric=arguments.metric,
        post_process=not arguments.no_post_process,
        ignore_changes=arguments.ignore_changes,
        ignore_rules=arguments.ignore_rules,
        weights=_given_weights(arguments.weight),
    )
    print_blend(ensemble_runs(loaded, runs, options, terminal), terminal)


def print_blend(result: BlendResult, terminal: Terminal) -> None:
    """Prints how every member and blend fares and what was written."""
    for blend in result.tasks:
        for note in blend.notes:
            terminal.log(f"{blend.task}: {note}")
        _print_choice(blend, terminal)
        _print_steps(blend, terminal)
    if result.gallery_accuracy is not None:
        terminal.log(
            f"dev gallery: accuracy {result.gallery_accuracy:.4f} of naming the probes with this blend"
        )
    if result.labelled_test is not None:
        terminal.log(f"this blend: {result.labelled_test}; nothing is chosen by it")
    terminal.log(f"{counted(result.num_parameters, 'parameter')} in all networks of the blend")
    for path in result.paths:
        terminal.log(str(path))
    for line in result.warnings:
        terminal.warn(line)


def _given_weights(texts: Sequence[str]) -> dict[str, float]:
    """Shares by the name of their run.

    >>> _given_weights(["teammate=0.3"])
    {'teammate': 0.3}

    Raises:
        InputError: A text is not `NAME=SHARE`, or a name stands twice.
    """
    weights: dict[str, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=")
        if not name or name in weights:
            raise InputError(f"--weight is NAME=SHARE, each name once, such as teammate=0.3; got '{text}'")
        try:
            weights[name] = float(share)
        except ValueError:
            raise InputError(f"--weight {name}=...: '{share}' is not a number from 0 to 1") from None
    return weights


def _print_choice(blend: TaskBlend, terminal: Terminal) -> None:
    folds = [" ".join(map(str, member.folds)) for member in blend.members]
    if not blend.candidates:
        rows = [
            [each.member, of_member, f"{each.weight:.3f}"]
            for each, of_member in zip(blend.members, folds, strict=True)
        ]
        legend = {
            "member": f"a network of each fold, for {blend.task}",
            "folds": "their numbers",
            "weight": "share, sum 1",
        }
        terminal.table(list(legend), rows, legend)
        return
    columns = _shown(blend.candidates[0].metrics, blend.metric)
    nested = f"nested {blend.metric}"
    header = ["blend", *columns, nested]
    rows = [
        [
            _marked(each),
            *(f"{each.metrics[name]:.4f}" for name in columns),
            "-" if each.nested is None else f"{each.nested:.4f}",
        ]
        for each in blend.candidates
    ]
    terminal.log(f"{blend.task}, out of fold:")
    terminal.table(header, rows, meanings(header, {**_LEGEND, nested: "by weights found on other people"}))
    blends = [each for each in blend.candidates if each.kind != "single"]
    if blends:
        header = ["blend", "gain", "95 % interval", "in-sample", "weights"]
        rows = [
            [
                _marked(each),
                _signed(each.gain),
                "-" if each.gain is None else f"{each.low:+.4f} to {each.high:+.4f}",
                _signed(each.in_sample_gain),
                _weights(each),
            ]
            for each in blends
        ]
        terminal.log("")
        terminal.table(header, rows, meanings(header, _LEGEND))
    of_folds = f"{'fold' if str(folds[0]).isdecimal() else 'folds'} {folds[0]}"
    terminal.log(f"{blend.task}: {blend.chosen} ({of_folds}), because {blend.reason}")
    terminal.log("")


def _print_steps(blend: TaskBlend, terminal: Terminal) -> None:
    if blend.tuned_metrics is None:
        return
    rows = [
        [
            each.setting,
            "on" if each.is_on else "off",
            _signed(each.gain),
            f"{each.low:+.4f} to {each.high:+.4f}",
            _signed(each.in_sample_gain),
        ]
        for each in blend.steps
    ]
    header = ["post-processing", "use", "gain", "95 % interval", "in-sample"]
    terminal.table(header, rows, meanings(header, {**_LEGEND, "gain": "over the steps before, nested"}))
    metrics = blend.tuned_metrics
    figures = ", ".join(f"{name} {metrics[name]:.4f}" for name in _shown(metrics, blend.metric))
    terminal.log(f"with what is on: {figures}")
    terminal.log("")


def _marked(candidate: CandidateRow) -> str:
    return f"{'> ' if candidate.is_chosen else '  '}{candidate.name}"


def _shown(metrics: Mapping[str, float], main: str) -> list[str]:
    """The metrics worth a column: the usual ones, and the one that the blend is chosen by."""
    return [name for name in metrics if name in (main, *_ALWAYS_SHOWN)]


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _weights(candidate: CandidateRow) -> str:
    weights = candidate.weights
    if len(weights) <= _MOST_WEIGHTS_SHOWN:
        return " ".join(f"{weight:.2f}" for weight in weights)
    return f"{sum(weight > 0 for weight in weights)} of {counted(len(weights), 'member')}"
