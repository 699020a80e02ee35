"""`kaggle-face report`: one HTML file about a run, its blend, and other runs beside it."""

from __future__ import annotations

import argparse

from kaggle_face.artifacts.run_choice import find_named_run, sort_words
from kaggle_face.cli.arguments import DEFAULT_RUN, CommandParser
from kaggle_face.cli.terminal import Terminal
from kaggle_face.extras import require_extra
from kaggle_face.hints import settings_given_as


def add_arguments_report(parser: CommandParser) -> None:
    """Declares the options of `report`."""
    parser.add_folds_argument("folds to show (default: all finished)")
    parser.add_to_argument("FILE", "the HTML file (default: report.html in the run's folder)")
    about = f"runs, or RUN/ensemble for the blend in its folder ({DEFAULT_RUN}), and settings as key=value"
    parser.add_config_arguments("RUN", about)


def run_report(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the report and prints the next steps."""
    require_extra("report")
    from kaggle_face.config import load_config

    words = sort_words(arguments.config, arguments.overrides, takes_blends=True)
    loaded = load_config(arguments.config, words.overrides)
    # A run that is called like a setting is none of the settings of this call.
    with settings_given_as(arguments.config, words.overrides):
        blends = [find_named_run(loaded, name, terminal.log, "report") for name in words.blends]
        wanted: list[str | None] = [*words.runs] or ([] if blends else [None])
        runs = [find_named_run(loaded, name, terminal.log, "report") for name in wanted]
        from kaggle_face.pipeline.report import ReportOptions, write_run_report

        options = ReportOptions(arguments.folds, arguments.to, blends)
        result = write_run_report(loaded, runs, options, terminal)
    for step in result.steps:
        terminal.log(f"next: {step.title}: {step.evidence}")
    terminal.log(f"{result.path}: {result.num_bytes / 1e6:.1f} MB in {result.seconds:.0f} s")
