"""`python -m benchmarks.blends`: backbones over shared folds, their soups and blends, on one's own faces."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.blends.faces import BlendFaces, lay_out_blend_faces
from benchmarks.blends.figures import CHECKPOINT, measure_blends
from benchmarks.blends.table import settings_of_backbone
from benchmarks.script import faces_to_lay_out, run_script, train_missing_folds, write_reports
from kaggle_face.artifacts.runs import RunFolder, run_folder
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import RunError

_CONFIG = "blends-table"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--measured", metavar="DIR", help="people to train on, whose accuracy is measured")
    parser.add_argument(
        "--judges", metavar="DIR", help="people by whose trials blends are chosen; not trained on"
    )
    parser.add_argument(
        "--verified", metavar="DIR", help="people of the final trials; nothing is chosen or trained by them"
    )
    parser.add_argument(
        "--pairs", metavar="FILE", help="the final trials as in LFW's View 2: 'name i j', 'name i name j'"
    )
    parser.add_argument(
        "--backbones",
        default="resnet,shufflenet,mobilenet",
        metavar="NAME,...",
        help="resnet, shufflenet, mobilenet (small ones; default: these three), or names of model.backbone",
    )
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="settings that differ for all runs"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    return run_script(
        "blends",
        "backbones over shared folds, their soups and blends compared on your own faces",
        _add_arguments,
        _compare,
        argv,
        "trainings that ended are kept, and the one that was running goes on",
    )


def _compare(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lays the faces out, trains what is missing, and writes `blends.md` and `blends.json`."""
    loaded = load_config(_CONFIG, arguments.overrides)
    _lay_out(arguments, Path(loaded.config.data.root), terminal)
    names = arguments.backbones.split(",")
    runs = [_train(name, arguments.overrides, terminal) for name in names]
    soups = [_make_soup(name, arguments.overrides, terminal) for name in names]
    for name, *both in zip(names, runs, soups, strict=True):
        for folder in both:
            _predict(folder, _settings(name, arguments.overrides), terminal)
    reports = measure_blends(loaded, runs, soups, terminal)
    for report in reports:
        terminal.table(report.columns, report.as_text())
        terminal.log("")
    path = write_reports("blends", reports, {report.part: report.as_values() for report in reports})
    terminal.log(f"{path}")


def _lay_out(arguments: argparse.Namespace, root: Path, terminal: Terminal) -> None:
    given = faces_to_lay_out(arguments, ("measured", "judges", "verified", "pairs"), root)
    if given is None:
        return
    found = lay_out_blend_faces(BlendFaces(*given), root)
    terminal.log(
        f"{root}: {found.people} people with {found.train_images} images to train on and "
        f"{found.test_images} test images; {found.judging_trials} trials of {found.judging_people} people "
        f"to choose by, {found.test_trials} test trials"
    )
    if found.left_out:
        terminal.log(f"left out, as the test trials may name them: {', '.join(found.left_out)}")


def _train(name: str, overrides: Sequence[str], terminal: Terminal) -> RunFolder:
    """Trains every fold of a backbone that is not finished."""
    loaded = load_config(_CONFIG, _settings(name, overrides))
    run = _run(loaded, name)
    if len(run.finished_folds()) < loaded.config.folds.count:
        train_missing_folds(loaded, name, None, True, terminal)
    if len(run.finished_folds()) < loaded.config.folds.count:
        raise RunError(f"{run.name} was stopped; give the command once more to go on")
    return run


def _make_soup(name: str, overrides: Sequence[str], terminal: Terminal) -> RunFolder:
    """One soup for each fold of a backbone, of the checkpoints of its training."""
    from kaggle_face.config import load_config
    from kaggle_face.pipeline.improving.soup import SoupOptions, make_soups

    loaded = load_config(_CONFIG, _settings(name, overrides))
    soup = _run(loaded, f"{name}-soup")
    if len(soup.finished_folds()) < loaded.config.folds.count:
        make_soups(loaded, [_run(loaded, name)], SoupOptions(name=soup.path.name, overwrite=True), terminal)
    return soup


def _predict(run: RunFolder, overrides: Sequence[str], terminal: Terminal) -> None:
    """The test records of the last epoch of every fold that lacks them."""
    from kaggle_face.config import load_config
    from kaggle_face.pipeline.predict import PredictOptions, predict_run

    lacking = [
        fold.fold
        for fold in run.finished_folds()
        if not fold.record_folder("test", CHECKPOINT, "pairs").is_dir()
    ]
    if lacking:
        options = PredictOptions(folds=lacking, checkpoints=[CHECKPOINT])
        predict_run(load_config(_CONFIG, overrides), run, options, terminal)


def _settings(name: str, overrides: Sequence[str]) -> list[str]:
    """The training settings of a backbone, its own last."""
    return [*overrides, *settings_of_backbone(name)]


def _run(loaded: LoadedConfig, name: str) -> RunFolder:
    return run_folder(Path(loaded.config.paths.runs), loaded.name, name)


if __name__ == "__main__":
    run_program(sys.argv[1:], main)
