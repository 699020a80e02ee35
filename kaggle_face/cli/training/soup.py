"""`kaggle-face soup`: one network out of the weights of several checkpoints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import (
    CHECKPOINTS,
    FoldFolder,
    RunFolder,
    command_line,
    describe_environment,
    run_folder,
)
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.cli.arguments import (
    DEFAULT_RUN,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    load_settings,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import RunError


def add_arguments_soup(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `soup`."""
    parser.add_argument(
        "--run",
        action="append",
        metavar="NAME",
        help=f"a run whose checkpoints are mixed; repeat it for several ({DEFAULT_RUN})",
    )
    add_folds_argument(parser, "folds, each its own soup (default: all that are finished)")
    add_checkpoints_argument(parser, "all")
    parser.add_argument(
        "--across-folds",
        action="store_true",
        help="one soup of all folds, judged by the labelled pairs that they share",
    )
    parser.add_argument("--name", default="soup", help="name of the new run (default: soup)")
    parser.add_argument("--overwrite", action="store_true", help="replace an older soup of that name")
    add_config_arguments(parser)


def run_soup(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Makes a soup of each fold, or one of all folds, and writes it as a run."""
    loaded = load_settings(arguments)
    runs_folder = Path(loaded.config.paths.runs)
    runs = [find_own_run(loaded, name, terminal.log) for name in arguments.run or [None]]
    folds = arguments.folds or [folder.fold for folder in runs[0].finished_folds()]
    if not folds:
        raise RunError(f"{runs[0].name} has no finished fold; train one first: {runs[0].training_command()}")
    sources = {fold: [_finished(run, fold) for run in runs] for fold in folds}
    target = run_folder(runs_folder, loaded.name, arguments.name)
    with writing_run(target):
        if target.path.exists() and (target in runs or not arguments.overwrite):
            raise RunError(f"there is a run at {target.path}; choose another --name, or --overwrite it")
        with replacing_folder(target.path) as new:
            rows = _make_soups(arguments, sources, RunFolder(new), terminal)
    terminal.table(["fold", "score", "best alone", "soup of"], rows)
    terminal.log(f"{target.path}: go on with: {target.command('predict')}")


def _make_soups(
    arguments: argparse.Namespace,
    sources: dict[int, list[FoldFolder]],
    target: RunFolder,
    terminal: Terminal,
) -> list[list[str]]:
    from kaggle_face.pipeline.preparing import open_competition, open_folds, open_images, settings_of_run
    from kaggle_face.pipeline.today import open_today, require_current_training
    from kaggle_face.train.averaging.soup import distinct_sources, make_soup, shared_task
    from kaggle_face.train.settings import fold_task
    from kaggle_face.train.training_set import adjust_training_set

    first = next(iter(sources.values()))[0]
    trained = settings_of_run(arguments.config, RunFolder(first.path.parent), [first], arguments.overrides)
    data = open_competition(trained.config)
    pack = open_images(trained.config, data, terminal)
    folds = open_folds(trained, data, pack)
    settings = trained.config.data
    tasks = {fold: adjust_training_set(fold_task(data, folds, pack, fold), settings) for fold in sources}
    if arguments.across_folds:
        tasks = {min(tasks): shared_task(list(tasks.values()))}
        sources = {min(tasks): [folder for folders in sources.values() for folder in folders]}
    today = open_today(trained.config, data, terminal, pack)
    for folder in (folder for folders in sources.values() for folder in folders):
        require_current_training(folder, today, "train")
    about = {
        **describe_environment(command_line(), trained.config.device),
        "made_of": dict(today.training),
        "began_at": time_of_now(),
    }
    rows = []
    for fold, task in tasks.items():
        found = distinct_sources(sources[fold], arguments.checkpoints or CHECKPOINTS)
        soup = make_soup(trained.config, task, found, target.fold(fold), about, terminal)
        rows.append([str(fold), f"{soup.score:.5f}", f"{soup.best_alone:.5f}", _listed(soup.names)])
    return rows


def _finished(run: RunFolder, fold: int) -> FoldFolder:
    if not run.fold(fold).is_finished:
        raise RunError(f"{run.name} has no finished fold {fold}; run: {run.training_command(fold)}")
    return run.fold(fold)


def _listed(names: Sequence[str]) -> str:
    return " + ".join(names)
