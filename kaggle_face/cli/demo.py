"""`kaggle-face demo`: the whole chain on generated faces, then its CSVs scored against the truth."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from kaggle_face.artifacts.runs import RunFolder, name_of_run, run_folder
from kaggle_face.cli.main import dispatch
from kaggle_face.cli.terminal import Terminal
from kaggle_face.hints import command_line

_FOLDS = (0, 1)
_FIGURES = ("results.best_cls.accuracy", "results.best_ver.eer", "results.best_ver.auc")


def add_arguments_demo(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `demo`."""
    parser.add_argument("--overwrite", action="store_true", help="train anew what an earlier demo trained")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="settings that differ")


def run_demo(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Packs, trains two folds, predicts, blends, writes the checked CSVs, and prints the figures."""
    from kaggle_face.config import load_config

    began = time.monotonic()
    train = ["train", "--fold", ",".join(map(str, _FOLDS)), *(["--overwrite"] if arguments.overwrite else [])]
    run_name = name_of_run(arguments.overrides)
    later = (["predict"], ["ensemble"], ["submit", "--dry-run"])
    for words in (["pack"], train, *([*words, "--run", run_name] for words in later)):
        shared = ["--config", "demo", *arguments.overrides]
        terminal.lines(["", f"$ {command_line(*words, *shared)}"])
        dispatch([*words, *shared], terminal)
    config = load_config("demo", arguments.overrides).config
    run = run_folder(Path(config.paths.runs), "demo", run_name)
    submissions, truth = Path(config.paths.submissions) / "demo", Path(config.data.root) / "truth"
    terminal.log("")
    terminal.table(*score_submissions(run, submissions, truth))
    paths = sorted(submissions.glob(f"{run.path.name}_ensemble_*.csv"))
    terminal.lines(["", f"{' and '.join(map(str, paths))}; all in {time.monotonic() - began:.0f} s"])


def score_submissions(run: RunFolder, submissions: Path, truth: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the demo's table: held-out figures of each fold, and its CSVs against the truth."""
    header = ["", "held-out accuracy", "EER", "AUC", "test accuracy", "EER", "AUC"]
    rows = []
    for fold in _FOLDS:
        results = run.fold(fold).read_info(*_FIGURES)["results"]
        held_out = [
            _percent(results["best_cls"]["accuracy"]),
            _percent(results["best_ver"]["eer"]),
            f"{results['best_ver']['auc']:.4f}",
        ]
        names = (f"fold{fold}_best_cls", f"fold{fold}_best_ver")
        rows.append([f"fold {fold}", *held_out, *_test_figures(run, names, submissions, truth)])
    blend = _test_figures(run, ("ensemble", "ensemble"), submissions, truth)
    return header, [*rows, ["ensemble", "", "", "", *blend]]


def _test_figures(run: RunFolder, names: Sequence[str], submissions: Path, truth: Path) -> list[str]:
    """Accuracy, EER and AUC of a classification and a verification CSV."""
    from kaggle_face.artifacts.tables import read_table
    from kaggle_face.metrics.verification import verification_summary
    from kaggle_face.records import positions_of

    stem = run.path.name
    found = read_table(submissions / f"{stem}_{names[0]}_classification.csv", ["id", "label"])
    right = read_table(truth / "test_labels.csv", ["id", "label"])
    rows = positions_of(right["id"], found["id"], "rows of the CSV")
    accuracy = float((found["label"][rows] == right["label"]).mean())
    scores = read_table(submissions / f"{stem}_{names[1]}_verification.csv", ["ID", "Label"])
    same = read_table(truth / "test_pairs.csv", ["ID", "Label"])
    rows = positions_of(same["ID"], scores["ID"], "rows of the CSV")
    figures = verification_summary(scores["Label"][rows].astype(float), same["Label"].astype(int))
    return [_percent(accuracy), _percent(figures["eer"]), f"{figures['auc']:.4f}"]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"
