"""The plan and the table of the recipes."""

from __future__ import annotations

import pytest

from benchmarks.recipes.table import (
    MIXINGS,
    RECIPES,
    STARTS,
    Plan,
    chosen_names,
    planned_runs,
    tabulate,
)
from benchmarks.script import as_markdown
from kaggle_face.config import load_config
from kaggle_face.errors import InputError

EVERYTHING = Plan(RECIPES, MIXINGS, STARTS, seeds=2, epochs=7, pretrained=("model.weights=w.pth",))


def figures(accuracy: float, eer: float = 0.1) -> dict[str, float]:
    cost = {"pixels": 64, "epoch": 4, "minutes": 3.0}
    return {"accuracy": accuracy, "eer": eer, "auc": 0.9, "tpr@1e-2": 0.5, **cost}


def test_every_planned_run_has_valid_settings_and_a_name_of_its_own() -> None:
    runs = list(planned_runs(EVERYTHING))
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        load_config("recipes-table", run.overrides)


def test_every_row_trains_the_same_number_of_epochs() -> None:
    epochs: dict[object, int] = {}
    for run in planned_runs(EVERYTHING):
        config = load_config("recipes-table", run.overrides).config
        key = (run.row, config.seed)
        epochs[key] = epochs.get(key, 0) + config.train.epochs
    assert set(epochs.values()) == {7}


def test_a_fine_tuning_by_triplets_follows_what_it_starts_from() -> None:
    plan = Plan(("triplet",), ("plain",), ("scratch",), seeds=1, epochs=7)
    first, second = planned_runs(plan)
    assert not first.counts and second.counts
    assert f"model.init_from={first.name}@last" in second.overrides
    config = load_config("recipes-table", second.overrides).config
    assert (config.loss.metric, config.sampler.name, config.train.epochs) == ("triplet", "identities", 3)


def test_mixing_without_margins_is_a_row_of_margin_heads_and_metric_losses_alone() -> None:
    rows = {run.row[1] for run in planned_runs(EVERYTHING) if run.row[2] == "cutmix-unmixed"}
    assert rows == {"cosface", "arcface", "adaface", "subcenter", "triplet"}


def test_the_table_gives_mean_and_deviation_over_the_seeds() -> None:
    plan = Plan(("softmax", "triplet"), ("plain",), ("scratch",), seeds=2, epochs=4)
    measured = {
        "scratch-softmax-plain-0": figures(0.80, 0.12),
        "scratch-softmax-plain-1": figures(0.84, 0.14),
        "scratch-triplet-plain-0-first": figures(0.1, 0.5),
        "scratch-triplet-plain-0": figures(0.7, 0.05),
    }
    report = tabulate(plan, measured, {"device": "cpu"})
    softmax, triplet = report.rows
    # The deviation of 0.80 and 0.84 from their mean, divided by n - 1 = 1: sqrt(2 * 0.02^2) = 0.0283.
    assert softmax[:7] == ("scratch", "softmax", "plain", "64", "4", 2, ".8200 ± .0283")
    assert softmax[-1] == "3.0"
    assert triplet[3:7] == ("64", "8", 1, ".7000")
    assert triplet[-1] == "6.0"  # both of its stages, like the epochs
    assert report.sentence == (
        "Highest accuracy: softmax, plain, scratch (0.8200); "
        "lowest EER: triplet after softmax, plain, scratch (0.0500)."
    )
    text = as_markdown(report)
    assert "- device: cpu" in text and "| scratch | softmax | plain | 64 | 4 | 2 | .8200 ± .0283 |" in text


def test_nothing_trained_is_said() -> None:
    assert tabulate(EVERYTHING, {}, {}).sentence == "Nothing is trained yet."


def test_an_unknown_name_offers_the_nearest() -> None:
    assert chosen_names("cutmix,plain", MIXINGS, "--mixings") == ("plain", "cutmix")
    with pytest.raises(InputError, match="--recipes: there is no 'arcfase'; did you mean 'arcface'"):
        chosen_names("arcfase", RECIPES, "--recipes")
