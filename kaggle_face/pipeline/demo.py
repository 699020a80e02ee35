"""The demo: the whole chain on generated faces, and its CSVs scored against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.run_choice import run_to_train
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.config import LoadedConfig
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.pipeline.ensemble import BlendResult, EnsembleOptions, ensemble_runs
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.inputs.preparing import PreparedImages, prepare_images
from kaggle_face.pipeline.predict import PredictOptions, PredictResult, predict_run
from kaggle_face.pipeline.submit import SubmitOptions, SubmitResult, write_submissions
from kaggle_face.pipeline.train import TrainResult, train_folds
from kaggle_face.progress import Progress
from kaggle_face.records import positions_of

FOLDS = (0, 1)

StageResult = PreparedImages | TrainResult | PredictResult | BlendResult | SubmitResult


@dataclass(frozen=True)
class Figures:
    """Accuracy and EER in [0, 1], and AUC."""

    accuracy: float
    eer: float
    auc: float


@dataclass(frozen=True)
class DemoRow:
    """A fold or the blend; `held_out` is None for the blend, `test` is measured against the truth."""

    name: str
    held_out: Figures | None
    test: Figures


@dataclass(frozen=True)
class DemoResult:
    """The figures of the demo, the blend's CSVs and the time of all stages."""

    run: RunFolder
    rows: tuple[DemoRow, ...]
    paths: tuple[Path, ...]
    seconds: float


def run_demo(
    loaded: LoadedConfig,
    overwrite: bool,
    progress: Progress,
    announce: Callable[[Sequence[str]], None] = lambda words: None,
    show: Callable[[StageResult], None] = lambda result: None,
) -> DemoResult:
    """Builds the image cache, trains two folds, predicts, blends and writes the checked CSVs.

    Args:
        loaded: The settings of the demo, with the overrides of this call.
        overwrite: Whether folds are trained anew that an earlier demo trained.
        progress: What long work reports to.
        announce: Receives the words of the command that does the same as the stage that begins.
        show: Receives the result of each stage.

    Raises:
        InputError: A stage refuses; see its function.
    """
    began = time.monotonic()
    run = run_to_train(loaded)
    name = run.path.name
    folds = ",".join(map(str, FOLDS))
    train = TrainOptions(overwrite=overwrite)
    stages: list[tuple[tuple[str, ...], Callable[[], StageResult]]] = [
        (("cache",), lambda: prepare_images(loaded, progress)),
        (
            ("train", "--fold", folds, *(["--overwrite"] if overwrite else [])),
            lambda: train_folds(loaded, run, FOLDS, train, progress),
        ),
        (("predict", "--run", name), lambda: predict_run(loaded, run, PredictOptions(), progress)),
        (("ensemble", "--run", name), lambda: ensemble_runs(loaded, [run], EnsembleOptions(), progress)),
        (
            ("submit", "--dry-run", "--run", name),
            lambda: write_submissions(loaded, run, SubmitOptions(), progress),
        ),
    ]
    for words, work in stages:
        announce(words)
        show(work())
    submissions = Path(loaded.config.paths.submissions) / loaded.name
    rows = _score(run, submissions, Path(loaded.config.data.root) / "truth")
    paths = sorted(submissions.glob(f"{name}_ensemble_*.csv"))
    return DemoResult(run, rows, tuple(paths), time.monotonic() - began)


def _score(run: RunFolder, submissions: Path, truth: Path) -> tuple[DemoRow, ...]:
    """The held-out figures of each fold, and all CSVs against the truth."""
    rows = []
    for fold in FOLDS:
        needed = ("results.best_cls.accuracy", "results.best_ver.eer", "results.best_ver.auc")
        results = run.fold(fold).read_info(*needed)["results"]
        best = results["best_ver"]
        held_out = Figures(results["best_cls"]["accuracy"], best["eer"], best["auc"])
        names = (f"fold{fold}_best_cls", f"fold{fold}_best_ver")
        rows.append(DemoRow(f"fold {fold}", held_out, _test_figures(run, names, submissions, truth)))
    blend = _test_figures(run, ("ensemble", "ensemble"), submissions, truth)
    return (*rows, DemoRow("ensemble", None, blend))


def _test_figures(run: RunFolder, names: tuple[str, str], submissions: Path, truth: Path) -> Figures:
    """The figures of a classification and a verification CSV."""
    stem = run.path.name
    found = read_table(submissions / f"{stem}_{names[0]}_classification.csv", ["id", "label"])
    right = read_table(truth / "test_labels.csv", ["id", "label"])
    rows = positions_of(right["id"], found["id"], "rows of the CSV")
    accuracy = float((found["label"][rows] == right["label"]).mean())
    scores = read_table(submissions / f"{stem}_{names[1]}_verification.csv", ["ID", "Label"])
    same = read_table(truth / "test_pairs.csv", ["ID", "Label"])
    rows = positions_of(same["ID"], scores["ID"], "rows of the CSV")
    summary = verification_summary(scores["Label"][rows].astype(float), same["Label"].astype(int))
    return Figures(accuracy, summary["eer"], summary["auc"])
