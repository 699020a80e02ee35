"""The planner: which rungs the rules allow, which are worth a trial, and the largest that the budget buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from kaggle_face.config import Config
from kaggle_face.errors import ConfigError, RulesError, RunError, counted
from kaggle_face.pipeline.budget.demand import Demand
from kaggle_face.pipeline.budget.estimates import Known
from kaggle_face.pipeline.budget.ladder import Rung
from kaggle_face.pipeline.budget.networks import most_networks
from kaggle_face.pipeline.budget.plan import (
    LEAST_MARGIN_SECONDS,
    LEAST_SHARE,
    MARGIN,
    Budget,
    Candidate,
    Plan,
    budget_in_words,
)
from kaggle_face.pipeline.budget.settings import settings_of_rung
from kaggle_face.pipeline.budget.trial import NetworkRates, Trial
from kaggle_face.progress import in_words
from kaggle_face.tasks import Purpose

MOST_HOURS = 10_000.0
"""The longest budget."""
_MOST_EPOCHS = 60
"""Of a rung's images: smaller sets are not seen more often."""
_TRIALS = 0.04
"""The share of the budget for all trials, ..."""
_TRIAL_SECONDS = (1.0, 15.0)
"""... and the shortest and longest time of one."""
MOST_TRIALS = 5
_MOST_OF_BUDGET = 0.15
"""Where trials took this share of the budget, as on a machine that others use too, no further one begins."""
_WORTH_A_TRIAL, _WORTH_ANOTHER = 3.0, 1.8
"""A rung that would take so many times the budget is not tried: by the rate of the smallest, which may be far
from its own, and by that of the next larger one."""

BrokenRules = Callable[[Config], Sequence[str]]
"""The rules of the competition that settings break, one line each."""


