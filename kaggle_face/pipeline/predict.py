"""Prediction of the test set with the checkpoints of a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaggle_face.artifacts.checkpoint_names import require_checkpoints
from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.run_locks import writing_beside_folds, writing_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import counted
from kaggle_face.inference.labelled_test import measure_labelled_test
from kaggle_face.pipeline.inputs.preparing import chosen_folds, open_competition, open_images, settings_of_run
from kaggle_face.pipeline.inputs.today import (
    open_today,
    require_current_training,
    require_same_classes,
    require_unchanged,
)
from kaggle_face.progress import Progress

if TYPE_CHECKING:
    from kaggle_face.pipeline.improving.tta import TtaChoice


@dataclass(frozen=True)
class PredictOptions:
    """Options of a prediction.

    Attributes:
        folds: Numbers of folds; None: all that were trained.
        checkpoints: None: all that each fold has.
        try_tta: Whether test-time augmentation is measured on held-out data first.
        ignore_changes: Whether the training images may have changed since the run was trained.
    """

    folds: Sequence[int] | None = None
    checkpoints: Sequence[CheckpointName] | None = None
    try_tta: bool = False
    ignore_changes: bool = False

    def __post_init__(self) -> None:
        require_checkpoints(self.checkpoints)


@dataclass(frozen=True)
class PredictedFold:
    """The test records of one fold."""

    fold: int
    checkpoints: tuple[CheckpointName, ...]
    num_images: int


@dataclass(frozen=True)
class PredictResult:
    """The result of `predict_run`; `tta` is None unless test-time augmentation was tried."""

    run: RunFolder
    folds: tuple[PredictedFold, ...]
    tta: TtaChoice | None = None


def predict_run(
    loaded: LoadedConfig, run: RunFolder, options: PredictOptions, progress: Progress
) -> PredictResult:
    """Writes the test records of the chosen folds and checkpoints of one run.

    Raises:
        RunError: A fold was not trained, or the settings or the training images changed since.
        DataError: The raw folder cannot be read, or changed meanwhile.
    """
    run.require_networks("to predict with")
    folds = chosen_folds(run, options.folds)
    with ExitStack() as locks:
        locks.enter_context(writing_folds(run, [folder.fold for folder in folds]))
        if options.try_tta:
            locks.enter_context(writing_beside_folds([run]))
        for folder in folds:
            remove_abandoned(folder.path)
        return _predict_folds(loaded, run, folds, options, progress)


def _predict_folds(
    loaded: LoadedConfig,
    run: RunFolder,
    folds: Sequence[FoldFolder],
    options: PredictOptions,
    progress: Progress,
) -> PredictResult:
    trained = settings_of_run(loaded.word, run, folds, loaded.overrides)
    config, averaging, tta = trained.config, trained.config.predict, None
    data = open_competition(config, progress)
    cache = open_images(config, data, progress)
    today = open_today(config, data, progress, cache)
    for folder in () if options.ignore_changes else folds:
        require_current_training(folder, today, "predict")
    for folder in folds:
        require_same_classes(folder, today)

    # torch takes seconds to import: what can be refused is refused before.
    from kaggle_face.inference.prediction import Predictor, gather_test_set
    from kaggle_face.model.device import resolve_device

    if options.try_tta:
        from kaggle_face.pipeline.improving.tta import choose_tta

        tta = choose_tta(trained, run, folds, progress)
        averaging = averaging.model_copy(update={"flip": tta.flip, "crops": tta.crops})
    test_set, predicted = gather_test_set(data, cache), []
    predictor = Predictor(test_set, today.tables, averaging, resolve_device(config.device), progress)
    images = counted(len(test_set.embedded_ids), "image")
    for place, folder in enumerate(folds):
        checkpoints = options.checkpoints or folder.checkpoints
        predictor.predict_fold(folder, checkpoints, folds_after=len(folds) - place - 1)
        progress.log(f"fold {folder.fold} of {run.name}: {images}, {', '.join(checkpoints)}")
        for name in checkpoints:
            if (accuracy := measure_labelled_test(folder, name)) is not None:
                progress.log(f"fold {folder.fold} {name}: {accuracy}")
        predicted.append(PredictedFold(folder.fold, tuple(checkpoints), len(test_set.embedded_ids)))
    require_unchanged(config, today, progress)
    return PredictResult(run, tuple(predicted), tta)
