"""`kaggle-face ensemble`: blends the networks of one run or of several into one prediction."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import (
    DEFAULT_RUN,
    add_changes_argument,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_rules_argument,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.evaluation.members import METHODS


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
    add_changes_argument(parser)
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_ensemble(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends, prints how every member and blend fares, and writes the record that `submit` takes."""
    from kaggle_face.cli.blending.blend import blend_runs

    blend_runs(arguments, terminal)
