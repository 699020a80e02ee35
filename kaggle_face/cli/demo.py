"""`kaggle-face demo`: the whole chain on generated faces, then its CSVs scored against the truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.cli.blending.ensemble import print_blend
from kaggle_face.cli.competition.submit import print_files
from kaggle_face.cli.terminal import Terminal
from kaggle_face.cli.training.cache import print_images
from kaggle_face.cli.training.train import print_training
from kaggle_face.hints import command_line, settings_given_as
from kaggle_face.summaries.legends import meanings

if TYPE_CHECKING:
    from kaggle_face.pipeline.demo import Figures, StageResult

_LEGEND = {
    "network": "checkpoint, or the blend",
    "held-out accuracy": "of images held out of training",
    "EER": "equal error rate of held-out pairs",
    "AUC": "area under the ROC curve of held-out pairs",
    "test accuracy": "of the test images, whose truth the demo knows",
    "test EER": "of the test pairs",
    "test AUC": "of the test pairs",
}


def add_arguments_demo(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `demo`."""
    parser.add_argument("--overwrite", action="store_true", help="train anew what an earlier demo trained")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="settings that differ")


def run_demo(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Runs the stages, printing for each the command that does the same, and then the figures."""
    from kaggle_face.config import load_config
    from kaggle_face.pipeline import demo

    def announce(words: Sequence[str]) -> None:
        terminal.lines(["", f"$ {command_line(*words, '--config', 'demo', *arguments.overrides)}"])

    with settings_given_as("demo", arguments.overrides):
        loaded = load_config("demo", arguments.overrides)
        result = demo.run_demo(
            loaded, arguments.overwrite, terminal, announce, lambda found: _print_stage(found, terminal)
        )
    header = ["network", "held-out accuracy", "EER", "AUC", "test accuracy", "test EER", "test AUC"]
    rows = [
        [row.name, *(_cells(row.held_out) if row.held_out else [""] * 3), *_cells(row.test)]
        for row in result.rows
    ]
    terminal.log("")
    terminal.table(header, rows, meanings(header, _LEGEND))
    terminal.lines(["", f"{' and '.join(map(str, result.paths))}; all in {result.seconds:.0f} s"])


def _print_stage(result: StageResult, terminal: Terminal) -> None:
    from kaggle_face.pipeline.ensemble import BlendResult
    from kaggle_face.pipeline.inputs.preparing import PreparedImages
    from kaggle_face.pipeline.submit import SubmitResult
    from kaggle_face.pipeline.train import TrainResult

    match result:
        case PreparedImages():
            print_images(result, terminal)
        case TrainResult():
            print_training(result, terminal)
        case BlendResult():
            print_blend(result, terminal)
        case SubmitResult():
            print_files(result, terminal)


def _cells(figures: Figures) -> list[str]:
    return [f"{100 * figures.accuracy:.1f} %", f"{100 * figures.eer:.1f} %", f"{figures.auc:.4f}"]