@dataclass(frozen=True)
class Planner:
    """Plans runs of one competition on one machine.

    Attributes:
        config: The settings of the competition.
        demand: What its data demands.
        trial: Measures on the machine.
        broken_rules: The rules that one network breaks.
        parameter_limit: Over the whole blend, where the competition has such a rule.
        known: What earlier runs took and reached.
        spent: The seconds of the budget that are gone now; None: those that the budget names.
    """

    config: Config
    demand: Demand
    trial: Trial
    broken_rules: BrokenRules
    parameter_limit: int | None = None
    known: Known = field(default_factory=Known)
    spent: Callable[[], float] | None = None

    def plan(self, rungs: Sequence[Rung], purpose: Purpose, budget: Budget) -> Plan:
        """The plan of a budget.

        Args:
            rungs: Those for the purpose and the pictures, the ones of less work first.
            purpose: What they are for.
            budget: The time.

        Raises:
            RulesError: The rules forbid every rung.
            RunError: The budget is too small; the line has the least.
        """
        allowed, forbidden = self._allowed(rungs, budget)
        if not allowed:
            raise RulesError(
                f"{self.config.competition.slug}: no recipe keeps its rules; {'; '.join(forbidden)}; "
                "write one that does in configs/recipes, or go on with --ignore-rules, which is recorded"
                if forbidden
                else f"there is no recipe for pictures of {self.demand.side_px} pixels"
            )
        tried, too_large = self._tried(allowed, budget)
        budget = self._now(budget)
        found = [each for each in tried if each.is_bought(budget)]
        chosen = found[-1] if found else max(tried, key=lambda each: each.share(budget))
        if chosen.share(budget) < LEAST_SHARE:
            raise RunError(self._too_small(min(tried, key=lambda each: each.least_seconds()), budget))
        larger = allowed[allowed.index(chosen.rung) + 1 :]
        reasons = [self._why_not(larger, tried, too_large, budget), *forbidden]
        return chosen.plan(purpose, budget, tuple(reasons))

    def plan_settings(
        self, rung: Rung, config: Config, purpose: Purpose, budget: Budget, trials: int = 1
    ) -> Plan:
        """The plan of settings that a person has changed, which are taken as they stand.

        Args:
            rung: The recipe that they began with.
            config: The settings.
            purpose: What they are for.
            budget: The time.
            trials: How many trials share the time that is for them.

        Raises:
            RulesError: They break a rule.
            RunError: The budget is too small.
        """
        broken = self.broken_rules(config)
        if broken:
            raise RulesError(f"{config.competition.slug}: {broken[0]}")
        fixed = self._candidate(rung, config, budget, _trial_seconds(budget, trials), is_fixed=True)
        if fixed is None:
            raise RunError("these settings do not fit the memory of this machine; lower train.batch_size")
        try:
            is_changed = config != self.settings(rung, budget, config.train.epochs)
        except ConfigError:  # no plan has so many epochs
            is_changed = True
        fixed, budget = replace(fixed, is_changed=is_changed), self._now(budget)
        if fixed.share(budget) < LEAST_SHARE:
            raise RunError(self._too_small(fixed, budget))
        return fixed.plan(purpose, budget, ())

    def _now(self, budget: Budget) -> Budget:
        """The budget with the time that the trials took."""
        return budget if self.spent is None else replace(budget, spent=self.spent())

    def _allowed(self, rungs: Sequence[Rung], budget: Budget) -> tuple[list[Rung], list[str]]:
        """The rungs that keep the rules, and a line for the first one of each kind that does not."""
        allowed, forbidden = list[Rung](), dict[str, str]()
        for rung in rungs:
            broken = self.broken_rules(self.settings(rung, budget))
            if broken:
                forbidden.setdefault(broken[0].partition(":")[0], f"{rung.name} is forbidden: {broken[0]}")
            else:
                allowed.append(rung)
        return allowed, list(forbidden.values())

    def settings(self, rung: Rung, budget: Budget, epochs: int | None = None) -> Config:
        """The settings of a rung with its own number of images, or with the given epochs."""
        wanted = epochs or max(1, round(self.images_of(rung) / self.demand.train_images))
        checkpoint_minutes = round(min(5.0, max(0.1, budget.seconds / 60.0 / 20.0)), 2)
        return settings_of_rung(self.config, rung, self.demand, wanted, checkpoint_minutes)

    def images_of(self, rung: Rung, networks: int | None = None) -> int:
        """The images that each network of a rung sees: of a small set fewer, with fewer networks more."""
        networks = networks or self._networks_of(rung)
        return min(rung.images * rung.networks // networks, _MOST_EPOCHS * self.demand.train_images)

    def _networks_of(self, rung: Rung) -> int:
        """How many networks of a rung the split allows."""
        return most_networks(self.demand.num_folds, rung.networks)

    def _tried(self, allowed: Sequence[Rung], budget: Budget) -> tuple[list[Candidate], list[Rung]]:
        """The candidates that were measured, the ones of less work first, and rungs too large for the memory.

        The smallest is measured, and by its rate the largest that may fit is found; from there each is
        expected by the one before it, down to one that fits, and up again where that one's network is faster
        than the smaller one let expect: on a GPU, of which a small network uses little.
        """
        seconds = _trial_seconds(budget, min(len(allowed), MOST_TRIALS))
        end = self._now(budget).spent + _MOST_OF_BUDGET * budget.seconds
        first = self._first(allowed, budget, seconds)
        tried, too_large = [first], list[Rung]()
        low, high = allowed.index(first.rung), len(allowed)
        trials = 1
        while trials < MOST_TRIALS and self._now(budget).spent < end:
            most = (_WORTH_A_TRIAL if len(tried) == 1 else _WORTH_ANOTHER) * budget.seconds
            worth = [n for n in range(low + 1, high) if self._run_seconds_of(allowed[n], tried[-1]) <= most]
            if not worth:
                break
            rung = allowed[worth[-1]]
            alike = self._alike(rung, tried, budget)
            trials += alike is None
            rates = None if alike is None else alike.rates
            candidate = self._candidate(rung, self.settings(rung, budget), budget, seconds, rates)
            if candidate is not None and candidate.is_bought(budget):
                low = worth[-1]
            else:
                high = worth[-1]
            if candidate is None:
                too_large.append(rung)
            else:
                tried.append(candidate)
        return sorted(tried, key=lambda each: allowed.index(each.rung)), too_large

    def _first(self, allowed: Sequence[Rung], budget: Budget, seconds: float) -> Candidate:
        for rung in allowed:
            candidate = self._candidate(rung, self.settings(rung, budget), budget, seconds)
            if candidate is not None:
                return candidate
        raise RunError("no recipe fits the memory of this machine; free some of it, or set device=cpu")

    def _alike(self, rung: Rung, tried: Sequence[Candidate], budget: Budget) -> Candidate | None:
        """A candidate that differs in the length and number of trainings alone, so that its rates hold."""
        settings = self._of_an_epoch(rung, budget)
        return next((each for each in tried if self._of_an_epoch(each.rung, budget) == settings), None)

    def _of_an_epoch(self, rung: Rung, budget: Budget) -> Config:
        """The settings of an epoch of a rung's first network, without what the further ones see."""
        config = self.settings(rung, budget, 1)
        model = config.model.model_copy(update={"further_center_crops": ()})
        return config.model_copy(update={"model": model})

    def _candidate(
        self,
        rung: Rung,
        config: Config,
        budget: Budget,
        seconds: float,
        rates: NetworkRates | None = None,
        is_fixed: bool = False,
    ) -> Candidate | None:
        rates = rates or self.trial.network_rates(config, seconds)
        if rates is None:
            return None
        decoding = self.trial.decoding_seconds(config.data.image_size) * self.demand.all_images
        most = self._networks_of(rung)
        if self.parameter_limit is not None:
            most = max(1, min(most, self.parameter_limit // max(1, rates.num_parameters)))
        return Candidate(
            rung,
            config,
            self.demand,
            self.known,
            rates,
            decoding,
            config.train.epochs * self.demand.train_images if is_fixed else self.images_of(rung, most),
            most,
            None if is_fixed else partial(self.settings, rung, budget),
        )

    def _run_seconds_of(self, rung: Rung, tried: Candidate) -> float:
        """The seconds of all networks of a rung with the images it is made for, by the rate of another."""
        return rung.networks * tried.network_seconds_of(rung)

    def _why_not(
        self, larger: Sequence[Rung], tried: Sequence[Candidate], too_large: Sequence[Rung], budget: Budget
    ) -> str:
        """A line on the next larger rung."""
        if not larger:
            return "there is no larger rung"
        name = larger[0].name
        if larger[0] in too_large:
            return f"{name} does not fit the memory of this machine"
        measured = next((each for each in tried if each.rung is larger[0]), None)
        if measured is not None:
            networks = measured.most_networks
            needed = in_words(measured.seconds_for(networks, measured.images))
            share = max(0.0, measured.share(budget, networks))
            return f"{name} would take {needed}: the budget buys {100 * share:.0f} % of its images"
        last, images = tried[-1], self.images_of(larger[0])
        networks = self._networks_of(larger[0])
        expected = networks * last.network_seconds_of(larger[0], images)
        if expected > budget.seconds:
            one = f"a training of {images:,} images"
            trainings = one if networks == 1 else f"{networks} trainings of {images:,} images each"
            return (
                f"{name} was not tried: by its number of operations {trainings} would take about "
                f"{in_words(expected)}"
            )
        if self._run_seconds_of(larger[0], last) > _WORTH_ANOTHER * budget.seconds:
            return (
                f"{name} was not tried: it is made for {larger[0].images:,} images, "
                f"and {_MOST_EPOCHS} epochs here are {images:,}"
            )
        return f"{name} was not tried: there was time for {counted(len(tried) + len(too_large), 'trial')}"

    def _too_small(self, least: Candidate, budget: Budget) -> str:
        """A line with a budget that suffices, with the longer trials and the larger margin that it has."""
        work = budget.spent + least.least_seconds()
        seconds = max(work + LEAST_MARGIN_SECONDS, work / (1.0 - MARGIN - _TRIALS))
        minutes = math.ceil(10.0 * seconds / 60.0) / 10.0
        line = f"a budget of {budget_in_words(budget.seconds)} is too little here: the least that trains, "
        if minutes > 60.0 * MOST_HOURS:
            return f"{line}predicts and writes is above {MOST_HOURS:,.0f} hours"
        return f"{line}predicts and writes is about {minutes:.10g} minutes: --minutes {minutes:.10g}"


def _trial_seconds(budget: Budget, count: int) -> float:
    """The seconds of each of so many trials."""
    return min(max(_TRIALS * budget.seconds / count, _TRIAL_SECONDS[0]), _TRIAL_SECONDS[1])
