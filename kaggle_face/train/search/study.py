"""Search for settings with Optuna: one fold is trained per trial, and judged by its composite score.

Trials that fall behind are stopped early: after each epoch a trial whose best score so far is below the
median of the earlier trials at that epoch ends. The study lies in a storage, so a search that was stopped
goes on, and several workers can search together.

**Places.** A worker may run a trial if fewer trials of lower numbers than are wanted in all are done, run or
wait to be repeated. The storage gives each number once, so workers that begin trials at one moment never run
more than are wanted; one too many is given back.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_face.errors import ConfigError, RunError, TrainingStoppedError, counted
from kaggle_face.progress import Progress
from kaggle_face.train.search.heartbeat import BEATS_UNTIL_LOST, WORKER, LostTrials, beating, this_worker
from kaggle_face.train.search.space import SearchSpace, suggest_overrides
from kaggle_face.train.search.storage import StudyStorage, import_optuna

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial, TrialState

EpochReport = Callable[[float], None]
"""Takes the score of each epoch; raises where the trial is to end."""

RunTrial = Callable[[int, Sequence[str], EpochReport], None]
"""Trains with overrides under a trial's number and reports each epoch."""

_STARTUP_TRIALS = 5
"""Trials that are drawn at random, and never stopped, before the search learns from them."""

_WARMUP_EPOCHS = 2
"""Epochs in which no trial is stopped."""

SECONDS_UNTIL_LOST = 120.0
"""Time without a sign of life after which a trial of another worker is repeated."""

_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_OF_BEGINNING = 10.0
_BEGUN_WITH = "kaggle-face"
"""The attribute of a study with what it was begun with."""


@dataclass(frozen=True)
class BestTrial:
    """The trial with the highest score; `worker` is the machine that trained it."""

    number: int
    score: float
    overrides: tuple[str, ...]
    worker: str = ""


@dataclass(frozen=True)
class TrialRow:
    """A trial of a table; `score` is None where it has none, `epochs` counts those that were measured."""

    number: int
    state: str
    score: float | None
    epochs: int
    overrides: tuple[str, ...]
    worker: str


class _TrialLostError(Exception):
    """Another worker held this trial for lost, and repeats it."""


