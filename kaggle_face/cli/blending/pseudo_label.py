"""`kaggle-face pseudo-label`: test images that a blend is sure of become training data of a next run."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_choice import find_named_run
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import RunFolder, command_line
from kaggle_face.cli.arguments import add_config_arguments, add_run_argument, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, RunError
from kaggle_face.hints import settings_command

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.records import Predictions

_DEFAULT_CONFIDENCE = 0.95


def add_arguments_pseudo_label(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `pseudo-label`."""
    from kaggle_face.cli.arguments import add_rules_argument

    add_run_argument(parser)
    parser.add_argument(
        "--confidence",
        type=float,
        default=_DEFAULT_CONFIDENCE,
        metavar="P",
        help=f"least probability of the blend's best class (default: {_DEFAULT_CONFIDENCE:g})",
    )
    parser.add_argument(
        "--most", type=int, metavar="N", help="take the surest N images of a person at most (default: all)"
    )
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_pseudo_label(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the pseudo-labels of a run's blend, and tells how to train with them."""
    _check_numbers(arguments)
    loaded = load_settings(arguments)
    run = find_named_run(loaded, arguments.run, terminal.log)
    with writing_beside_folds([run]):
        _label(loaded, run, arguments, terminal)


def _label(loaded: LoadedConfig, run: RunFolder, arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.artifacts.blends import require_current_blend
    from kaggle_face.artifacts.record_io import read_predictions
    from kaggle_face.artifacts.seals import read_seal
    from kaggle_face.ensemble.pseudo_labels import choose_confident, write_pseudo_labels
    from kaggle_face.pipeline.rules_check import guard_rules
    from kaggle_face.pipeline.today import compare_blend_with_raw_folder

    _require_probabilities(run)
    require_current_blend(run)
    compare_blend_with_raw_folder(loaded.config, run, False, terminal)
    predictions = _of_unknown_classes(run, read_predictions(run.ensemble_folder / "predictions"), terminal)
    with_labels = loaded.config.data.model_copy(update={"pseudo_labels": "pseudo/labels.csv"})
    config = loaded.config.model_copy(update={"data": with_labels})
    ignored = guard_rules(config, len(predictions.class_names), arguments.ignore_rules, terminal)
    found = choose_confident(predictions, arguments.confidence, arguments.most)
    about = {
        "command_line": " ".join(command_line()),
        "min_confidence": arguments.confidence,
        "most_per_class": arguments.most,
        "test_images": len(predictions.image_ids),
        "ignored_rules": ignored,
        "made_of": {"blend": read_seal(run.ensemble_folder).digest},
    }
    path = write_pseudo_labels(run, found, predictions.class_names, about)
    people = len(set(found.labels.tolist()))
    terminal.log(
        f"{len(found.image_ids)} of {len(predictions.image_ids)} test images, {people} people, have a class "
        f"of probability {arguments.confidence:g} or more"
    )
    more = ("--ignore-rules",) if ignored else ()
    use = settings_command("train", "--fold", "0", *more, overrides=[f"data.pseudo_labels={path}"])
    terminal.log(f"{path}: train with data.pseudo_labels={path}, as in: {use}")


def _of_unknown_classes(run: RunFolder, predictions: Predictions, terminal: Terminal) -> Predictions:
    """The predictions of test images whose class is not known: nothing is trained on the others."""
    import numpy as np

    from kaggle_face.inference.labelled_test import labelled_test_images

    labelled = [labelled_test_images(fold) for fold in run.started_folds()]
    unknown = ~np.isin(predictions.image_ids, np.concatenate(labelled))
    if unknown.all():
        return predictions
    terminal.log(f"{int((~unknown).sum())} labelled test images are left out: they measure, and do not train")
    ids = predictions.image_ids[unknown]
    return replace(predictions, image_ids=ids, logits=predictions.logits[unknown])


def _require_probabilities(run: RunFolder) -> None:
    from kaggle_face.ensemble.summary import read_summary

    blend = read_summary(run)["tasks"].get("classification")
    if blend is None:
        raise RunError(f"{run.name} has no blend of class predictions; make one: {run.command('ensemble')}")
    if blend["space"] == "ranks":
        how = run.command("ensemble", "--method", "mean")
        raise RunError(f"the blend of {run.name} is one of ranks, not of probabilities; make one: {how}")


def _check_numbers(arguments: argparse.Namespace) -> None:
    if not 0.0 < arguments.confidence <= 1.0:
        raise InputError(f"--confidence must be > 0 and <= 1, got {arguments.confidence:g}")
    if arguments.most is not None and arguments.most < 1:
        raise InputError(f"--most must be >= 1, got {arguments.most}")
