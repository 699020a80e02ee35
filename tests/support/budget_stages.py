"""Stages of a run within a budget that only move a clock, and what they are planned to take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import DiskError
from kaggle_face.pipeline.budget.execute import BudgetResult
from kaggle_face.pipeline.budget.record import Course
from kaggle_face.train.deadline import WORTH_HAVING
from tests.support.budgets import FakeClock

Go = Callable[..., BudgetResult]
"""Carries a plan out, or goes on with it."""

BUDGET = 410.0
STAGES = {"measure": 10.0, "decode": 20.0, "fold 0": 100.0, "fold 1": 100.0, "fold 2": 100.0}
STAGES |= {"first CSV": 10.0, "predict": 15.0, "blend": 20.0, "margin": 30.0}


def course(networks: int = 3, most_networks: int = 3, **more: Any) -> Course:
    stages = {name: each for name, each in STAGES.items() if name < f"fold {networks}" or name > "fold 9"}
    values = {
        "rung": "small-2-both",
        "purpose": "both",
        "length": 10.0,
        "networks": networks,
        "most_networks": most_networks,
        "images_per_second": 100.0,
        "records_seconds": 2.0,
        "expected": "not measured",
        "tries_tta": False,
        "chooses_blend": True,
        "stages": stages,
        **more,
    }
    return Course(**values)


class KilledError(Exception):
    """Stands for a kill."""


@dataclass
class Stages:
    """Stages that take their time on a clock; a fold that is late meets its deadline."""

    clock: FakeClock
    decode: float = 20.0
    fold: float = 100.0
    predict: float = 5.0
    mean: float = 4.0
    chosen: float = 15.0
    evaluate: float = 5.0
    kill_at: float | None = None
    full_disk_in: str = ""
    done: list[str] = field(default_factory=list)
    left_of_fold: dict[str, float] = field(default_factory=dict)
    evaluated: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    record_of_then: bytes = b""

    def work(self, name: str, seconds: float) -> None:
        if name.startswith(self.full_disk_in) and self.full_disk_in:
            raise DiskError(f"{name} cannot be written: the disk of runs is full; free some room", 28)
        if self.kill_at is not None and self.clock.seconds + seconds > self.kill_at:
            self.clock.seconds = self.kill_at
            raise KilledError
        self.clock.move(seconds)
        self.done.append(name)

    def prepare_images(self, *_: object) -> None:
        self.work("decode", self.decode if "decode" not in self.done else 0.0)

    def train_folds(
        self,
        loaded: LoadedConfig,
        run: RunFolder,
        folds: Sequence[int],
        options: Any,
        progress: object,
    ) -> None:
        (fold,), deadline = folds, options.deadline
        self.record_of_then = Path("runs/demo/main/budget.json").read_bytes()
        folder = run.fold(fold)
        assert options.resume == folder.info_file.is_file()
        if folder.is_finished:
            return
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.write_info({"status": "running"})
        name = f"fold {fold}" + (f", seed {loaded.config.seed}" if run.path.name != "main" else "")
        need = self.left_of_fold.setdefault(name, self.fold)
        while deadline.later and WORTH_HAVING * need > deadline.seconds_left:
            deadline = deadline.put_off()
        taken = max(1.0, min(need, deadline.seconds_left))
        began = self.clock.seconds
        try:
            self.work(name, taken)
        finally:
            self.left_of_fold[name] = need - (self.clock.seconds - began)
        pace = {} if taken == need else {"pace": [[0.0, 0.0], [10.0 * taken / need, 10.0]]}
        folder.write_info({"status": "finished", **pace})

    def predict_run(self, loaded: LoadedConfig, run: RunFolder, options: Any, progress: object) -> None:
        seed = f" {run.path.name}" if run.path.name != "main" else ""
        self.work(f"predict {list(options.folds)}{seed}", self.predict * len(options.folds))

    def ensemble_runs(
        self, loaded: object, runs: Sequence[RunFolder], options: Any, progress: object
    ) -> SimpleNamespace:
        is_mean = options.method == "mean"
        assert options.post_process is not is_mean
        others = "".join(f" {run.path.name}" for run in runs[1:])
        name = f"{'mean' if is_mean else 'chosen'} {list(options.folds)}{others}"
        self.work(name, self.mean if is_mean else self.chosen)
        return SimpleNamespace(record=name)

    def write_submissions(self, loaded: LoadedConfig, run: RunFolder, *_: object) -> SimpleNamespace:
        path = (
            Path(loaded.config.paths.submissions)
            / loaded.name
            / f"{run.path.name}_ensemble_classification.csv"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.done[-1], encoding="utf-8")
        return SimpleNamespace(files=[SimpleNamespace(file=SimpleNamespace(path=path, rows=3))])

    def add_estimate(self, runs: Path, folder: FoldFolder, progress: object, *more: Any) -> None:
        """Keeps the fold's name, the recipe, its rate, the seconds of blending and the counted images."""
        self.rows.append((folder.name, *more))

    def evaluate_runs(self, runs: Sequence[RunFolder], *_: object) -> SimpleNamespace:
        self.work("evaluate", self.evaluate)
        self.evaluated = [run.path.name for run in runs]
        return SimpleNamespace(metrics=())


def csv_text() -> str:
    return Path("submissions/demo/main_ensemble_classification.csv").read_text(encoding="utf-8")
