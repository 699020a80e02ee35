"""`kaggle-face report`: one HTML file about a run, its blend, and other runs beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.artifacts.run_choice import find_named_run
from kaggle_face.cli.arguments import DEFAULT_RUN, add_config_arguments, add_folds_argument, split_words
from kaggle_face.cli.terminal import Terminal
from kaggle_face.extras import require_extra
from kaggle_face.hints import settings_given_as

_OF_BLEND = "/ensemble"


def add_arguments_report(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `report`."""
    add_folds_argument(parser, "folds to show (default: all finished)")
    parser.add_argument(
        "--to", metavar="FILE", type=Path, help="the HTML file (default: report.html in the run's folder)"
    )
    about = f"runs, or RUN/ensemble for the blend in its folder ({DEFAULT_RUN}), and settings as key=value"
    add_config_arguments(parser, "RUN", about)


def run_report(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the report and prints what to do next."""
    require_extra("report")
    from kaggle_face.config import load_config

    of_blends = [word for word in arguments.overrides if word.endswith(_OF_BLEND)]
    # What is left is a run, unless the word is a setting whose value ends so.
    named, _ = split_words(arguments, [word.removesuffix(_OF_BLEND) for word in of_blends])
    others = [word for word in arguments.overrides if word not in [name + _OF_BLEND for name in named]]
    names, overrides = split_words(arguments, others)
    loaded = load_config(arguments.config, overrides)
    # A run that is called like a setting is none of the settings of this call.
    with settings_given_as(arguments.config, overrides):
        blends = [find_named_run(loaded, name, terminal.log, "report") for name in named]
        wanted: list[str | None] = [*names] or ([] if blends else [None])
        runs = [find_named_run(loaded, name, terminal.log, "report") for name in wanted]
        from kaggle_face.pipeline.report import ReportOptions, write_run_report

        options = ReportOptions(arguments.folds, arguments.to, blends)
        result = write_run_report(loaded, runs, options, terminal)
    for step in result.steps:
        terminal.log(f"next: {step.title}: {step.evidence}")
    terminal.log(f"{result.path}: {result.num_bytes / 1e6:.1f} MB in {result.seconds:.0f} s")
