"""`kaggle-face run`: the plan of a budget, written as settings, and its execution to checked CSVs."""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from kaggle_face.artifacts.run_choice import name_of_seed, run_of_seed
from kaggle_face.artifacts.run_locks import running_within_budget, writing_run
from kaggle_face.artifacts.runs import RunFolder, name_of_run, run_folder
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.config import Config, LoadedConfig, load_config, with_overrides
from kaggle_face.data.folds.split import make_folds
from kaggle_face.errors import ConfigError, InputError, RunError, part_of
from kaggle_face.pipeline.budget.clock import Clock, SystemClock, stopwatch
from kaggle_face.pipeline.budget.csvs import require_csvs
from kaggle_face.pipeline.budget.demand import Demand, demand_of, purpose_of
from kaggle_face.pipeline.budget.estimates import competition_key, known_of, machine_name, read_estimates
from kaggle_face.pipeline.budget.execute import BudgetResult, Execution
from kaggle_face.pipeline.budget.ladder import read_ladder, rungs_for
from kaggle_face.pipeline.budget.networks import network_of, require_free
from kaggle_face.pipeline.budget.plan import Budget, Plan, budget_in_words
from kaggle_face.pipeline.budget.plan_file import (
    require_folds,
    require_no_other_limit,
    require_same_settings,
    rung_of_plan,
    settings_file,
    write_settings,
)
from kaggle_face.pipeline.budget.planner import MOST_HOURS, MOST_TRIALS, Planner
from kaggle_face.pipeline.budget.record import (
    BudgetRecord,
    Course,
    read_record,
    record_file,
    write_record,
)
from kaggle_face.pipeline.budget.trial import Trial, real_trial
from kaggle_face.pipeline.inputs.preparing import open_competition
from kaggle_face.pipeline.inputs.rules_check import rules_broken_by
from kaggle_face.progress import Progress, in_words
from kaggle_face.records import CompetitionData, Folds
from kaggle_face.tasks import Purpose, Task

_SEED = re.compile(rf"^{re.escape(name_of_seed(0))[:-1]}(\d+)\b")
"""In the name of a further network's stage, also of one that was removed."""

MakeTrial = Callable[[Config, CompetitionData, Folds], AbstractContextManager[Trial]]


@dataclass(frozen=True)
class BudgetOptions:
    """Options of a run within a budget.

    Attributes:
        seconds: The budget, from the first call on.
        run: Name of the run; None: made of the overrides, or `main`.
        goal: The task that the recipe is chosen for; None: what the competition is ranked by.
        overwrite: Whether the plan is made and the run begun anew; what an earlier call made is removed.
        ignore_rules: Whether rules of the competition may be broken, which is recorded.
    """

    seconds: float
    run: str | None = None
    goal: Purpose | None = None
    overwrite: bool = False
    ignore_rules: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.seconds <= 3600.0 * MOST_HOURS:
            raise InputError(
                f"a budget is above 0 and at most {MOST_HOURS:,.0f} hours, got {self.seconds / 60:g} minutes"
            )
        if self.goal not in (None, *get_args(Purpose)):
            raise InputError(f"a goal is one of {', '.join(get_args(Purpose))}, got '{self.goal}'")


@dataclass(frozen=True)
class PlannedRun:
    """A plan, and where it is written.

    Attributes:
        plan: What is done.
        settings: The file of its settings.
        is_as_found: Whether the file was there before, and was taken as it stands.
        loaded: The settings.
        run: Where the run is filed.
        tasks: Those whose CSVs are written.
    """

    plan: Plan
    settings: Path
    is_as_found: bool
    loaded: LoadedConfig
    run: RunFolder
    tasks: tuple[Task, ...]


