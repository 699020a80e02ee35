"""The networks of a run within a budget: folds, or runs of other seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import load_config
from kaggle_face.errors import RunError
from kaggle_face.pipeline.budget.networks import (
    folds_of,
    network_of,
    networks_in_words,
    require_free,
    runs_of,
)

RUN = RunFolder(Path("runs/demo/main"))


def test_folds_are_networks_of_one_run(demo_folder: Path) -> None:
    loaded = load_config("demo", ["folds.count=3"])
    networks = [network_of(loaded, RUN, number) for number in range(3)]
    assert [network.name for network in networks] == ["fold 0", "fold 1", "fold 2"]
    assert runs_of(networks) == [RUN] and folds_of(networks) == [0, 1, 2]
    assert all(network.loaded is loaded for network in networks)


def test_networks_of_a_single_fold_are_runs_of_other_seeds(demo_folder: Path) -> None:
    loaded = load_config("demo", ["folds.dev=holdout", "seed=41", "optim.lr=0.2"])
    networks = [network_of(loaded, RUN, number) for number in range(3)]
    assert [network.name for network in networks] == ["fold 0", "fold 0, seed 42", "fold 0, seed 43"]
    assert [network.run.name for network in networks] == ["demo/main", "demo/main-seed42", "demo/main-seed43"]
    assert folds_of(networks) == [0] and [network.folder.fold for network in networks] == [0, 0, 0]
    assert [network.loaded.config.seed for network in networks] == [41, 42, 43]
    for network in networks:  # all but the seed is as it was set, the split included
        assert network.loaded.config.model_copy(update={"seed": 41}) == loaded.config
        assert network.loaded.name == "demo"


def test_networks_of_a_single_fold_see_their_shares_of_the_pictures_in_turn(demo_folder: Path) -> None:
    crops = "model.further_center_crops=[0.65,1.0,0.8]"
    loaded = load_config("demo", ["folds.dev=holdout", crops, "model.center_crop=0.95"])
    networks = [network_of(loaded, RUN, number) for number in range(6)]
    shares = [network.loaded.config.model.center_crop for network in networks]
    assert shares == [0.95, 0.65, 1, 0.8, 0.95, 0.65]
    first, last = networks[0].loaded.config, networks[4].loaded.config
    assert last.model_copy(update={"seed": first.seed}) == first
    words = networks_in_words(loaded.config, 6)
    assert words == "6 of fold 0, seeds 0 to 5, which see 95, 65, 100, 80, 95, 65 % of each side"


def test_folds_see_their_shares_by_the_settings_of_their_run(demo_folder: Path) -> None:
    loaded = load_config("demo", ["folds.count=3", "model.further_center_crops=[0.65]"])
    assert [network_of(loaded, RUN, number).loaded for number in range(3)] == [loaded] * 3
    assert networks_in_words(loaded.config, 2) == "2 of 3 folds, which see 100, 65 % of each side"


def test_the_largest_seed_is_followed_by_the_smallest(demo_folder: Path) -> None:
    loaded = load_config("demo", ["folds.dev=holdout", f"seed={2**31 - 1}"])
    assert network_of(loaded, RUN, 1).loaded.config.seed == 0


def test_a_run_of_somebody_else_is_not_gone_on_with(demo_folder: Path) -> None:
    loaded = load_config("demo", ["folds.dev=holdout"])
    networks = [network_of(loaded, RUN, number) for number in range(3)]
    RUN.path.mkdir(parents=True)
    require_free(networks)
    networks[2].run.path.mkdir(parents=True)
    with pytest.raises(RunError, match=r"main-seed2 is there, .* another name: --run NAME$"):
        require_free(networks)
    require_free(networks[:2])
