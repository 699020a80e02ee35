"""`kaggle-face demo`: the whole chain on generated faces, then its CSVs scored against the truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.blending.ensemble import print_blend
from kaggle_face.cli.terminal import Terminal
from kaggle_face.hints import command_line, settings_given_as

if TYPE_CHECKING:
    from kaggle_face.pipeline.demo import StageResult


def add_arguments_demo(parser: CommandParser) -> None:
    """Declares the options of `demo`."""
    parser.add_flag("--overwrite", "train anew what an earlier demo trained")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="settings that differ")


def run_demo(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Runs the stages, printing for each the command that does the same, and then the figures."""
    from kaggle_face.config import load_config
    from kaggle_face.pipeline import demo
    from kaggle_face.summaries.training import describe_demo

    def announce(words: Sequence[str]) -> None:
        terminal.lines(["", f"$ {command_line(*words, '--config', 'demo', *arguments.overrides)}"])

    with settings_given_as("demo", arguments.overrides):
        loaded = load_config("demo", arguments.overrides)
        result = demo.run_demo(
            loaded, arguments.overwrite, terminal, announce, lambda found: _print_stage(found, terminal)
        )
    terminal.show(describe_demo(result))


def _print_stage(result: StageResult, terminal: Terminal) -> None:
    from kaggle_face.pipeline.ensemble import BlendResult
    from kaggle_face.pipeline.inputs.preparing import PreparedImages
    from kaggle_face.pipeline.submit import SubmitResult
    from kaggle_face.pipeline.train import TrainResult
    from kaggle_face.summaries.data import describe_images
    from kaggle_face.summaries.submission import report_files
    from kaggle_face.summaries.training import describe_trained_folds

    match result:
        case PreparedImages():
            terminal.show(describe_images(result))
        case TrainResult():
            terminal.show(describe_trained_folds(result))
        case BlendResult():
            print_blend(result, terminal)
        case SubmitResult():
            report_files(result, terminal)