class Search:
    """A study in a storage that proposes settings and remembers how they did."""

    def __init__(
        self,
        storage: StudyStorage,
        name: str,
        space: SearchSpace,
        seed: int,
        shared: bool = False,
        seconds_until_lost: float = SECONDS_UNTIL_LOST,
    ) -> None:
        """Opens or begins a study.

        Args:
            storage: Where it lies.
            name: Its name there.
            space: What is searched.
            seed: Of the settings that are drawn; each trial draws by its number.
            shared: Whether other workers may search at the same time.
            seconds_until_lost: After how long without a sign of life a trial of others is repeated.

        Raises:
            MissingExtraError: Optuna or a driver is not installed.
            RunError: The storage cannot be used.
        """
        self._optuna = import_optuna()
        self._storage, self.space, self._seed, self._shared = storage, space, seed, shared
        self._lost = LostTrials(seconds_until_lost if shared else -1.0)
        self._seconds_per_beat = seconds_until_lost / BEATS_UNTIL_LOST
        opened = storage.open()
        with storage.explained(every_error=True):
            try:
                self.study: optuna.Study = self._optuna.create_study(
                    storage=opened, study_name=name, direction="maximize"
                )
                self._began = True
            except self._optuna.exceptions.DuplicatedStudyError:
                self.study = self._optuna.load_study(study_name=name, storage=opened)
                self._began = False
            self._trials()
        self.study.pruner = self._optuna.pruners.MedianPruner(_STARTUP_TRIALS, _WARMUP_EPOCHS)
        if not shared:
            self._repeat_lost()

    def begun_with(self, description: Mapping[str, Any], takes_over: bool = True) -> Mapping[str, Any]:
        """The description that the study was begun with; the given one, where this call begins it.

        Args:
            description: Values of JSON.
            takes_over: Whether a study with trials and no description is taken for one of this description.

        Raises:
            RunError: Something else than `tune` began the study.
        """
        end = time.monotonic() + _SECONDS_OF_BEGINNING
        with self._storage.explained():
            while not self._began and _BEGUN_WITH not in self.study.user_attrs:
                if self._trials():
                    if not takes_over:
                        raise RunError(
                            f"{self._storage.shown} has a study '{self.study.study_name}' that tune did not "
                            "begin; search under another --name"
                        )
                    break
                if time.monotonic() > end:  # whoever began it was killed at once
                    break
                time.sleep(0.1)
            if _BEGUN_WITH not in self.study.user_attrs:
                self.study.set_user_attr(_BEGUN_WITH, dict(description))
            found: Mapping[str, Any] = self.study.user_attrs[_BEGUN_WITH]
        return found

    @property
    def num_done(self) -> int:
        """The number of trials that were finished or pruned."""
        return len(self._trials("COMPLETE", "PRUNED"))

    @property
    def shown(self) -> str:
        """The storage and the study, for messages."""
        return f"search '{self.study.study_name}' in {self._storage.shown}"

    @property
    def ended(self) -> list[int]:
        """Numbers of trials that ended in whatever way, those whose worker was found gone among them."""
        return [trial.number for trial in self._trials("COMPLETE", "PRUNED", "FAIL")]

    def rows(self) -> tuple[TrialRow, ...]:
        """All trials, by number."""
        return tuple(
            TrialRow(
                trial.number,
                {"PRUNED": "stopped", "FAIL": "lost"}.get(trial.state.name, trial.state.name.lower()),
                trial.value,
                len(trial.intermediate_values),
                tuple(trial.user_attrs.get("overrides", ())),
                str(trial.user_attrs.get(WORKER, "")).partition(" ")[0],
            )
            for trial in self._trials()
        )

    @property
    def begun(self) -> set[int]:
        """Numbers of all trials that any worker has begun."""
        return {trial.number for trial in self._trials("RUNNING", "COMPLETE", "PRUNED", "FAIL")}

    def coming(self, trials: int) -> list[int]:
        """Numbers of the trials that are still to run."""
        waiting = self._trials("WAITING")
        first = len(self._trials())
        left = max(0, trials - self.num_done)
        numbers = [trial.number for trial in waiting] + list(range(first, first + left))
        return numbers[:left]

    @property
    def best(self) -> BestTrial | None:
        """The best finished trial."""
        done = self._trials("COMPLETE")
        if not done:
            return None
        winner = max(done, key=lambda trial: (trial.value, -trial.number))
        assert winner.value is not None
        overrides = winner.user_attrs.get("overrides")
        if not isinstance(overrides, list) or not all(isinstance(text, str) for text in overrides):
            raise RunError(f"trial {winner.number} of the study has no settings; search under another --name")
        worker = str(winner.user_attrs.get(WORKER, "")).partition(" ")[0]
        return BestTrial(winner.number, winner.value, tuple(overrides), worker)

    def run(
        self,
        trials: int,
        hours: float | None,
        run_trial: RunTrial,
        on_end: Callable[[], None],
        progress: Progress,
    ) -> None:
        """Runs trials until a number of all workers' is reached, or the time is up.

        Where others run the last ones, it waits for them, and repeats those whose worker is gone.

        Args:
            trials: Trials in all, those of other workers and of earlier calls among them.
            hours: No trial begins after so many hours; None: no limit.
            run_trial: Trains one trial.
            on_end: Called after each trial of this call, however it ended.
            progress: Gets a line for each trial.
        """
        end = math.inf if hours is None else time.monotonic() + 3600.0 * hours
        with self._storage.explained():
            while (trial := self._next(trials, end, progress)) is not None:
                try:
                    self._run_one(trial, run_trial, progress)
                finally:
                    on_end()

    def _next(self, trials: int, end: float, progress: Progress) -> Trial | None:
        """The next trial of this worker; None where there are enough, or the time is up."""
        has_waited = False
        while time.monotonic() < end:
            self._repeat_lost()
            if self.num_done >= trials:
                return None
            if self._trials("WAITING") or len(self._held()) < trials:
                trial = self.study.ask()
                trial.set_user_attr(WORKER, this_worker())
                if sum(other.number < trial.number for other in self._held()) < trials:
                    return trial
                self._tell(trial, state="FAIL")
                continue
            if not has_waited:
                count = len(self._trials("RUNNING"))
                progress.log(f"waits for {counted(count, 'trial')} of other workers")
            has_waited = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return None

    def _run_one(self, trial: Trial, run_trial: RunTrial, progress: Progress) -> None:
        """Runs a trial to its end and records how it did."""
        # By the number, so that no two workers draw the same, and neither does a search that goes on.
        seed = np.random.default_rng((self._seed, trial.number)).integers(2**31)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            self.study.sampler = self._optuna.samplers.TPESampler(
                seed=int(seed), n_startup_trials=_STARTUP_TRIALS, constant_liar=self._shared
            )
        try:
            with beating(trial, self._seconds_per_beat) if self._shared else nullcontext():
                score = self._judge(trial, run_trial)
        except _TrialLostError:
            pass
        except KeyboardInterrupt:
            if self._tell(trial, state="FAIL"):
                self.study.enqueue_trial(trial.params)  # is run again first
            raise
        except (TrainingStoppedError, self._optuna.TrialPruned):
            self._tell(trial, state="PRUNED")
        except BaseException:
            self._tell(trial, state="FAIL")
            raise
        else:
            self._tell(trial, score)
        progress.log(self._describe(trial.number))

    def _judge(self, trial: Trial, run_trial: RunTrial) -> float:
        """The best score of a trial's epochs."""
        try:
            overrides = suggest_overrides(self.space, trial)
        except ValueError as error:
            raise ConfigError(
                f"this study has another search space ({error}); give the new one another --name"
            ) from error
        trial.set_user_attr("overrides", overrides)
        best = -math.inf
        epochs = 0

        def report(score: float) -> None:
            nonlocal best, epochs
            best = max(best, score) if score == score else best
            try:
                trial.report(best if best > -math.inf else 0.0, epochs)
            except RuntimeError as error:  # what Optuna raises for a trial that others have ended
                raise _TrialLostError from error
            epochs += 1
            if trial.should_prune():
                raise self._optuna.TrialPruned

        run_trial(trial.number, overrides, report)
        if best == -math.inf:
            raise self._optuna.TrialPruned
        return best

    def _repeat_lost(self) -> None:
        """Ends the trials whose worker is gone, and puts their settings first; only one worker succeeds."""
        for trial in self._lost.among(self._trials("RUNNING")):
            if self._tell(trial.number, state="FAIL") and trial.params:
                self.study.enqueue_trial(trial.params)

    def _tell(self, trial: Trial | int, score: float | None = None, state: str | None = None) -> bool:
        """Ends a trial; returns whether it had not been ended before, by others that held it for lost."""
        ending = None if state is None else self._optuna.trial.TrialState[state]
        try:
            self.study.tell(trial, score, ending)
        except (
            RuntimeError,
            ValueError,
        ):  # what Optuna raises for a trial that others have ended
            number = trial if isinstance(trial, int) else trial.number
            if any(other.number == number for other in self._trials("RUNNING")):
                raise
            return False
        return True

    def _held(self) -> list[FrozenTrial]:
        return self._trials("WAITING", "RUNNING", "COMPLETE", "PRUNED")

    def _trials(self, *states: str) -> list[FrozenTrial]:
        """Trials in some states, or all, as the storage has them now."""
        wanted: tuple[TrialState, ...] | None = tuple(self._optuna.trial.TrialState[name] for name in states)
        return self.study.get_trials(deepcopy=False, states=wanted or None)

    def _describe(self, number: int) -> str:
        (trial,) = (each for each in self._trials() if each.number == number)
        settings = ", ".join(trial.user_attrs.get("overrides", ()))
        match trial.state.name:
            case "COMPLETE":
                end = f"score {trial.value:.5f}"
            case "PRUNED":
                end = f"stopped after epoch {len(trial.intermediate_values)}"
            case _:
                end = "held for lost by another worker, which repeats it"
        best = self.best
        tail = "" if best is None else f"; best {best.score:.5f} of trial {best.number}"
        return f"trial {number}: {end}{tail} ({settings})"
