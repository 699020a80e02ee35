"""Search for settings with Optuna: one fold is trained per trial, and judged by its composite score.

Trials that fall behind are stopped early: after each epoch a trial whose best score so far is below the
median of the earlier trials at that epoch ends. The study lies in a SQLite file, so a search that was stopped
goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.errors import ConfigError, MissingExtraError, RunError, TrainingStoppedError
from kaggle_face.progress import Progress
from kaggle_face.train.search.space import SearchSpace, suggest_overrides

if TYPE_CHECKING:
    import optuna

EpochReport = Callable[[float], None]
"""Takes the score of each epoch; raises where the trial is to end."""

RunTrial = Callable[[int, Sequence[str], EpochReport], None]
"""Trains with overrides under a trial's number and reports each epoch."""

_STARTUP_TRIALS = 5
"""Trials that are drawn at random, and never stopped, before the search learns from them."""

_WARMUP_EPOCHS = 2
"""Epochs in which no trial is stopped."""


@dataclass(frozen=True)
class BestTrial:
    """The trial with the highest score."""

    number: int
    score: float
    overrides: tuple[str, ...]


class Search:
    """A study on disk that proposes settings and remembers how they did."""

    def __init__(self, file: Path, name: str, space: SearchSpace, seed: int) -> None:
        """Opens or begins a study.

        Raises:
            MissingExtraError: Optuna is not installed.
        """
        self._optuna = _import_optuna()
        self.space = space
        file.parent.mkdir(parents=True, exist_ok=True)
        with _explained(file):
            self.study: optuna.Study = self._optuna.create_study(
                storage=f"sqlite:///{file.as_posix()}",
                study_name=name,
                direction="maximize",
                load_if_exists=True,
            )
            self.study.get_trials(deepcopy=False)
        # A search that goes on must not draw what it drew at first.
        self.study.sampler = self._optuna.samplers.TPESampler(
            seed=seed + len(self.study.trials), n_startup_trials=_STARTUP_TRIALS
        )
        self.study.pruner = self._optuna.pruners.MedianPruner(_STARTUP_TRIALS, _WARMUP_EPOCHS)
        # What a killed search had begun is tried again first.
        states = self._optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self.study.tell(trial.number, state=states.FAIL)
            if trial.params:
                self.study.enqueue_trial(trial.params)

    @property
    def num_done(self) -> int:
        """Trials that came to their end or were stopped for falling behind."""
        states = self._optuna.trial.TrialState
        return len(self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))

    @property
    def broken(self) -> list[int]:
        """Numbers of trials that came to no end: their process was killed, or they could not be trained."""
        states = self._optuna.trial.TrialState
        return [trial.number for trial in self.study.get_trials(deepcopy=False, states=(states.FAIL,))]

    def coming(self, trials: int) -> list[int]:
        """Numbers of the trials that are still to be run for so many in all."""
        states = self._optuna.trial.TrialState
        waiting = self.study.get_trials(deepcopy=False, states=(states.WAITING,))
        first = len(self.study.get_trials(deepcopy=False))
        left = max(0, trials - self.num_done)
        numbers = [trial.number for trial in waiting] + list(range(first, first + left))
        return numbers[:left]

    @property
    def best(self) -> BestTrial | None:
        """The best finished trial."""
        states = self._optuna.trial.TrialState
        done = self.study.get_trials(deepcopy=False, states=(states.COMPLETE,))
        if not done:
            return None
        winner = max(done, key=lambda trial: (trial.value, -trial.number))
        assert winner.value is not None
        overrides = winner.user_attrs.get("overrides")
        if not isinstance(overrides, list) or not all(isinstance(text, str) for text in overrides):
            raise RunError(f"trial {winner.number} of the study has no settings; take another --name")
        return BestTrial(winner.number, winner.value, tuple(overrides))

    def run(
        self,
        trials: int,
        hours: float | None,
        run_trial: RunTrial,
        on_end: Callable[[int], None],
        progress: Progress,
    ) -> None:
        """Runs trials until there are so many in all, or the time is up.

        Args:
            trials: Trials in all, those of earlier calls among them.
            hours: No trial begins after so many hours; None: no limit.
            run_trial: Trains one trial.
            on_end: Called with the number of each trial that ended, in whatever way.
            progress: Gets a line for each trial.
        """
        left = trials - self.num_done
        if left <= 0:
            return

        def objective(trial: optuna.Trial) -> float:
            return self._judge(trial, run_trial)

        def report_end(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            progress.log(self._describe(trial))
            on_end(trial.number)

        self.study.optimize(
            objective, left, None if hours is None else 3600.0 * hours, callbacks=[report_end]
        )

    def _judge(self, trial: optuna.Trial, run_trial: RunTrial) -> float:
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
            trial.report(best if best > -math.inf else 0.0, epochs)
            epochs += 1
            if trial.should_prune():
                raise self._optuna.TrialPruned

        try:
            run_trial(trial.number, overrides, report)
        except KeyboardInterrupt:
            self.study.enqueue_trial(trial.params)  # is run again first
            raise
        except TrainingStoppedError as error:
            raise self._optuna.TrialPruned from error
        if best == -math.inf:
            raise self._optuna.TrialPruned
        return best

    def _describe(self, trial: optuna.trial.FrozenTrial) -> str:
        settings = ", ".join(trial.user_attrs.get("overrides", ()))
        if trial.state == self._optuna.trial.TrialState.COMPLETE:
            end = f"score {trial.value:.5f}"
        else:
            end = f"stopped after epoch {len(trial.intermediate_values)}"
        best = self.best
        tail = "" if best is None else f"; best {best.score:.5f} of trial {best.number}"
        return f"trial {trial.number}: {end}{tail} ({settings})"


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turns what is wrong with the file of a study into one line."""
    try:
        yield
    except Exception as error:  # of SQLAlchemy, Alembic, SQLite and Optuna itself
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"{file} cannot be used: {reason}; move it away, or search under another --name"
        ) from error


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("optuna", "tune") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # below, it logs the traceback of our own errors
    return optuna
