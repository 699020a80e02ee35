"""`kaggle-face predict`: the test set through the checkpoints of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.run_locks import writing_beside_folds, writing_folds
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.cli.arguments import (
    add_changes_argument,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_run_argument,
    load_settings,
)
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
    add_changes_argument(parser)
    add_config_arguments(parser)


def run_predict(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Predicts the test set with the chosen folds and checkpoints."""
    predict_run(find_own_run(load_settings(arguments), arguments.run, terminal.log), arguments, terminal)


def predict_run(run: RunFolder, arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the test records of the chosen folds and checkpoints of one run."""
    from kaggle_face.pipeline.preparing import chosen_folds

    folds = chosen_folds(run, arguments.folds)
    with ExitStack() as locks:
        locks.enter_context(writing_folds(run, [folder.fold for folder in folds]))
        if arguments.try_views:
            locks.enter_context(writing_beside_folds([run]))
        for folder in folds:
            remove_abandoned(folder.path)
        _predict_folds(run, folds, arguments, terminal)


def _predict_folds(
    run: RunFolder, folds: Sequence[FoldFolder], arguments: argparse.Namespace, terminal: Terminal
) -> None:
    from kaggle_face.pipeline.preparing import open_competition, open_images, settings_of_run
    from kaggle_face.pipeline.today import (
        open_today,
        require_current_training,
        require_same_classes,
        require_unchanged,
    )

    loaded = settings_of_run(arguments.config, run, folds, arguments.overrides)
    config, views = loaded.config, loaded.config.predict
    if arguments.try_views:
        from kaggle_face.cli.blending.views import choose_views

        chosen = choose_views(loaded, run, folds, terminal)
        views = views.model_copy(update={"flip": chosen.flip, "crops": chosen.crops})
    data = open_competition(config, terminal)
    pack = open_images(config, data, terminal)
    today = open_today(config, data, terminal, pack)
    for folder in () if arguments.ignore_changes else folds:
        require_current_training(folder, today, "predict")
    for folder in folds:
        require_same_classes(folder, today)

    from kaggle_face.inference.labelled_test import measure_labelled_test
    from kaggle_face.inference.test_set import gather_test_set, predict_fold
    from kaggle_face.model.amp import resolve_device

    test_set = gather_test_set(data, pack)
    for folder in folds:
        there = [name for name in CHECKPOINTS if folder.weights_file(name).is_file()]
        checkpoints = arguments.checkpoints or there
        device = resolve_device(config.device)
        predict_fold(folder, checkpoints, test_set, today.tables, views, device, terminal)
        terminal.log(
            f"fold {folder.fold} of {run.name}: {len(test_set.embedded_ids)} images, {', '.join(checkpoints)}"
        )
        for checkpoint in checkpoints:
            measured = measure_labelled_test(folder, checkpoint)
            if measured is not None:
                terminal.log(f"fold {folder.fold} {checkpoint}: {measured}")
    require_unchanged(config, today, terminal)