def plan_run(
    loaded: LoadedConfig,
    options: BudgetOptions,
    progress: Progress,
    clock: Clock | None = None,
    make_trial: MakeTrial = real_trial,
    began_at: float | None = None,
) -> PlannedRun:
    """Measures this machine, plans, and writes the plan as settings that a person can change.

    Settings that an earlier plan of this budget wrote are taken as they stand, unless `options.overwrite`.

    Args:
        loaded: The settings of the competition.
        options: The budget.
        progress: What long work reports to.
        clock: The time; None: that of the machine.
        make_trial: Measures.
        began_at: When the time of the budget began; None: now.

    Raises:
        RunError: The budget is too small; the line has the least.
        RulesError: The rules forbid every recipe.
        ConfigError: A settings file of this name is there that no plan wrote.
        SubmissionError: No CSV can be written, or Kaggle would not take it.
        DataError: The raw folder cannot be read.
    """
    spent = stopwatch(clock or SystemClock(), began_at)
    path = settings_file(loaded, options.seconds, options.goal)
    is_as_found = path.is_file() and not options.overwrite
    config = load_config(str(path), loaded.overrides).config if is_as_found else loaded.config
    require_no_other_limit(config, loaded.overrides, is_as_found)
    data = open_competition(config, progress)
    tasks = require_csvs(config, data, progress)
    folds = make_folds(data, config.folds)
    demand = demand_of(data, folds, config.data)
    progress.log(f"measuring this machine for a budget of {budget_in_words(options.seconds)}")
    with make_trial(config, data, folds) as trial:
        rules = _Rules(config, demand, options.ignore_rules)
        planner = _planner(config, demand, trial, rules, spent)
        ladder, goal = read_ladder(), options.goal or purpose_of(config, tasks)
        budget = Budget(options.seconds, spent())
        if is_as_found:
            plan = planner.plan_settings(rung_of_plan(path, ladder), config, goal, budget)
        else:
            rungs = rungs_for(ladder, goal, demand.side_px, rules.own_architectures_alone)
            plan = planner.plan(rungs, goal, budget)
            own = with_overrides(plan.config, loaded.overrides)
            if own != plan.config:  # what is set on the command line stays as it is
                now = replace(budget, spent=spent())
                fixed = planner.plan_settings(plan.rung, own, goal, now, trials=MOST_TRIALS)
                plan = replace(fixed, why_not_larger=plan.why_not_larger)
            write_settings(path, loaded, plan)
    planned = load_config(path.stem, loaded.overrides)
    return PlannedRun(plan, path, is_as_found, planned, _run_of(loaded, path, options), tasks)


def run_within(
    loaded: LoadedConfig,
    options: BudgetOptions,
    progress: Progress,
    clock: Clock | None = None,
    make_trial: MakeTrial = real_trial,
    show: Callable[[PlannedRun], None] = lambda planned: None,
    *,
    gone: float = 0.0,
) -> BudgetResult:
    """Goes from images to checked CSVs within a budget; called again it goes on where it was.

    Args:
        loaded: The settings of the competition.
        options: The budget.
        progress: What long work reports to.
        clock: The time; None: that of the machine.
        make_trial: Measures the machine.
        show: Receives the plan before anything is trained.
        gone: Seconds of the budget that went by before this call, in which Python began.

    Raises:
        InputError: A stage refuses; see `plan_run` and the functions of the stages.
        RunError: Another process carries out the same plan.
        StoppedBySignalError: A signal came; what is done is kept.
    """
    clock = clock or SystemClock()
    path = settings_file(loaded, options.seconds, options.goal)
    run = _run_of(loaded, path, options)
    if options.overwrite:
        _remove(run)
        path.unlink(missing_ok=True)  # so that a call that goes on without the option plans anew too
    began_at = clock.now() - gone
    with running_within_budget(run):
        record = read_record(run)
        if record is not None and record.plan is None and record.deadline < clock.now():
            progress.log(f"the time of {run.name} was over before it had a plan; it begins anew")
            record = None
        record = record or BudgetRecord(str(path), began_at, options.seconds)
        record.settings = str(path)  # whatever the record holds
        return _carried_out(loaded, options, run, record, progress, clock, make_trial, show)


def _remove(run: RunFolder) -> None:
    """Removes what an earlier call made: the run, and those of its further networks."""
    if not run.path.exists():
        return
    with writing_run(run):
        for other in _further_runs(run):
            with writing_run(other):
                shutil.rmtree(other.path)
        shutil.rmtree(run.path)


def _further_runs(run: RunFolder) -> list[RunFolder]:
    """The runs that a call began beside its first one and that are there.

    Raises:
        RunError: The record is damaged, and there are runs that may be its.
    """
    try:
        record = read_record(run)
    except RunError:
        if any(run.path.parent.glob(f"{glob.escape(run_of_seed(run, 0).path.name[:-1])}[0-9]*")):
            raise
        return []
    seeds = () if record is None else (match[1] for name in record.spent if (match := _SEED.search(name)))
    beside = dict.fromkeys(run_of_seed(run, int(seed)) for seed in seeds)
    return [other for other in beside if other.path.exists()]


