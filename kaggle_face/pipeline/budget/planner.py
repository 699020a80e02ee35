"""The planner: which rungs the rules allow, which are worth a trial, and the largest that the budget buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from kaggle_face.config import Config
from kaggle_face.errors import RulesError, RunError
from kaggle_face.pipeline.budget.demand import Demand
from kaggle_face.pipeline.budget.estimates import Known
from kaggle_face.pipeline.budget.ladder import Rung
from kaggle_face.pipeline.budget.plan import (
    GOOD_SHARE,
    LEAST_SHARE,
    Budget,
    Candidate,
    Plan,
    budget_in_words,
)
from kaggle_face.pipeline.budget.settings import settings_of_rung
from kaggle_face.pipeline.budget.trial import Trial
from kaggle_face.progress import in_words
from kaggle_face.tasks import Purpose

_MOST_EPOCHS = 60
"""Of a rung's images: smaller sets are not seen more often."""
_TRIALS = 0.04
"""The share of the budget for all trials, ..."""
_TRIAL_SECONDS = (1.0, 15.0)
"""... and the shortest and longest time of one."""
_MOST_TRIALS = 5
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
                f"{self.config.competition.slug}: no recipe keeps its rules; {forbidden[0]}"
                if forbidden
                else f"there is no recipe for pictures of {self.demand.side_px} pixels"
            )
        tried = self._tried(allowed, budget)
        budget = self._now(budget)
        found = [each for each in tried if each.share(budget) >= GOOD_SHARE]
        chosen = found[-1] if found else max(tried, key=lambda each: each.share(budget))
        if chosen.share(budget) < LEAST_SHARE:
            raise RunError(self._too_small(min(tried, key=lambda each: each.least_seconds()), budget))
        larger = allowed[allowed.index(chosen.rung) + 1 :]
        reasons = [*self._why_not(larger, tried, budget), *forbidden]
        return chosen.plan(purpose, budget, tuple(reasons))

    def plan_settings(self, rung: Rung, config: Config, purpose: Purpose, budget: Budget) -> Plan:
        """The plan of settings that a person has changed, which are taken as they stand.

        Raises:
            RulesError: They break a rule.
            RunError: The budget is too small.
        """
        broken = self.broken_rules(config)
        if broken:
            raise RulesError(f"{config.competition.slug}: {broken[0]}")
        fixed = self._candidate(rung, config, budget, _TRIAL_SECONDS[1], is_fixed=True)
        if fixed is None:
            raise RunError("these settings do not fit the memory of this machine; lower train.batch_size")
        own = self.settings(rung, budget, config.train.epochs)
        fixed, budget = replace(fixed, is_changed=config != own), self._now(budget)
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
        """The settings of a rung with its own number of images, or so many epochs."""
        wanted = epochs or max(1, round(self.images_of(rung) / self.demand.train_images))
        checkpoint_minutes = round(min(5.0, max(0.1, budget.seconds / 60.0 / 20.0)), 2)
        return settings_of_rung(self.config, rung, self.demand, wanted, checkpoint_minutes)

    def images_of(self, rung: Rung) -> int:
        """The images that a training of this rung sees; of a small set fewer."""
        return min(rung.images, _MOST_EPOCHS * self.demand.train_images)

    def _tried(self, allowed: Sequence[Rung], budget: Budget) -> list[Candidate]:
        """The candidates that were measured, the ones of less work first.

        The smallest is measured, and by its rate the largest that may fit is found; from there down each is
        expected by the one above it, to one that fits.
        """
        count = min(len(allowed), _MOST_TRIALS)
        seconds = min(max(_TRIALS * budget.seconds / count, _TRIAL_SECONDS[0]), _TRIAL_SECONDS[1])
        first = self._first(allowed, budget, seconds)
        tried = [first]
        for rung in reversed(allowed):
            most = _WORTH_A_TRIAL if len(tried) == 1 else _WORTH_ANOTHER
            if rung is first.rung or len(tried) == _MOST_TRIALS:
                break
            if tried[-1].fold_seconds_of(rung) > most * budget.seconds:
                continue
            candidate = self._candidate(rung, self.settings(rung, budget), budget, seconds)
            if candidate is None:
                continue
            tried.append(candidate)
            if candidate.share(budget) >= GOOD_SHARE:
                break
        return sorted(tried, key=lambda each: allowed.index(each.rung))

    def _first(self, allowed: Sequence[Rung], budget: Budget, seconds: float) -> Candidate:
        for rung in allowed:
            candidate = self._candidate(rung, self.settings(rung, budget), budget, seconds)
            if candidate is not None:
                return candidate
        raise RunError("no recipe fits the memory of this machine; free some of it, or set device=cpu")

    def _candidate(
        self, rung: Rung, config: Config, budget: Budget, seconds: float, is_fixed: bool = False
    ) -> Candidate | None:
        rates = self.trial.network_rates(config, seconds)
        if rates is None:
            return None
        decoding = self.trial.decoding_seconds(config.data.image_size) * self.demand.all_images
        most = min(rung.folds, self.demand.num_folds)
        if self.parameter_limit is not None:
            most = max(1, min(most, self.parameter_limit // max(1, rates.num_parameters)))
        return Candidate(
            rung,
            config,
            self.demand,
            self.known,
            rates,
            decoding,
            config.train.epochs * self.demand.train_images if is_fixed else self.images_of(rung),
            most,
            None if is_fixed else partial(self.settings, rung, budget),
        )

    def _why_not(self, larger: Sequence[Rung], tried: Sequence[Candidate], budget: Budget) -> list[str]:
        """A line on the next larger rung."""
        if not larger:
            return ["there is no larger rung"]
        measured = next((each for each in tried if each.rung is larger[0]), None)
        if measured is not None:
            needed = in_words(measured.seconds_for(1, measured.images))
            bought = f"the budget buys {100 * max(0.0, measured.share(budget)):.0f} % of its images"
            return [f"{larger[0].name} would take {needed}: {bought}"]
        return [
            f"{larger[0].name} was not tried: by its number of operations a fold would take about "
            f"{in_words(tried[-1].fold_seconds_of(larger[0]))}"
        ]

    def _too_small(self, least: Candidate, budget: Budget) -> str:
        seconds = budget.spent + least.least_seconds() + budget.margin
        minutes = math.ceil(10.0 * seconds / 60.0) / 10.0
        return (
            f"a budget of {budget_in_words(budget.seconds)} is too little here: the least that trains, "
            f"predicts and writes is about {minutes:g} minutes: --minutes {minutes:g}"
        )
