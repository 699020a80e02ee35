"""`kaggle-face ensemble`: blends the networks of one run or of several into one prediction."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.evaluation.members import METHODS

if TYPE_CHECKING:
    from kaggle_face.pipeline.ensemble import BlendResult


def add_arguments_ensemble(parser: CommandParser) -> None:
    """Declares the options of `ensemble`."""
    parser.add_runs_argument("a run to blend, NAME or CONFIG/NAME")
    parser.add_folds_argument("folds to blend (default: all finished)")
    parser.add_checkpoints_argument("best_cls for classification, best_ver for verification")
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
        dest="post_process",
        action="store_false",
        help="do not try whitening, neighbours, score normalisation and the like on held-out data",
    )
    parser.add_argument(
        "--weight",
        action="append",
        default=[],
        metavar="NAME=SHARE",
        help="the share, above 0 and below 1, of an imported run without out-of-fold predictions; "
        "repeat it for several",
    )
    parser.add_changes_argument()
    parser.add_rules_argument()
    parser.add_config_arguments()


def run_ensemble(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends runs, and prints the choices."""
    from kaggle_face.artifacts.run_choice import find_named_run
    from kaggle_face.pipeline.ensemble import EnsembleOptions, ensemble_runs

    loaded = load_settings(arguments)
    runs = [find_named_run(loaded, name, terminal.log) for name in arguments.run or [None]]
    options = options_of(EnsembleOptions, arguments, weights=_given_weights(arguments.weight))
    print_blend(ensemble_runs(loaded, runs, options, terminal), terminal)


def print_blend(result: BlendResult, terminal: Terminal) -> None:
    """Prints the figures of every member and blend, and the written files."""
    from kaggle_face.summaries.blend import describe_blend

    terminal.show(describe_blend(result))
    for line in result.warnings:
        terminal.warn(line)


def _given_weights(texts: Sequence[str]) -> dict[str, float]:
    """Shares by the name of their run.

    >>> _given_weights(["teammate=0.3"])
    {'teammate': 0.3}

    Raises:
        InputError: A text is not `NAME=SHARE`, or a name appears twice.
    """
    weights: dict[str, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=")
        if not name or name in weights:
            raise InputError(f"--weight is NAME=SHARE, each name once, such as teammate=0.3; got '{text}'")
        try:
            weights[name] = float(share)
        except ValueError:
            raise InputError(f"--weight {name}=...: '{share}' is not a number above 0 and below 1") from None
    return weights
