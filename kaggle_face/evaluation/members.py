"""The members of a blend: each is one checkpoint of one run, in all of the chosen folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import ConfigError, RunError
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from kaggle_face.competitions.catalogue.ranking import OwnMetrics
    from kaggle_face.config.schema import CheckpointName

Method = Literal["auto", "mean", "hill", "constrained"]
"""How members are weighted."""
METHODS: tuple[Method, ...] = ("auto", "mean", "hill", "constrained")


@dataclass(frozen=True)
class Member:
    """One checkpoint of a run; each fold is a network of its own, and their answers are averaged."""

    run: RunFolder
    checkpoint: CheckpointName
    folds: tuple[FoldFolder, ...]

    @property
    def name(self) -> str:
        """`<config>/<run>@<checkpoint>`, as tables and errors show it."""
        return f"{self.run.name}@{self.checkpoint}"

    @property
    def own_metrics(self) -> OwnMetrics:
        """The ranking metrics of a run's competition; the usual metrics where another version wrote settings.

        Runs of before settings were kept have none, and keys come and go.
        """
        from kaggle_face.competitions.catalogue.ranking import own_metrics, own_metrics_of

        try:
            return own_metrics_of(self.folds[0].read_config())
        except (ConfigError, RunError):
            return own_metrics("", "eer")

    @property
    def num_parameters(self) -> int:
        """The parameters of all of its networks."""
        counts = [int(fold.read_info().get("num_parameters", 0)) for fold in self.folds]
        return sum(counts if self.run.imported_task is None else counts[:1])

    def network_name(self, fold: FoldFolder) -> str:
        """`<member> fold <k>`."""
        return f"{self.name} fold {fold.fold}"


def default_checkpoint(task: Task, runs: Sequence[RunFolder]) -> CheckpointName:
    """The checkpoint that was best at a task while training; `best_cls` where no trials were measured."""
    match task:
        case "classification":
            return "best_cls"
        case "verification":
            folds = [fold for run in runs for fold in run.started_folds()]
            # Records show what was measured as well where the weights stayed elsewhere.
            was_measured = (
                fold.weights_file("best_ver").is_file()
                or any((fold.path / part / "best_ver").is_dir() for part in ("oof", "test"))
                for fold in folds
            )
            return "best_ver" if all(was_measured) else "best_cls"
        case _:
            assert_never(task)


def imported_checkpoint(task: Task) -> CheckpointName:
    """The name under which imported predictions of a task lie."""
    return "best_cls" if task == "classification" else "best_ver"


def runs_of_task(task: Task, runs: Sequence[RunFolder]) -> list[RunFolder]:
    """The runs that can answer a task: one that was imported answers its own alone."""
    return [run for run in runs if run.imported_task in (None, task)]


def members_of_task(
    task: Task,
    runs: Sequence[RunFolder],
    checkpoints: Sequence[CheckpointName] | None = None,
    folds: Sequence[int] | None = None,
) -> tuple[Member, ...]:
    """The members that answer a task, without `checkpoints` each run's usual one; may be empty.

    Raises:
        RunError: As `choose_members`.
    """
    answering = runs_of_task(task, runs)
    if not answering:
        return ()
    own = [run for run in answering if run.imported_task is None]
    return choose_members(answering, checkpoints or [default_checkpoint(task, own or answering)], folds)


def choose_members(
    runs: Sequence[RunFolder], checkpoints: Sequence[CheckpointName], folds: Sequence[int] | None = None
) -> tuple[Member, ...]:
    """Every checkpoint of every run as a member, each with the same folds.

    Without `folds` those are the finished folds. An imported run has one checkpoint, whatever is named.

    Raises:
        RunError: A run lacks a fold that is requested or that another run has, or has none at all.
    """
    chosen = {run: _folds_of(run, folds) for run in dict.fromkeys(runs)}
    first_run, first_folds = next(iter(chosen.items()))
    numbers = [fold.fold for fold in first_folds]
    for run, found in chosen.items():
        others = [fold.fold for fold in found]
        if others != numbers:
            missing_here = [number for number in numbers if number not in others]
            lacking = run if missing_here else first_run
            number = missing_here[0] if missing_here else min(set(others) - set(numbers))
            common = ",".join(str(fold) for fold in numbers if fold in others)
            choice = f"choose --folds {common}, or " if common else ""
            raise RunError(
                f"{lacking.name} has no finished fold {number}, which the other runs have; "
                f"{choice}train it: {lacking.training_command(number)}"
            )
    return tuple(
        Member(run, checkpoint, found)
        for run, found in chosen.items()
        for checkpoint in (
            [imported_checkpoint(run.imported_task)] if run.imported_task else dict.fromkeys(checkpoints)
        )
    )


def _folds_of(run: RunFolder, numbers: Sequence[int] | None) -> tuple[FoldFolder, ...]:
    finished = {folder.fold: folder for folder in run.finished_folds()}
    if not finished:
        raise RunError(f"{run.name} has no finished fold; train one first: {run.training_command()}")
    if numbers is None:
        return tuple(finished.values())
    if not numbers:
        raise RunError(f"no fold of {run.name} is chosen; finished are: {', '.join(map(str, finished))}")
    for number in numbers:
        if number not in finished:
            there = ", ".join(map(str, finished))
            raise RunError(f"{run.name} has no finished fold {number}; finished are: {there}")
    return tuple(finished[number] for number in sorted(set(numbers)))
