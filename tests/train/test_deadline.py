"""Trainings that are to be over at a moment, with a clock that moves by the images that are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, TrainConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.model.weights.checkpoints import read_weights
from kaggle_face.progress import Counter
from kaggle_face.records import ClassTable, Pairs
from kaggle_face.train import trainer as trainer_module
from kaggle_face.train.deadline import Deadline, PaceKeeper
from kaggle_face.train.distributed import DistributedContext
from kaggle_face.train.fold import train_fold
from kaggle_face.train.optim.pace import Pace
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData
from kaggle_face.train.trainer import Outcome
from tests.support.progress import Told

SIZE, PEOPLE, EACH, BATCH, EPOCHS = 16, 4, 16, 4, 6
IMAGES = PEOPLE * (EACH - 2)
STEPS = IMAGES // BATCH
STEP_SECONDS = float(BATCH)
PLANNED_SECONDS = float(EPOCHS * STEPS * BATCH)  # a second an image
SETTINGS: dict[str, Any] = {
    "data": {"image_size": SIZE},
    "model": {
        "backbone": "resnet10t",
        "backbone_options": {"channels": [8, 8, 8, 8], "stem_width": 8},
        "embedding_size": 8,
        "head": "cosface",
    },
    "margin": {"margin": 0.3, "warmup_epochs": 4},
    "schedule": {"name": "one_cycle"},
    "train": {
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "measure_every_epochs": EPOCHS,
        "tensorboard": False,
        "threads": "all",
        "amp": "off",
    },
    "device": "cpu",
}


class Ticking(Told):
    """A progress whose counters move the clock: so many seconds an image, by how many were trained."""

    def __init__(self, *seconds_an_image: tuple[int, float]) -> None:
        super().__init__()
        self.seconds = self.images = 0.0
        self.rates = seconds_an_image

    def now(self) -> float:
        return self.seconds

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        rate = [rate for images, rate in self.rates if images <= self.images][-1]
        self.images += steps
        self.seconds += steps * rate


def fold_data() -> FoldData:
    ids = np.array([f"p{person}/{number:02d}.jpg" for person in range(PEOPLE) for number in range(EACH)])
    labels = np.repeat(np.arange(PEOPLE), EACH)
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (PEOPLE, SIZE, SIZE, 3))[labels] // 2 + draw.integers(
        0, 128, (len(ids), SIZE, SIZE, 3)
    )
    cache = ImageCache(ids, images.astype(np.uint8), np.ones(len(ids), np.bool_), SIZE)
    held_out = np.arange(len(ids)) % EACH >= EACH - 2
    names = np.array([f"p{person}" for person in range(PEOPLE)])
    val = ids[held_out]
    pairs = Pairs(np.array(["a", "b"]), val[[0, 0]], val[[1, 2]], np.array([1, 0], np.int64))
    return FoldData(
        0, ClassTable(names, names), cache, ids[~held_out], labels[~held_out], val, labels[held_out], pairs
    )


def train(
    folder: Path, progress: Ticking, seconds: float | None, resume: bool = False, **more: Any
) -> Outcome:
    config = Config.model_validate({**SETTINGS, "train": {**SETTINGS["train"], **more}})
    deadline = None if seconds is None else Deadline(seconds, progress.now, reserve_seconds=0.0)
    context = RunContext({}, progress, deadline=deadline, saves_when_stopped=True)
    start = "resume" if resume else "new"
    return train_fold(config, fold_data(), FoldFolder(folder / "fold0"), start, context)


def history(folder: Path) -> list[dict[str, float]]:
    header, *rows = (folder / "fold0" / "history.csv").read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    return [{k: float(v) for k, v in zip(names, row.split(","), strict=True) if v} for row in rows]


def bits(folder: Path) -> dict[str, bytes]:
    weights = read_weights(FoldFolder(folder / "fold0").weights_file("last"))
    return {name: tensor.numpy().tobytes() for name, tensor in weights.items()}


@pytest.mark.slow
@pytest.mark.ci
def test_a_training_in_time_is_the_one_without_a_deadline_to_the_bit(tmp_path: Path) -> None:
    free, held = Ticking((0, 1.0)), Ticking((0, 1.0))
    assert train(tmp_path / "free", free, None) == "finished"
    assert train(tmp_path / "held", held, 1.03 * PLANNED_SECONDS) == "finished"
    assert bits(tmp_path / "free") == bits(tmp_path / "held")
    assert not [line for line in held.lines if "shortened" in line or "lengthened" in line]


@pytest.mark.parametrize("slower", [1.5, pytest.param(3.0, marks=pytest.mark.slow)])
def test_a_slower_machine_shortens_the_schedule_and_its_rate_comes_to_its_end(
    tmp_path: Path, slower: float
) -> None:
    progress = Ticking((0, slower))
    assert train(tmp_path, progress, PLANNED_SECONDS) == "finished"
    rows = history(tmp_path)
    assert progress.seconds <= PLANNED_SECONDS + slower * STEP_SECONDS
    assert progress.images == pytest.approx(PLANNED_SECONDS / slower, rel=0.15)
    assert rows[-1]["lr"] < 0.1 * 0.1, "optim.lr is 0.1, and one_cycle ends at 0"
    assert "accuracy" in rows[-1], "the last epoch is measured"
    assert any("shortened from 6.0 to" in line for line in progress.lines)


@pytest.mark.slow
def test_a_machine_that_becomes_slow_on_the_way_is_noticed(tmp_path: Path) -> None:
    progress = Ticking((0, 1.0), (IMAGES * 3, 4.0))
    assert train(tmp_path, progress, PLANNED_SECONDS) == "finished"
    assert progress.seconds <= PLANNED_SECONDS + 4.0 * STEP_SECONDS
    assert history(tmp_path)[-1]["lr"] < 0.02


@pytest.mark.slow
def test_a_faster_machine_gets_more_epochs(tmp_path: Path) -> None:
    progress = Ticking((0, 0.5))
    assert train(tmp_path, progress, PLANNED_SECONDS) == "finished"
    assert len(history(tmp_path)) > EPOCHS + 2 and progress.seconds <= PLANNED_SECONDS
    assert history(tmp_path)[-1]["lr"] < 0.01
    assert any("lengthened from 6.0 to" in line for line in progress.lines)


@pytest.mark.slow
def test_a_deadline_that_has_passed_still_brings_the_rate_down(tmp_path: Path) -> None:
    progress = Ticking((0, 1.0))
    assert train(tmp_path, progress, 0.4 * PLANNED_SECONDS, start_image_size=8, grow_epochs=4) == "finished"
    rates = [row["lr"] for row in history(tmp_path)]
    late = Ticking((0, 50.0))
    assert train(tmp_path / "late", late, 1.0) == "finished"
    assert late.images < PLANNED_SECONDS / 2 and "accuracy" in history(tmp_path / "late")[-1]
    assert rates[-1] < 0.02


class KilledError(Exception):
    """Stands for a kill: nothing of the trainer runs after it."""


def test_a_training_that_was_shortened_and_killed_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Ticking((0, 2.0))
    assert train(tmp_path / "whole", whole, PLANNED_SECONDS) == "finished"
    refits = [line for line in whole.lines if "shortened" in line]
    assert len(refits) == 1

    killed = Ticking((0, 2.0))
    saved = trainer_module.save_resume_state

    def save_and_die(state: Any, folder: FoldFolder, distributed: DistributedContext, engine: Engine) -> None:
        saved(state, folder, distributed, engine)
        if state.pace and state.epoch >= 2:
            raise KilledError

    monkeypatch.setattr(trainer_module, "save_resume_state", save_and_die)
    with pytest.raises(KilledError):
        train(tmp_path / "killed", killed, PLANNED_SECONDS)
    monkeypatch.undo()
    assert train(tmp_path / "killed", Ticking((0, 1.0)), None, resume=True) == "finished"
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


@pytest.mark.slow
def test_time_for_the_records_is_kept(tmp_path: Path) -> None:
    progress = Ticking((0, 2.0))
    config = Config.model_validate(SETTINGS)
    deadline = Deadline(PLANNED_SECONDS, progress.now, reserve_seconds=0.5 * PLANNED_SECONDS)
    context = replace(RunContext({}, progress), deadline=deadline)
    train_fold(config, fold_data(), FoldFolder(tmp_path / "fold0"), "new", context)
    assert progress.seconds <= 0.5 * PLANNED_SECONDS + 2.0 * STEP_SECONDS


def keeper(later: tuple[float, ...] = (), epochs: int = 10) -> tuple[PaceKeeper, Ticking]:
    """The keeper of a training of so many epochs of 20 steps, a second each, and its clock."""
    clock = Ticking((0, 1.0))
    return PaceKeeper(
        Deadline(20.0 * epochs, clock.now, later=later), TrainConfig(epochs=epochs), 64, 20
    ), clock


def steps_until_refit(keeper: PaceKeeper, clock: Ticking, seconds: float, pace: Pace) -> Pace | None:
    for done in range(1, 20):
        clock.seconds += seconds
        if (refitted := keeper.check(pace, 0, done, 0.0)) is not None:
            return refitted
    return None


def test_a_deadline_is_put_off_where_too_little_of_a_training_would_be_left() -> None:
    planned = Pace.of([], 10)
    # 200 seconds at 2.5 seconds a step are 80 of 200 steps; by 400 seconds they are 160.
    alone, clock = keeper()
    refitted = steps_until_refit(alone, clock, 2.5, planned)
    assert refitted is not None and refitted.length == pytest.approx(80 / 20, abs=0.3)
    with_others, clock = keeper(later=(400.0, 900.0))
    refitted = steps_until_refit(with_others, clock, 2.5, planned)
    assert refitted is not None and refitted.length == pytest.approx(160 / 20, abs=0.3)
    mildly, clock = keeper(later=(400.0,))
    refitted = steps_until_refit(mildly, clock, 1.3, planned)
    assert refitted is not None and refitted.length == pytest.approx(200 / 1.3 / 20, abs=0.3)


def test_time_to_spare_lengthens_a_training_to_twice_its_epochs_at_most() -> None:
    mine, clock = keeper()
    refitted = steps_until_refit(mine, clock, 0.7, Pace.of([], 10))
    # 200 seconds at 0.7 seconds a step are 286 steps, of which a few are kept.
    assert refitted is not None and refitted.length == pytest.approx(0.96 * 286 / 20, abs=0.3)
    mine, clock = keeper()
    refitted = steps_until_refit(mine, clock, 0.3, Pace.of([], 10))
    assert refitted is not None and refitted.length == pytest.approx(20.0)


def test_a_fast_moment_is_not_taken_for_a_fast_machine() -> None:
    pace, (mine, clock) = Pace.of([], 10), keeper()
    for done in range(1, 67):
        clock.seconds += 1.2 if done < 60 else 0.4
        refitted = mine.check(pace, done // 20, done % 20, 0.0)
        if refitted is not None:
            assert refitted.length <= pace.length, "it is late until now, whatever the last steps took"
            pace = refitted


def test_time_of_measurements_is_no_time_of_steps() -> None:
    pace, (mine, clock) = Pace.of([], 10), keeper()
    for done in range(1, 19):
        clock.seconds += 1.0
        if done == 9:
            clock.seconds += 5.0
            mine.leave_out(5.0)
        refitted = mine.check(pace, 0, done, 0.0)
        if refitted is not None:
            # 5 of 200 seconds are lost, and no more.
            assert refitted.length == pytest.approx(195 / 20, abs=0.2)
