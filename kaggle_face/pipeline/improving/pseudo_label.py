"""Pseudo-labels: test images that a blend is sure of, as training images of a next run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.environment import command_line
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import InputError, RunError, counted

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.ensemble.pseudo_labels import PseudoLabels
    from kaggle_face.progress import Progress
    from kaggle_face.records import Predictions

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class PseudoLabelOptions:
    """Options of pseudo-labelling.

    Attributes:
        min_confidence: The least probability of the blend's best class, in (0, 1].
        most_per_class: Of each class only the surest so many; None: all.
        ignore_rules: Whether they are written though the competition's rules forbid it; this is recorded.
    """

    min_confidence: float = DEFAULT_CONFIDENCE
    most_per_class: int | None = None
    ignore_rules: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.min_confidence <= 1.0:
            raise InputError(f"--confidence must be > 0 and <= 1, got {self.min_confidence:g}")
        if self.most_per_class is not None and self.most_per_class < 1:
            raise InputError(f"--most must be >= 1, got {self.most_per_class}")


@dataclass(frozen=True)
class PseudoLabelResult:
    """The pseudo-labels that were written.

    Attributes:
        path: The CSV of images, classes and probabilities; `data.pseudo_labels` takes it.
        num_images: Test images that got a label.
        num_classes: Different classes among their labels.
        num_test_images: Test images whose class is not known.
        num_labelled: Test images whose class is known; they are left out.
        ignored_rules: Rules of the competition that were ignored, one line each.
    """

    path: Path
    num_images: int
    num_classes: int
    num_test_images: int
    num_labelled: int
    ignored_rules: tuple[str, ...]


def pseudo_label_run(
    loaded: LoadedConfig, run: RunFolder, options: PseudoLabelOptions, progress: Progress
) -> PseudoLabelResult:
    """Labels the test images of which the blend of a run is sure enough.

    Raises:
        RunError: There is no current blend of class probabilities, or it is sure of no image.
        RulesError: The competition's rules forbid pseudo-labels, and they are not ignored.
    """
    from kaggle_face.artifacts.blends import command_of_blend
    from kaggle_face.evaluation.blend_record import read_blend_record

    with writing_beside_folds([run]):
        record = read_blend_record(run)
        if record is None:
            raise RunError(f"{run.name} has no blend; make it: {run.command('ensemble')}")
        blend = record.tasks.get("classification")
        if blend is None:
            again = command_of_blend(run)
            raise RunError(f"{run.name} has no blend of class predictions; make one: {again}")
        if blend.space == "ranks":
            how = command_of_blend(run, "--method", "mean")
            raise RunError(f"the blend of {run.name} is one of ranks, not of probabilities; make one: {how}")
        return _write(loaded, run, options, progress)


def _write(
    loaded: LoadedConfig, run: RunFolder, options: PseudoLabelOptions, progress: Progress
) -> PseudoLabelResult:
    from kaggle_face.artifacts.blends import require_current_blend
    from kaggle_face.artifacts.record_io import read_predictions
    from kaggle_face.artifacts.seals import read_seal
    from kaggle_face.ensemble.pseudo_labels import write_pseudo_labels
    from kaggle_face.pipeline.inputs.rules_check import check_rules
    from kaggle_face.pipeline.inputs.today import compare_blend_with_raw_folder

    require_current_blend(run)
    compare_blend_with_raw_folder(loaded.config, run, False, progress)
    predictions, num_labelled = _without_labelled(run, read_predictions(run.ensemble_folder / "predictions"))
    with_labels = loaded.config.data.model_copy(update={"pseudo_labels": "pseudo/labels.csv"})
    config = loaded.config.model_copy(update={"data": with_labels})
    ignored = check_rules(config, len(predictions.class_names), options.ignore_rules, progress)
    found = _confident(predictions, options)
    about = {
        "command_line": " ".join(command_line()),
        "min_confidence": options.min_confidence,
        "most_per_class": options.most_per_class,
        "test_images": len(predictions.image_ids),
        "ignored_rules": ignored,
        "made_of": {"blend": read_seal(run.ensemble_folder).digest},
    }
    return PseudoLabelResult(
        path=write_pseudo_labels(run, found, predictions.class_names, about),
        num_images=len(found.image_ids),
        num_classes=len(set(found.labels.tolist())),
        num_test_images=len(predictions.image_ids),
        num_labelled=num_labelled,
        ignored_rules=tuple(ignored),
    )


def _confident(predictions: Predictions, options: PseudoLabelOptions) -> PseudoLabels:
    """The labels that the blend is sure enough of.

    Raises:
        RunError: There is none.
    """
    from kaggle_face.ensemble.pseudo_labels import choose_confident

    found = choose_confident(predictions, options.min_confidence, options.most_per_class)
    if not len(found.image_ids):
        surest = choose_confident(predictions, 0.0).confidences.max(initial=0.0)
        raise RunError(
            f"none of {counted(len(predictions.image_ids), 'test image')} has a class of probability "
            f"{options.min_confidence:g} or more (the surest has {surest:.3g}), so no file is written; "
            "lower --confidence, or train longer"
        )
    return found


def _without_labelled(run: RunFolder, predictions: Predictions) -> tuple[Predictions, int]:
    """The predictions of images whose class is not known, and how many others there are.

    Raises:
        RunError: The classes of all images are known.
    """
    import numpy as np

    from kaggle_face.inference.labelled_test import labelled_test_images

    # Images whose class is known measure how good a network is: nothing is trained on them.
    labelled = [labelled_test_images(fold) for fold in run.started_folds()]
    unknown = ~np.isin(predictions.image_ids, np.concatenate(labelled))
    num_labelled = int((~unknown).sum())
    if num_labelled == len(predictions.image_ids):
        raise RunError(
            f"all of {counted(num_labelled, 'test image', 'have a known class')}: such images measure "
            "networks and are not trained on, so there is nothing to label and no file is written"
        )
    if num_labelled:
        predictions = replace(
            predictions, image_ids=predictions.image_ids[unknown], logits=predictions.logits[unknown]
        )
    return predictions, num_labelled
