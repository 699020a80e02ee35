"""What runs reached on held-out data, and what of them is current; a part of `Project`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.project.frames import frame_of
from kaggle_face.project.run import ProjectCalls, Run

if TYPE_CHECKING:
    from kaggle_face.pipeline.evaluate import EvaluateOptions
    from kaggle_face.pipeline.evaluation_rows import EvaluationResult


@checked_methods
class Measuring:
    """The methods `evaluate`, `compare`, `run_table`, `estimates` and `status` of a project."""

    def evaluate(
        self: ProjectCalls,
        runs: Sequence[Run] | None = None,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
        fprs: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """All held-out metrics of runs with 95 % intervals; thresholds are kept in their folders.

        What is imbalanced about the held-out data, and what is left out for it, goes to the progress.

        Args:
            runs: None: the run that is clearly meant.
            folds: Numbers of folds; None: all finished ones.
            checkpoints: None: `best_cls` for classification, `best_ver` for verification.
            fprs: False positive rates in (0, 1) to keep a threshold for; None: 0.01 and 0.001.

        Returns:
            A row for each member and metric: `value`, `low`, `high`, and mean and deviation over the folds.

        Raises:
            InputError: A rate is not in (0, 1).
            RunError: A record is missing or out of date, or the runs do not fit together.
        """
        from kaggle_face.ensemble.run_thresholds import WANTED_FPRS
        from kaggle_face.pipeline.evaluate import EvaluateOptions

        options = EvaluateOptions(folds, checkpoints, WANTED_FPRS if fprs is None else fprs)
        return frame_of(row for task in _evaluated(self, runs, options).tasks for row in task.metrics)

    def compare(
        self: ProjectCalls,
        runs: Sequence[Run],
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
    ) -> pd.DataFrame:
        """The held-out metrics of runs minus those of the first one, with 95 % intervals.

        Args:
            runs: Two or more.
            folds: As for `evaluate`.
            checkpoints: As for `evaluate`.

        Returns:
            A row for each further member and metric: `value`, `low`, `high`, and the `verdict`.

        Raises:
            RunError: There is one run alone, a record is out of date, or the runs do not fit together.
        """
        from kaggle_face.pipeline.evaluate import EvaluateOptions

        if len(runs) < 2:
            raise RunError(f"a comparison needs two runs, got {len(runs)}")
        found = _evaluated(self, runs, EvaluateOptions(folds, checkpoints))
        rows = [row for task in found.tasks for row in task.differences]
        return frame_of(rows).assign(verdict=[row.verdict for row in rows])

    def run_table(self: ProjectCalls, all: bool = False) -> pd.DataFrame:  # noqa: A002 # the word of the option
        """All runs with what sets them apart, their figures, scores and cost; the best first.

        Args:
            all: Whether the runs of all settings are meant, not of these alone.

        Raises:
            RunError: There is no run.
        """
        from kaggle_face.pipeline.evaluate import run_table

        with self.call():
            return frame_of(run_table(self.loaded, all))

    def estimates(self: ProjectCalls, all: bool = False) -> pd.DataFrame:  # noqa: A002 # the word of the option
        """What trainings took and reached on each machine, from which `run` plans; the newest last.

        Args:
            all: Whether the trainings of all settings are meant, not of these alone.

        Raises:
            RunError: No training has ended here yet.
        """
        from kaggle_face.pipeline.budget.estimates import estimates_of

        with self.call():
            return frame_of(estimates_of(self.loaded, all))

    def status(self: ProjectCalls, run: Run | None = None) -> pd.DataFrame:
        """What of a run is current, what is out of date and why, and the command that renews it.

        Args:
            run: None: the one that is clearly meant, or `main` where nothing was trained yet.

        Raises:
            RunError: It is not clear which run is meant, or the settings changed since.
        """
        from kaggle_face.pipeline.chain import status_of_run

        with self.call() as progress:
            name = None if run is None else run.path.name
            return frame_of(status_of_run(self.loaded, name, progress).links)


def _evaluated(
    project: ProjectCalls, runs: Sequence[Run] | None, options: EvaluateOptions
) -> EvaluationResult:
    from kaggle_face.pipeline.evaluate import evaluate_runs
    from kaggle_face.summaries.evaluation import notes_on_evaluation

    chosen = [project.run()] if runs is None else list(runs)
    if not chosen:
        raise RunError("there is no run to evaluate; train one first")
    with project.call() as progress:
        result = evaluate_runs([each.folder for each in chosen], options, progress)
        for line in notes_on_evaluation(result):
            progress.log(line)
        return result
