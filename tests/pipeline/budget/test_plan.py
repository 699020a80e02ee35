"""Plans: the stages with their times, epochs, folds and what is kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from kaggle_face.config import load_config
from kaggle_face.pipeline.budget.estimates import Estimate, Known
from kaggle_face.pipeline.budget.ladder import read_ladder
from kaggle_face.pipeline.budget.networks import most_networks
from kaggle_face.pipeline.budget.plan import Budget, Candidate, seconds_of_training_image
from kaggle_face.pipeline.budget.settings import settings_of_rung
from kaggle_face.pipeline.budget.trial import NetworkRates
from tests.support.budgets import PINS, seconds_of

LADDER = {rung.name: rung for rung in read_ladder([Path(__file__).parent / "rungs"])}
DEMO = load_config("demo").config


def candidate(name: str = "flat", known: Known | None = None, folds: int = 5) -> Candidate:
    """220,000 images of 96 pixels at 500 images/s, embedded at 2,000 images/s."""
    rung = LADDER[name]

    def settings(epochs: int) -> object:
        return settings_of_rung(DEMO, rung, PINS, epochs, 1.0)

    return Candidate(
        rung,
        settings(round(rung.images / PINS.train_images)),  # type: ignore[arg-type]
        PINS,
        known or Known(slower=1.0),
        NetworkRates(1 / 500, 1 / 500, 1 / 2000, 2_000_000),
        10.0,
        rung.images,
        most_networks(folds, rung.networks),
        settings,  # type: ignore[arg-type]
    )


def test_the_stages_fill_the_budget_and_keep_a_margin() -> None:
    plan = candidate().plan("both", Budget(600.0, spent=12.0), ())
    total = sum(stage.seconds for stage in plan.stages)
    assert total == pytest.approx(600.0, abs=0.5 * 18_301 / 500) and total <= 600.0
    assert seconds_of(plan, "measure") == 12.0 and seconds_of(plan, "margin") == pytest.approx(0.04 * 600)
    assert [stage.name for stage in plan.stages] == [
        "measure",
        "decode",
        "fold 0",
        "predict",
        "blend",
        "evaluate",
        "margin",
    ]


def test_a_fold_takes_its_images_at_the_measured_rate() -> None:
    plan = candidate().plan("both", Budget(600.0), ())
    records = candidate().records_seconds
    # length epochs of 18,301 images at 500 images/s
    assert seconds_of(plan, "fold 0") - records == pytest.approx(plan.length * 18_301 / 500)
    assert plan.config.train.epochs == math.ceil(plan.length), "the last one is a part"


def test_a_long_budget_gives_more_images_and_no_more_than_half_again() -> None:
    plan = candidate().plan("both", Budget(10_000.0), ())
    assert plan.length == int(1.5 * 220_000 / 18_301) and plan.networks == 1, "the rung has one network"


def test_time_beyond_a_fold_goes_to_further_folds_where_the_rung_has_them() -> None:
    two = candidate("wide")
    one_fold = two.seconds_for(1, two.images)
    assert two.plan("both", Budget(1.3 * one_fold), ()).networks == 1
    plan = two.plan("both", Budget(2.4 * one_fold), ())
    assert plan.networks == 2
    assert "first CSV" in [stage.name for stage in plan.stages], "as soon as one fold is trained"
    assert candidate("wide", folds=1).plan("both", Budget(2.4 * one_fold), ()).networks == 2, "of two seeds"


def test_networks_of_one_fold_differ_in_their_seed_and_those_of_more_in_their_fold() -> None:
    def trained(dev: str, seed: int) -> list[str]:
        folds = DEMO.folds.model_copy(update={"dev": dev, "count": 3})
        two = candidate("wide", folds=folds.total)
        own = two.config.model_copy(update={"folds": folds, "seed": seed})
        plan = replace(two, config=own, settings_with=None).plan("both", Budget(3_500.0), ())
        return [stage.name for stage in plan.stages if stage.name.startswith("fold")]

    assert trained("pool", 7) == ["fold 0", "fold 1"]
    assert trained("holdout", 7) == ["fold 0", "fold 0, seed 8"]


def test_networks_share_the_time_where_each_sees_three_quarters_of_its_images() -> None:
    two = candidate("wide")
    for share, networks in ((0.76, 2), (0.74, 1)):
        seconds = two.fixed_seconds(2, False) + 2 * share * two.images * two.seconds_of_image
        budget = Budget(seconds / 0.96)  # less the margin of 4 %
        assert two.is_bought(budget) == (networks == 2)
        assert two.plan("both", budget, ()).networks == networks


def test_a_short_budget_has_a_plain_mean_and_less_of_the_schedule() -> None:
    one = candidate()
    short = one.fixed_seconds(1, False) + 0.5 * one.images / 500
    plan = one.plan("both", Budget(short + Budget(short).margin), ())
    assert not plan.chooses_blend and not plan.tries_tta
    assert plan.length * 18_301 == pytest.approx(0.5 * one.images, rel=0.05)
    assert plan.config.train.epochs == 6, "110,000 images of 18,301"


def test_more_test_time_augmentation_is_tried_within_the_budget_where_it_costs_little() -> None:
    one = replace(candidate(), demand=replace(PINS, held_out_images=500, test_images=500))
    plan = one.plan("both", Budget(700.0), ())
    assert plan.tries_tta and sum(stage.seconds for stage in plan.stages) <= 700.0 + 1e-9
    # Four more crops of 24,000 images at 2,000 images/s are 48 seconds, of 700.
    assert not candidate().plan("both", Budget(700.0), ()).tries_tta


def test_less_than_an_epoch_is_a_part_of_one() -> None:
    big = replace(candidate(), demand=replace(PINS, train_images=2_000_000))
    plan = big.plan("both", Budget(600.0), ())
    assert plan.config.train.epochs == 1 and 0.0 < plan.length < 0.2


def test_what_earlier_runs_took_counts_for_more_than_the_trial() -> None:
    reached = Estimate(
        *("", "", "", "", 0, "flat", 96, None, None, 1.0, None),
        accuracy=0.91,
        eer=None,
        images=128_000.0,
    )
    slow = candidate(known=Known(slower=2.0, reached=(reached, reached)))
    plan = slow.plan("both", Budget(600.0), ())
    assert plan.length == pytest.approx(candidate().plan("both", Budget(600.0), ()).length / 2, abs=1.0)
    assert plan.expected == "accuracy 91.0 % in 2 networks here, each alone"


def test_what_blending_took_before_counts_for_all_of_it_and_for_a_mean_in_part() -> None:
    known = candidate(known=Known(slower=1.0, blend_seconds=60.0))
    assert known.blending_seconds(True) == 60.0 and known.blending_seconds(False) == pytest.approx(36.0)
    assert known.evaluating_seconds(True) == candidate().evaluating_seconds(True), (
        "it is not part of blending"
    )


def test_each_seed_is_a_member_of_the_blend_and_folds_together_are_one() -> None:
    for known, one in ((Known(slower=1.0, blend_seconds=60.0), 60.0), (Known(slower=1.0), None)):
        of_folds = candidate(known=known)
        of_seeds = replace(of_folds, demand=replace(PINS, num_folds=1))
        folds = replace(of_folds, demand=replace(PINS, num_folds=5))
        one = one or of_seeds.blending_seconds(True)
        assert folds.blending_seconds(True, 4) == one
        more = of_seeds.blending_seconds(True, 4) - one
        assert more == pytest.approx(180.0 if known.blend_seconds else 3 * of_seeds.choice_seconds)


def test_a_training_is_not_cut_for_the_choice_of_a_blend() -> None:
    known = candidate(known=Known(slower=1.0, blend_seconds=60.0))
    # Choosing takes 60 - 36 seconds and evaluating 8: more than a twentieth of 600 seconds, less of 700.
    assert not known.plan("both", Budget(600.0), ()).chooses_blend
    assert known.plan("both", Budget(700.0), ()).chooses_blend


def test_the_rate_of_growing_images_lies_between_those_of_both_sizes() -> None:
    config = settings_of_rung(DEMO, LADDER["grown"], PINS, 9, 1.0)  # 72 to 96 pixels
    mean = seconds_of_training_image(config, NetworkRates(0.001, 0.002, 0.001, 1))
    assert 0.0015 < mean < 0.002, "6 of 9 epochs grow, 3 are whole"
    whole = settings_of_rung(DEMO, LADDER["flat"], PINS, 9, 1.0)
    assert seconds_of_training_image(whole, NetworkRates(0.002, 0.002, 0.001, 1)) == 0.002


def test_figures_of_a_whole_recipe_are_not_expected_of_a_part_of_it() -> None:
    one = candidate()
    whole = "accuracy 88.2 to 88.8 %, LFW EER 10.6 to 10.9 %"  # docs/recipes.md, rows 11c and 11d
    assert one.plan("both", Budget(600.0), ()).expected.startswith(whole)
    short = one.fixed_seconds(1, False) + 0.5 * one.images / 500
    plan = one.plan("both", Budget(short + Budget(short).margin), ())
    # 6 epochs of 18,301, of 220,000.
    assert plan.expected == "not known: 50 % of the images that the recipe was measured with"
    assert one.expected(0.9 * one.images, 1).startswith(whole)
    assert "89 %" in one.expected(0.89 * one.images, 1)
    longer = replace(one, rung=replace(one.rung, seen=2 * one.images))
    assert "50 %" in longer.expected(one.images, 1), "its figures are of twice the images"
    assert longer.expected(2 * one.images, 1).startswith(whole)
    changed = replace(one, is_changed=True)
    assert changed.expected(one.images, 1) == "not known: the settings are not those of the recipe"
    assert candidate("wide").expected(1_000.0, 2) == "not measured"


def test_figures_of_several_networks_are_not_expected_of_fewer() -> None:
    one = candidate()
    two = replace(one, rung=replace(one.rung, networks=2), most_networks=2)
    assert two.expected(two.images, 2) == two.rung.measured
    assert two.expected(2.0 * two.images, 1) == "not known: 1 of 2 networks is trained"


def test_a_margin_in_fewer_epochs_than_were_ever_measured_gets_a_line() -> None:
    one = candidate()
    plan = one.plan("both", Budget(600.0), ())
    assert plan.length > 3.0 and plan.caution == ""
    short = replace(plan, length=2.3)
    assert short.caution.startswith("whether a margin pays in 2.3 epochs is not known: the fewest")
    softmax = plan.config.model_copy(
        update={"model": plan.config.model.model_copy(update={"head": "linear"})}
    )
    assert replace(short, config=softmax).caution == ""


def test_another_rung_takes_as_long_as_its_operations_on_pictures_of_this_size() -> None:
    small = replace(candidate(), demand=replace(PINS, side_px=48))  # 440 s for 220,000 images
    records, larger = small.records_seconds, LADDER["wide"]
    # Both are trained on 48 pixels: 75 million operations at 96 are 18.75, 274 at 112 are 50.3.
    operations = 274 * larger.pixels_share * (48 / 112) ** 2 / (75 * (48 / 96) ** 2)
    assert small.network_seconds_of(larger) - records == pytest.approx(440.0 * 700 / 220 * operations)
    assert small.network_seconds_of(larger, 55_000) - records == pytest.approx(110.0 * operations)
