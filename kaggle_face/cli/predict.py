"""`kaggle-face predict`: the test set through the checkpoints of a run."""

from __future__ import annotations

import argparse

from kaggle_face.artifacts.runs import CHECKPOINTS, RunFolder
from kaggle_face.cli.arguments import (
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_run_argument,
    load_settings,
)
from kaggle_face.cli.run_names import find_own_run
from kaggle_face.cli.terminal import Terminal


def add_arguments_predict(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `predict`."""
    add_run_argument(parser)
    add_folds_argument(parser, "folds to predict with (default: all that were trained)")
    add_checkpoints_argument(parser, "all")
    parser.add_argument(
        "--try-views",
        action="store_true",
        help="first measure on held-out data whether averaging over mirror images and crops pays",
    )
    add_config_arguments(parser)


def run_predict(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Predicts the test set with the chosen folds and checkpoints."""
    predict_run(find_own_run(load_settings(arguments), arguments.run, terminal.say), arguments, terminal)


def predict_run(run: RunFolder, arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the test records of the chosen folds and checkpoints of one run."""
    from kaggle_face.cli.opening import chosen_folds, open_competition, open_images, settings_of_run

    folds = chosen_folds(run, arguments.folds)
    loaded = settings_of_run(arguments.config, run, folds, arguments.overrides)
    config, views = loaded.config, loaded.config.predict
    if arguments.try_views:
        from kaggle_face.cli.views import choose_views

        chosen = choose_views(loaded, run, folds, terminal)
        views = views.model_copy(update={"flip": chosen.flip, "crops": chosen.crops})
    data = open_competition(config)
    pack = open_images(config, data, terminal)

    from kaggle_face.model.amp import resolve_device
    from kaggle_face.predict.test_set import gather_test_set, predict_fold

    test_set = gather_test_set(data, pack)
    for folder in folds:
        there = [name for name in CHECKPOINTS if folder.weights_file(name).is_file()]
        checkpoints = arguments.checkpoints or there
        predict_fold(folder, checkpoints, test_set, views, resolve_device(config.device), terminal)
        terminal.say(
            f"fold {folder.fold} of {run.name}: {len(test_set.embedded_ids)} images, {', '.join(checkpoints)}"
        )
