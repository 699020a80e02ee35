"""The networks of a run within a budget: its folds, or where dev is held out, trainings of other seeds.

Dev that is held out is one fold, and each further network of it is a run of its own beside the first:
`main-seed1` beside `main`. They see as much of the pictures as folds of these numbers would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.artifacts.run_choice import name_of_seed, run_of_seed
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config import Config, LoadedConfig, load_config
from kaggle_face.errors import RunError, counted

_SEEDS = 2**31
"""As many as `Config.seed` allows."""


@dataclass(frozen=True)
class Network:
    """A network of a run within a budget.

    Attributes:
        name: What its stage is called.
        loaded: Its settings.
        run: Where it is filed.
        fold: Its fold.
    """

    name: str
    loaded: LoadedConfig
    run: RunFolder
    fold: int

    @property
    def folder(self) -> FoldFolder:
        """Its folder, which need not exist yet."""
        return self.run.fold(self.fold)

    @property
    def last_state(self) -> float | None:
        """When its last state was written, from which a killed training goes on, or its end."""
        files = (self.folder.resume_file, self.folder.info_file if self.folder.is_finished else None)
        return next((file.stat().st_mtime for file in files if file is not None and file.is_file()), None)


def most_networks(folds: int, wanted: int) -> int:
    """How many of the wanted networks a split allows: as many as it has folds, and of a single fold all.

    >>> most_networks(5, 8), most_networks(5, 2), most_networks(1, 8)
    (5, 2, 8)
    """
    return min(folds, wanted) if folds > 1 else wanted


def name_of_network(config: Config, number: int) -> str:
    """What the stage of a network is called.

    >>> from kaggle_face.config import FoldsConfig
    >>> name_of_network(Config(), 1), name_of_network(Config(folds=FoldsConfig(dev="holdout")), 1)
    ('fold 1', 'fold 0, seed 1')
    """
    if number < config.folds.total:
        return f"fold {number}"
    return name_of_seed(_seed_of(config, number))


def networks_in_words(config: Config, count: int) -> str:
    """The number of networks, and what they differ in.

    >>> from kaggle_face.config import FoldsConfig
    >>> networks_in_words(Config(), 2), networks_in_words(Config(folds=FoldsConfig(dev="holdout")), 3)
    ('2 of 5 folds', '3 of fold 0, seeds 0 to 2')
    >>> from kaggle_face.config import ModelConfig
    >>> model = ModelConfig(further_center_crops=(0.65,))
    >>> networks_in_words(Config(folds=FoldsConfig(dev="holdout"), model=model), 3)
    '3 of fold 0, seeds 0 to 2, which see 100, 65, 100 % of each side'
    """
    folds = config.folds.total
    words = f"{count} of {counted(folds, 'fold')}"
    if count > folds:
        words = f"{count} of fold 0, seeds {config.seed} to {_seed_of(config, count - 1)}"
    crops = [f"{100 * config.model.of_fold(number).center_crop:g}" for number in range(count)]
    return words if len(set(crops)) == 1 else f"{words}, which see {', '.join(crops)} % of each side"


def network_of(loaded: LoadedConfig, run: RunFolder, number: int) -> Network:
    """A network of a run.

    Args:
        loaded: The settings of the run.
        run: Its folder.
        number: From 0 on.

    Raises:
        ConfigError: The settings cannot be read.
    """
    config, name = loaded.config, name_of_network(loaded.config, number)
    if number < config.folds.total:
        return Network(name, loaded, run, number)
    seed = _seed_of(config, number)
    crop = config.model.of_fold(number).center_crop
    overrides = [*loaded.overrides, f"seed={seed}"]
    if crop != config.model.center_crop:
        overrides.append(f"model.center_crop={crop}")
    other = load_config(loaded.word, overrides)
    return Network(name, other, run_of_seed(run, seed), 0)


def runs_of(networks: Sequence[Network]) -> list[RunFolder]:
    """The runs that networks are filed under, each once."""
    return list(dict.fromkeys(network.run for network in networks))


def folds_of(networks: Sequence[Network]) -> list[int]:
    """The folds of networks, each once."""
    return sorted({network.fold for network in networks})


def require_free(networks: Sequence[Network]) -> None:
    """Checks that no other run lies where these would be trained, beside their first.

    Raises:
        RunError: One does.
    """
    first, *others = runs_of(networks)
    taken = [run for run in others if run.path.exists()]
    if taken:
        raise RunError(
            f"{taken[0].path} is there, and {first.name} would train its further networks in a run of that "
            "name; rename or remove it, or give this run another name: --run NAME"
        )


def _seed_of(config: Config, number: int) -> int:
    return (config.seed + number) % _SEEDS
