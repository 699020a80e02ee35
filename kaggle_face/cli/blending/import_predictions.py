"""`kaggle-face import-predictions`: predictions that were made elsewhere, as a run to blend."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.evaluation.imported.kinds import CLASS_NAMINGS, VALUE_KINDS
from kaggle_face.tasks import TASKS


def add_arguments_import_predictions(parser: CommandParser) -> None:
    """Declares the options of `import-predictions`."""
    parser.add_argument("--task", required=True, choices=TASKS, help="the task that the predictions answer")
    parser.add_argument(
        "--test", required=True, type=Path, metavar="FILE", help="test predictions: .csv, .parquet or .npy"
    )
    parser.add_argument(
        "--oof",
        type=Path,
        metavar="FILE",
        help="out-of-fold predictions of the folds of these settings (default: none, and no score is known)",
    )
    parser.add_argument(
        "--values",
        choices=VALUE_KINDS,
        help="what the numbers are (default: probabilities where they can be, else logits; scores of pairs)",
    )
    parser.add_argument(
        "--classes", choices=CLASS_NAMINGS, help="how columns name classes (default: as it fits)"
    )
    parser.add_argument(
        "--parameters", type=int, metavar="N", help="of all networks, for competitions that limit them"
    )
    parser.add_flag("--overwrite", "replace an imported run of that name")
    parser.add_config_arguments(
        "NAME [key=value ...]", "the name of the run, and settings that differ, such as seed=1"
    )


def run_import_predictions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Imports, and prints how the files were read, the figures and the next command."""
    from kaggle_face.hints import settings_command
    from kaggle_face.pipeline.import_predictions import ImportOptions, import_predictions

    names = [word for word in arguments.overrides if "=" not in word]
    if len(names) != 1:
        got = f"got {', '.join(names)}" if names else "got none"
        raise InputError(f"import-predictions needs one name for the run, such as teammate; {got}")
    arguments.overrides.remove(names[0])
    import_predictions(load_settings(arguments), names[0], options_of(ImportOptions, arguments), terminal)
    weight = ("--weight", f"{names[0]}=0.3") if arguments.oof is None else ()
    how = settings_command("ensemble", "--run", "main", "--run", names[0], *weight)
    terminal.log(f"blend it with a run of your own, such as main: {how}")
