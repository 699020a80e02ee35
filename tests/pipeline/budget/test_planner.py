"""Which rung a budget buys, and what a planner says where it buys none."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kaggle_face.config import Config, load_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.errors import RulesError, RunError
from kaggle_face.pipeline.budget.estimates import Known
from kaggle_face.pipeline.budget.ladder import read_ladder, rungs_for
from kaggle_face.pipeline.budget.plan import Budget, Plan
from kaggle_face.pipeline.budget.planner import Planner
from kaggle_face.pipeline.budget.settings import settings_of_rung
from kaggle_face.pipeline.budget.trial import NetworkRates
from tests.support.budgets import PINS, FakeTrial, seconds_of

LADDER = read_ladder([packaged_configs() / "recipes"])
DEMO = load_config("demo").config


def planner(trial: FakeTrial | None = None, **more: object) -> Planner:
    values = {"broken_rules": lambda config: (), "known": Known(slower=1.0), "demand": PINS, **more}
    return Planner(config=DEMO, trial=trial or FakeTrial(0.15), **values)  # type: ignore[arg-type]


def plan(minutes: float, trial: FakeTrial | None = None, **more: object) -> Plan:
    return planner(trial, **more).plan(rungs_for(LADDER, "both", 112), "both", Budget(60.0 * minutes))


def test_more_minutes_buy_a_larger_rung_until_there_is_none() -> None:
    # A training image of 112 pixels in 1.9 ms: about 530 a second.
    names = [plan(minutes).rung.name for minutes in (2.5, 5, 20, 60)]
    works = [next(rung.work for rung in LADDER if rung.name == name) for name in names]
    assert works == sorted(works) and names[0] == "cpu-4-both" and names[1] == "cpu-8-both"
    assert len(set(names)) >= 3


def test_the_same_budget_on_a_slower_machine_buys_a_smaller_rung() -> None:
    assert plan(16, FakeTrial(0.5)).rung.work < plan(16, FakeTrial(0.15)).rung.work
    assert plan(16, FakeTrial(0.01)).rung.work > plan(16, FakeTrial(0.15)).rung.work


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.3, 0.5, 0.57])
def test_a_smaller_rung_is_taken_in_place_of_a_squeezed_one(rate: float) -> None:
    for minutes in (3, 4, 5.5, 8, 16, 32):
        found = plan(minutes, FakeTrial(rate))
        seen_at_most = min(found.rung.images, 60 * PINS.train_images)
        share = found.length * PINS.train_images / seen_at_most
        assert 0.71 <= share <= 1.5, f"{found.rung.name} in {minutes} minutes"


def test_a_slow_machine_trains_several_epochs_in_four_minutes() -> None:
    # An image of 64 pixels in 2.3 ms: two cores of an AMD EPYC with AVX2.
    four, eight = plan(4, FakeTrial(0.57)), plan(8, FakeTrial(0.57))
    assert (four.rung.name, eight.rung.name) == ("cpu-2-both", "cpu-4-both")
    assert four.length >= 3.5 and eight.length >= 2.6, "three epochs are all of cpu-4"


def test_why_the_next_larger_rung_was_not_taken_names_it_and_its_time() -> None:
    (reason, *_) = plan(8).why_not_larger
    ladder = rungs_for(LADDER, "both", 112)
    above = ladder[[rung.name for rung in ladder].index("cpu-8-both") + 1 :]
    assert any(reason.startswith(rung.name) for rung in above)
    assert re.search(r"would take|a fold would take about", reason) and re.search(r"\d+ (s|min)|h$", reason)


def test_the_time_of_a_rung_that_was_not_tried_is_that_of_the_images_of_a_small_set() -> None:
    few = replace(PINS, train_images=900, all_images=2_000, held_out_images=300, test_images=300, trials=500)
    # 45,000 images of 48 pixels in 207 s; 60 epochs of 900 at 28 operations for each 17: 410 s.
    found = plan(2, FakeTrial(2.0), demand=few)
    assert found.rung.name == "cpu-1-both" and found.why_not_larger == (
        "cpu-2-both was not tried: by its number of operations "
        "a training of 54,000 images would take about 7 min",
    )
    # Two hours by the work that it is made for, 14 minutes by the images that are there.
    found = plan(15, FakeTrial(0.1), demand=few)
    assert found.rung.name == "cpu-120-both" and found.why_not_larger == (
        "cpu-240-both was not tried: it is made for 476,000 images, and 60 epochs here are 54,000",
    )


def test_few_rungs_are_tried() -> None:
    trial = FakeTrial(0.15)
    plan(8, trial)
    assert 1 < len(trial.tried) <= 5 and "iresnet100" not in trial.tried
    # The smallest, the largest that may fit by its rate, and those below it that may by the rate of this one.
    # A rate by images alone: the overhead of a small rung is not work of a large one.
    assert plan(8, FakeTrial(0.05)).rung.name == "cpu-32-both"
    slow = FakeTrial(0.57)
    assert plan(4, slow).rung.name == "cpu-2-both" and len(slow.tried) == 4


def test_the_time_of_the_trials_is_part_of_the_plan() -> None:
    trial = FakeTrial(0.15)
    began = trial.clock.seconds
    found = plan(8, trial, spent=lambda: 5.0 + trial.clock.seconds - began)
    assert seconds_of(found, "measure") == 5.0 + len(trial.tried), "each takes a second here"


def test_no_trial_begins_where_those_before_took_too_much_of_the_budget() -> None:
    trial = FakeTrial(0.15)
    began = trial.clock.seconds
    found = plan(8, trial, spent=lambda: 80.0 * (trial.clock.seconds - began))  # each takes 80 of 480 s
    assert len(trial.tried) == 1 and seconds_of(found, "measure") == 80.0
    assert found.why_not_larger == ("cpu-2-both was not tried: there was time for 1 trial",)


def test_a_network_that_does_not_fit_the_memory_is_left_out() -> None:
    trial = FakeTrial(0.15, too_large=frozenset({"resnet18d", "iresnet18", "iresnet50", "iresnet100"}))
    assert plan(600, trial).rung.config.model.backbone in ("resnet10t", "mobilefacenet")
    with pytest.raises(RunError, match="no recipe fits the memory of this machine"):
        plan(600, replace(trial, too_large=trial.too_large | {"resnet10t", "mobilefacenet"}))


def test_a_budget_that_is_too_small_is_one_line_with_the_least_that_then_works() -> None:
    with pytest.raises(RunError) as caught:
        plan(0.3)
    line = str(caught.value)
    assert "\n" not in line and line.startswith("a budget of 18 s is too little here: the least that trains")
    least = float(re.search(r"--minutes ([\d.]+)$", line)[1])  # type: ignore[index]
    assert plan(least).rung.name == "cpu-1-both"
    with pytest.raises(RunError, match="is too little here"):
        plan(0.6 * least)


def test_rules_that_forbid_a_rung_leave_the_others_and_are_named() -> None:
    def own_alone(config: Config) -> tuple[str, ...]:
        return () if config.model.backbone.startswith(("iresnet", "mobile")) else ("no imported: it is",)

    rungs = rungs_for(LADDER, "both", 112, forbids_imported=True)
    found = planner(broken_rules=own_alone).plan(rungs, "both", Budget(1800.0))
    assert found.config.model.backbone in ("iresnet18", "mobilefacenet")
    assert any("is forbidden: no imported" in line for line in found.why_not_larger)


def test_rules_that_forbid_every_rung_are_one_line() -> None:
    with pytest.raises(
        RulesError, match=r"demo: no recipe keeps its rules; .* is forbidden: no training: none"
    ):
        plan(30, broken_rules=lambda config: ("no training: none",))


def test_rules_that_forbid_every_rung_together_are_all_named() -> None:
    def no_rung(config: Config) -> tuple[str, ...]:
        is_own = config.model.backbone in ("mobilefacenet", "iresnet18", "iresnet50", "iresnet100")
        return ("at most 100 parameters: more",) if is_own else ("no imported: it is",)

    rungs = rungs_for(LADDER, "both", 112, forbids_imported=True)
    with pytest.raises(RulesError) as caught:
        planner(broken_rules=no_rung).plan(rungs, "both", Budget(1800.0))
    line = str(caught.value)
    assert "cpu-1-both is forbidden: no imported: it is; cpu-10-own-both is forbidden: at most 100" in line
    assert line.endswith(
        "write one that does in configs/recipes, or go on with --ignore-rules, which is recorded"
    )


def test_a_limit_over_the_whole_blend_limits_the_folds() -> None:
    trial, folds = FakeTrial(0.05, parameters=3_000_000), replace(PINS, num_folds=5)
    assert plan(25, trial, demand=folds).networks == 5, "cpu-120-both has eight, the split five"
    assert plan(20, trial, demand=folds, parameter_limit=6_000_000).networks == 2
    assert plan(20, trial, demand=folds, parameter_limit=5_000_000).networks == 1
    assert plan(25, trial, demand=PINS).networks == 8, "of eight seeds: the settings hold out one part"


def test_fewer_networks_than_pay_see_more_images_each() -> None:
    trial, of_split = FakeTrial(0.05, parameters=3_000_000), replace(PINS, num_folds=2)
    found = plan(20, trial, demand=of_split)
    assert found.rung.name == "cpu-120-both" and found.networks == 2
    seen = found.networks * found.length * PINS.train_images
    assert seen > 0.75 * 8 * found.rung.images, "as many as eight of them would see"


def test_rungs_that_differ_in_length_and_number_alone_share_a_trial() -> None:
    trial = FakeTrial(0.15)
    names = [plan(minutes, trial).rung.name for minutes in (5, 9)]
    assert names == ["cpu-8-both", "cpu-16-both"]
    once = FakeTrial(0.15)
    plan(16, once)
    ladder = {rung.name: rung for rung in LADDER}
    assert ladder["cpu-8-both"].mflops == ladder["cpu-32-both"].mflops
    assert len(once.tried) <= 3, "the smallest, one of cpu-120's augmentation, one for cpu-8 to cpu-64"


def test_settings_that_a_person_changed_are_taken_as_they_stand() -> None:
    rung = next(rung for rung in LADDER if rung.name == "cpu-4-both")
    config = settings_of_rung(DEMO, rung, PINS, 5, 1.0)
    mine = config.model_copy(update={"optim": config.optim.model_copy(update={"lr": 0.07})})
    found = planner().plan_settings(rung, mine, "both", Budget(600.0))
    assert found.config == mine and found.length == 5.0
    assert found.expected == "not known: the settings are not those of the recipe"
    written = planner().plan(rungs_for(LADDER, "both", 112), "both", Budget(150.0))
    again = planner().plan_settings(written.rung, written.config, "both", Budget(150.0))
    of_nobody = again.expected
    assert of_nobody.endswith("% of the images that the recipe was measured with"), "nobody changed them"
    with pytest.raises(RulesError, match="demo: no rate like that"):
        planner(broken_rules=lambda config: ("no rate like that",)).plan_settings(
            rung, mine, "both", Budget(600.0)
        )


@pytest.mark.parametrize("minutes", [15.0, 16.0, 17.5, 19.0, 30.0, 33.0, 41.0, 70.0, 95.0])
def test_a_plan_that_is_taken_as_it_stands_trains_as_many_networks(minutes: float) -> None:
    trial, budget = FakeTrial(0.21), Budget(60.0 * minutes)  # 380 images/s
    first = planner(trial).plan(rungs_for(LADDER, "both", 112), "both", budget)
    again = planner(trial).plan_settings(first.rung, first.config, "both", budget)
    assert first.networks >= 2 and again.networks == first.networks
    assert again.length == pytest.approx(first.length, rel=0.01)


def test_the_competition_of_fall_2026_gets_its_own_architectures_and_one_network() -> None:
    from kaggle_face.competitions.catalogue.known import competition_spec
    from kaggle_face.competitions.catalogue.rules import broken_rules

    config = load_config("fall-2026").config
    spec = competition_spec(config.competition.slug)
    demand = replace(PINS, num_classes=8631, train_images=431_550)
    trial = FakeTrial(0.002, parameters=16_000_000)  # as iresnet18 with 8,631 classes
    found = Planner(
        config,
        demand,
        trial,
        lambda settings: broken_rules(spec.rules, settings),
        spec.rules.max_parameters,
        Known(slower=1.0),
    ).plan(rungs_for(LADDER, "both", 112, forbids_imported=True), "both", Budget(4 * 3600.0))
    assert found.config.model.backbone.startswith(("iresnet", "mobilefacenet"))
    assert found.networks * found.num_parameters <= 30_000_000
    assert broken_rules(spec.rules, found.config) == []


@pytest.mark.parametrize("rate", [2.0, 30.0, 400.0])
def test_the_least_budget_that_is_named_suffices_on_slow_machines_too(rate: float) -> None:
    with pytest.raises(RunError) as caught:
        plan(0.5, FakeTrial(rate))
    minutes = float(re.search(r"--minutes ([\d.]+)$", str(caught.value))[1])  # type: ignore[index]
    assert plan(minutes, FakeTrial(rate)).length > 0.0, "with its larger margin"


def test_no_budget_is_named_that_is_longer_than_the_longest() -> None:
    with pytest.raises(RunError, match=r"predicts and writes is above 10,000 hours$"):
        plan(0.5, FakeTrial(1e7))


class LargeGpu(FakeTrial):
    """Small networks at 10,000 images/s whatever their operations, large ones by about those of an H100."""

    def network_rates(self, config: Config, seconds: float) -> NetworkRates | None:
        self.tried.append(config.model.backbone)
        rates = {"iresnet18": 7_000.0, "iresnet50": 3_000.0, "iresnet100": 1_600.0}
        image = 1.0 / rates.get(config.model.backbone, 10_000.0)
        return NetworkRates(image, image, image / 4, self.parameters)


def test_a_gpu_that_small_networks_do_not_fill_gets_the_large_ones() -> None:
    # 60 epochs of 18,301 images: 157, 366 and 686 seconds with 18, 50 and 100 layers.
    folds = replace(PINS, num_folds=5)
    assert plan(720, LargeGpu(), demand=folds).rung.name == "gpu-720-both"
    trial = LargeGpu()
    assert plan(720, trial, demand=folds).networks == 5 and len(trial.tried) <= 5


def test_a_larger_rung_that_does_not_fit_the_memory_is_said_not_to() -> None:
    (reason, *_) = plan(720, LargeGpu(), demand=replace(PINS, num_folds=5)).why_not_larger
    assert reason == "there is no larger rung"
    trial = FakeTrial(0.01, too_large=frozenset({"iresnet18", "iresnet50", "iresnet100"}))
    found = plan(600, trial)
    assert found.rung.name == "gpu-10-both"
    assert found.why_not_larger == ("gpu-60-both does not fit the memory of this machine",)


def test_more_epochs_than_any_plan_has_are_settings_of_a_person() -> None:
    rung = next(rung for rung in LADDER if rung.name == "cpu-4-both")
    config = settings_of_rung(DEMO, rung, PINS, 5, 1.0)
    many = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 900_000})})
    with pytest.raises(RunError, match="a budget of 10 min is too little here"):
        planner().plan_settings(rung, many, "both", Budget(600.0))
