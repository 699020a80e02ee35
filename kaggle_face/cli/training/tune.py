"""`kaggle-face tune`: searches settings on one fold, and writes the best as a config."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import (
    FoldFolder,
    RunFolder,
    command_line,
    describe_environment,
    run_folder,
)
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.cli.arguments import add_config_arguments, add_rules_argument, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import ConfigError, InputError, RunError
from kaggle_face.pipeline.rules_check import guard_rules

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.records import CompetitionData, Folds
    from kaggle_face.train.search.space import SearchSpace
    from kaggle_face.train.search.study import BestTrial, Search

_FIXED = (
    "competition.",
    "folds.",
    "paths.",
    "submit.",
    "predict.",
    "train.score",
    "train.max_hours",
    "device",
)
"""Settings that would make trials incomparable."""

_MARK = "# Found by `kaggle-face tune`:"


def add_arguments_tune(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `tune`."""
    parser.add_argument(
        "--space",
        required=True,
        metavar="FILE",
        help="YAML: a key of the settings, and a list of choices or {low: .., high: .., log: .., step: ..}",
    )
    parser.add_argument("--trials", type=int, default=20, metavar="N", help="trials in all (default: 20)")
    parser.add_argument("--hours", type=float, metavar="H", help="begin no trial after so many hours")
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="fold to train on (default: 0)")
    parser.add_argument(
        "--name", default="tune", help="name of the search (default: tune); it goes on if it is there"
    )
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_tune(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Runs the search until its number of trials is reached, and writes the best settings."""
    from kaggle_face.train.search.space import read_search_space

    if arguments.trials < 1:
        raise InputError(f"--trials must be >= 1, got {arguments.trials}")
    loaded = load_settings(arguments)
    space = read_search_space(Path(arguments.space))
    _check_space(space, arguments)
    target = _config_to_write(loaded, arguments)
    home = run_folder(Path(loaded.config.paths.runs), loaded.name, arguments.name)
    with writing_run(home):
        _search(home, space, target, loaded, arguments, terminal)


def _search(
    home: RunFolder,
    space: SearchSpace,
    target: Path,
    loaded: LoadedConfig,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> None:
    from kaggle_face.train.search.study import Search

    search = Search(home.path / "study.db", arguments.name, space, loaded.config.seed)
    for number in search.broken:
        _forget(number, loaded, arguments)
    _require_free_names(search, loaded, arguments)
    if search.num_done:
        terminal.log(f"{home.path}: goes on after trial {search.num_done - 1}")
    keep_best = _forgetting_all_but_the_best(search, loaded, arguments)
    run_trial = _training(loaded, arguments, terminal)
    search.run(arguments.trials, arguments.hours, run_trial, keep_best, terminal)
    best = search.best
    if best is None:
        raise InputError(
            f"no trial of {home.path} came to its end; widen {arguments.space} or raise --trials"
        )
    _write_best(target, best, loaded, arguments, search.num_done)
    terminal.log(f"{target}: score {best.score:.5f} in trial {best.number}; {', '.join(best.overrides)}")


def _check_space(space: SearchSpace, arguments: argparse.Namespace) -> None:
    """Loads the settings with the ends of every range and with every choice.

    Raises:
        ConfigError: A key or a value is wrong, or may not be searched.
    """
    from kaggle_face.config import load_config
    from kaggle_face.config.yaml_text import dump_yaml

    for key, entry in space.items():
        fixed = key.startswith(_FIXED) or (key.startswith("data.") and key != "data.image_size")
        if fixed:
            raise ConfigError(f"{arguments.space}: {key} cannot be searched: trials would not be comparable")
        for value in entry if isinstance(entry, tuple) else (entry.low, entry.high):
            text = dump_yaml(value).removesuffix("...\n").strip()
            load_config(arguments.config, [*arguments.overrides, f"{key}={text}"])


def _training(
    loaded: LoadedConfig, arguments: argparse.Namespace, terminal: Terminal
) -> Callable[[int, Sequence[str], Callable[[float], None]], None]:
    """What trains one trial of the search."""
    from kaggle_face.config import load_config
    from kaggle_face.pipeline.preparing import open_competition, open_folds, open_images
    from kaggle_face.pipeline.today import open_today

    data = open_competition(loaded.config)
    pack = open_images(loaded.config, data, terminal)
    folds = open_folds(loaded, data, pack)
    home = run_folder(Path(loaded.config.paths.runs), loaded.name, arguments.name)
    _require_same_data(home.path / "data.json", open_today(loaded.config, data, terminal, pack).training)

    def run_trial(number: int, overrides: Sequence[str], report: Callable[[float], None]) -> None:
        settings = load_config(arguments.config, [*arguments.overrides, *overrides])
        guard_rules(settings.config, len(data.classes), arguments.ignore_rules, terminal)
        folder = _folder_of(number, loaded, arguments)
        _train_trial(settings, folder, (data, folds), report, terminal)

    return run_trial


def _require_same_data(path: Path, training: Mapping[str, str]) -> None:
    """Keeps what the trials of a search are trained on, and compares it when the search goes on."""
    if not path.is_file():
        write_json(path, training)
    elif read_json(path) != dict(training):
        raise RunError(
            f"the data changed since the search {path.parent} began, so its trials cannot be compared with "
            "new ones; search under another --name"
        )


def _train_trial(
    settings: LoadedConfig,
    folder: FoldFolder,
    material: tuple[CompetitionData, Folds],
    report: Callable[[float], None],
    terminal: Terminal,
) -> None:
    from kaggle_face.pipeline.preparing import open_images
    from kaggle_face.pipeline.today import open_today
    from kaggle_face.train.fold import train_fold
    from kaggle_face.train.settings import fold_task
    from kaggle_face.train.trainer import Call

    data, folds = material
    pack = open_images(settings.config, data, terminal)
    task = fold_task(data, folds, pack, folder.fold)
    about = {
        "kind": "trial",
        "made_of": dict(open_today(settings.config, data, terminal, pack).training),
        "began_at": time_of_now(),
        "config": settings.name,
        "settings": settings.word,
        "overrides": list(settings.overrides),
        "folds": folds.name,
        "num_folds": folds.count,
        **describe_environment(command_line(), settings.config.device),
    }
    call = Call(about, terminal, lambda row: report(row["score"]))
    with writing_run(RunFolder(folder.path.parent)):
        train_fold(settings.config, task, folder, "new", call)


def _require_free_names(search: Search, loaded: LoadedConfig, arguments: argparse.Namespace) -> None:
    """Checks that no trial to come would be filed under the name of a run that is there.

    Raises:
        InputError: There is such a run.
    """
    for number in search.coming(arguments.trials):
        run = _folder_of(number, loaded, arguments).path.parent
        if run.exists():
            raise InputError(
                f"{run} is there and is not of this search, which would write trial {number} to it; "
                "move it away, or search under another --name"
            )


def _folder_of(number: int, loaded: LoadedConfig, arguments: argparse.Namespace) -> FoldFolder:
    runs = Path(loaded.config.paths.runs)
    return run_folder(runs, loaded.name, f"{arguments.name}-{number}").fold(arguments.fold)


def _forgetting_all_but_the_best(
    search: Search, loaded: LoadedConfig, arguments: argparse.Namespace
) -> Callable[[int], None]:
    """What keeps the disk free: of all trials the best alone stays as a run."""
    kept: int | None = None if search.best is None else search.best.number

    def forget(number: int) -> None:
        nonlocal kept
        best = None if search.best is None else search.best.number
        for other in {number, kept} - {best, None}:
            assert other is not None
            _forget(other, loaded, arguments)
        kept = best

    return forget


def _forget(number: int, loaded: LoadedConfig, arguments: argparse.Namespace) -> None:
    run = RunFolder(_folder_of(number, loaded, arguments).path.parent)
    with writing_run(run):
        shutil.rmtree(run.path, ignore_errors=True)


def _config_to_write(loaded: LoadedConfig, arguments: argparse.Namespace) -> Path:
    """`configs/<config>-<name>.yaml`, unless somebody else wrote it."""
    path = Path("configs") / f"{loaded.name}-{arguments.name}.yaml"
    if path.is_file() and not path.read_bytes().startswith(_MARK.encode()):
        raise InputError(f"{path} was not written by tune; move it away, or search under another --name")
    return path


def _write_best(
    path: Path, best: BestTrial, loaded: LoadedConfig, arguments: argparse.Namespace, num_trials: int
) -> None:
    """Writes the best settings as a config that extends the one that was searched."""
    from kaggle_face.config.yaml_text import dump_yaml

    parent = arguments.config if not arguments.config.endswith((".yaml", ".yml")) else str(loaded.path)
    kept = [text for text in loaded.overrides if not text.startswith(("paths.", "device="))]
    values = _nested([*kept, *best.overrides])
    head = f"{_MARK} score {best.score:.5f} on fold {arguments.fold}, the best of {num_trials} trials.\n"
    path.parent.mkdir(exist_ok=True)
    write_text(path, head + dump_yaml({"extends": parent, **values}))


def _nested(overrides: Sequence[str]) -> Mapping[str, Any]:
    """The settings that overrides stand for, part by part.

    >>> _nested(["optim.lr=0.1", "seed=3", "optim.name=sgd"])
    {'optim': {'lr': 0.1, 'name': 'sgd'}, 'seed': 3}
    """
    from kaggle_face.config.yaml_text import parse_yaml

    values: dict[str, Any] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        *parts, last = key.split(".")
        inner = values
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = parse_yaml(value)
    return values