def _carried_out(
    loaded: LoadedConfig,
    options: BudgetOptions,
    run: RunFolder,
    record: BudgetRecord,
    progress: Progress,
    clock: Clock,
    make_trial: MakeTrial,
    show: Callable[[PlannedRun], None],
) -> BudgetResult:
    """Plans a run that has no plan yet, and does all that is left of it."""
    path = settings_file(loaded, options.seconds, options.goal)
    if not record.ended_at:
        record.go_on(clock.now())
    if record.plan is None:
        write_record(run, record)
        try:
            planned = plan_run(loaded, options, progress, clock, make_trial, record.began_at)
            require_free([network_of(planned.loaded, run, k) for k in range(planned.plan.most_networks)])
        except InputError:  # the time of what was never begun does not run
            record_file(run).unlink(missing_ok=True)
            with suppress(OSError):
                run.path.rmdir()
            raise
        show(planned)
        record.plan = Course.of(planned.plan)
        record.add("measure", clock.now() - record.began_at)
        write_record(run, record)
    elif not path.is_file():
        raise ConfigError(f"{path} is gone, which {run.path} was planned with; plan anew with --overwrite")
    elif not record.ended_at:
        left = in_words(max(0.0, record.deadline - clock.now()))
        done = part_of(len(record.trained), record.plan.networks, "network", "are trained")
        progress.log(f"{run.name} goes on: {done}, {left} are left")
    planned_settings = load_config(path.stem, loaded.overrides)
    require_folds(planned_settings, record.plan, run)
    require_same_settings(planned_settings, run, record)
    require_no_other_limit(planned_settings.config, (), is_as_found=True)
    return Execution(planned_settings, run, record, options.ignore_rules, clock, progress).finish()


def seconds_of_budget(hours: float | None, minutes: float | None) -> float:
    """The seconds of a budget that is given in hours or in minutes.

    >>> seconds_of_budget(None, 8)
    480.0

    Raises:
        InputError: It is given twice or not at all.
    """
    if (hours is None) == (minutes is None):
        raise InputError("a run needs one budget: --hours H or --minutes M")
    return 60.0 * minutes if minutes is not None else 3600.0 * (hours or 0.0)


@dataclass
class _Rules:
    """The limits of the competition's rules; a network is built once to count its parameters."""

    config: Config
    demand: Demand
    is_ignored: bool

    def __post_init__(self) -> None:
        self._found: dict[str, Sequence[str]] = {}
        spec = None if self.is_ignored else find_spec(self.config.competition.slug)
        limits = spec is not None and spec.rules.limit_covers_ensemble
        self.parameter_limit = spec.rules.max_parameters if spec is not None and limits else None
        """The parameters that all networks of a blend may have together; None: as many as they like."""
        self.own_architectures_alone = spec is not None and spec.rules.forbids_imported_architectures

    def broken(self, config: Config) -> Sequence[str]:
        """One line for each rule that settings break."""
        if self.is_ignored:
            return ()
        # What rules look at; lengths and rates of a training are none of it.
        parts = (config.model, config.margin, config.augment, config.loss)
        key = f"{config.data.image_size} {' '.join(part.model_dump_json() for part in parts)}"
        if key not in self._found:
            self._found[key] = rules_broken_by(config, self.demand.num_classes)
        return self._found[key]


def _planner(
    config: Config, demand: Demand, trial: Trial, rules: _Rules, spent: Callable[[], float]
) -> Planner:
    """The planner of a competition on this machine, with the estimates of earlier runs."""
    key = competition_key(config.competition.slug, demand.train_images)
    known = known_of(read_estimates(Path(config.paths.runs)), machine_name(config.device), key)
    return Planner(config, demand, trial, rules.broken, rules.parameter_limit, known, spent)


def _run_of(loaded: LoadedConfig, path: Path, options: BudgetOptions) -> RunFolder:
    """The run folder of a plan's settings."""
    return run_folder(Path(loaded.config.paths.runs), path.stem, options.run or name_of_run(loaded.overrides))
