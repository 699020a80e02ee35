"""The settings file of a plan: written as differences from the competition's, and changed by a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.files.reading import read_text
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import Config, LoadedConfig, load_config, with_overrides
from kaggle_face.config.comparing import changed_settings
from kaggle_face.config.loading import find_parent
from kaggle_face.config.yaml_text import dump_yaml, read_yaml
from kaggle_face.errors import ConfigError, RunError, counted
from kaggle_face.pipeline.budget.ladder import Rung
from kaggle_face.pipeline.budget.networks import most_networks, network_of
from kaggle_face.pipeline.budget.plan import Plan, budget_in_words
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, record_file
from kaggle_face.pipeline.budget.settings import differing_values
from kaggle_face.tasks import Purpose

_MARK = "# Written by kaggle-face run"
_RECIPE = re.compile(r"^# recipe: (\S+)", re.MULTILINE)
_MOST_BYTES = 1 << 20


def budget_word(seconds: float) -> str:
    """A budget in a file's name.

    >>> [budget_word(seconds) for seconds in (150, 480, 7200, 43_200)]
    ['2.5min', '8min', '2h', '12h']
    """
    return f"{seconds / 60:.4g}min" if seconds < 7200 else f"{seconds / 3600:.4g}h"


def settings_file(loaded: LoadedConfig, seconds: float, goal: Purpose | None) -> Path:
    """The path of a plan's settings: a file for each budget, and each goal that is named.

    Raises:
        ConfigError: A file is there that no plan wrote, or that of another competition's settings.
    """
    ending = "" if goal is None else f"-{goal}"
    path = Path("configs") / f"{loaded.name}-{budget_word(seconds)}{ending}.yaml"
    is_of_plan = not path.exists() or (path.is_file() and read_text(path, _MOST_BYTES).startswith(_MARK))
    if not is_of_plan:
        raise ConfigError(f"{path} is there and was not written by kaggle-face run; rename it")
    _require_own_plan(path, loaded)
    return path


def _require_own_plan(path: Path, loaded: LoadedConfig) -> None:
    """Checks that a plan extends, or would extend, the settings that it is a plan of.

    Raises:
        ConfigError: It extends others, of the same name in another folder.
    """
    parent: object = loaded.word
    try:
        if path.is_file() and isinstance(values := read_yaml(path), dict):
            parent = values.get("extends")
        if loaded.path is None or not isinstance(parent, str):
            return
        found = find_parent(path, parent)
    except ConfigError:  # reading it says so, unless it is planned anew
        return
    if found.resolve() != loaded.path.resolve():
        raise ConfigError(
            f"the plan {path} extends {found}, and this call is for {loaded.path}; rename one of the two, so "
            "that each has plans of its own"
        )


def require_no_other_limit(config: Config, overrides: Sequence[str], is_as_found: bool) -> None:
    """Checks that nothing but the budget ends a training; a recipe takes the place of what settings say.

    Raises:
        ConfigError: `train.max_hours` would.
    """
    if not is_as_found:
        train = config.train.model_copy(update={"max_hours": None})
        config = with_overrides(config.model_copy(update={"train": train}), overrides)
    if config.train.max_hours is not None:
        raise ConfigError(
            f"train.max_hours={config.train.max_hours:g} and a budget would both end a training; leave it out"
        )


def require_same_settings(planned: LoadedConfig, run: RunFolder, record: BudgetRecord) -> None:
    """Checks that networks which are trained were trained with the settings as they stand now.

    Raises:
        RunError: One was trained with others.
    """
    for network in (network_of(planned, run, number) for number in record.trained):
        if not network.folder.is_finished:
            continue
        changes = changed_settings(network.folder.read_config(), network.loaded.config, "resume")
        if changes:
            raise RunError(
                f"{planned.path}: the settings changed since {network.name} of {run.name} was trained: "
                f"{'; '.join(changes)}; put them back, or begin another run with them: --run NAME"
            )


def rung_of_plan(path: Path, ladder: Sequence[Rung]) -> Rung:
    """The recipe that a written plan names.

    Raises:
        ConfigError: The line is gone, or there is no such recipe any more.
    """
    found = _RECIPE.search(read_text(path, _MOST_BYTES))
    rung = next((each for each in ladder if found is not None and each.name == found[1]), None)
    if rung is None:
        raise ConfigError(f"{path}: its line '# recipe: ...' names no recipe; plan anew with --overwrite")
    return rung


def require_folds(planned: LoadedConfig, plan: Course, run: RunFolder) -> None:
    """Checks that settings which a person changed still make the folds of the plan.

    Raises:
        ConfigError: They make fewer.
    """
    most, folds = plan.most_networks, planned.config.folds.total
    if most > most_networks(folds, most):
        raise ConfigError(
            f"{record_file(run)} plans up to {counted(most, 'fold')}, and {planned.path} makes {folds}; "
            "set folds as they were, or plan anew with --overwrite"
        )


def write_settings(path: Path, loaded: LoadedConfig, plan: Plan) -> None:
    """Writes the settings of a plan as differences from the competition's."""
    word = loaded.word
    lines = [
        f"{_MARK} for a budget of {budget_in_words(plan.budget_seconds)}.",
        "# Change what you like: the same call takes this file as it stands; --overwrite plans anew.",
        f"# recipe: {plan.rung.name} ({plan.rung.source})",
        f"# expected: {plan.expected}",
        f"# networks: {plan.networks_in_words}, each about {plan.length:.1f} epochs",
        "",
    ]
    values = dump_yaml({"extends": word, **differing_values(load_config(word).config, plan.config)})
    path.parent.mkdir(exist_ok=True)
    write_text(path, "\n".join(lines) + values)
