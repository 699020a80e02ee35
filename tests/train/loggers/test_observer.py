"""Trainings with loggers: what arrives, that a resumed one repeats nothing, and that no service stops one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.model.weights.checkpoints import read_weights
from kaggle_face.progress import Counter
from kaggle_face.records import ClassTable, Pairs
from kaggle_face.train.fold import train_fold
from kaggle_face.train.loggers.logger import HyperParameter, LoggedPicture, Logger, StepValues
from kaggle_face.train.loggers.observer import TrainingObserver
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData
from tests.support.fake_cuda.mode import CUDA, fake_cuda, moved, why_not
from tests.support.progress import Told
from tests.support.small_training import (
    BATCH,
    CLASSES,
    IMAGES,
    Networks,
    SmallTraining,
    config_of,
    image_cache,
)

STEPS = 24 // BATCH
SETTINGS: dict[str, Any] = {
    "augment": {"transforms": [{"HorizontalFlip": {"p": 0.5}}], "cutmix": {"probability": 0.5}},
    "train": {
        "batch_size": BATCH,
        "epochs": 3,
        "threads": "all",
        "amp": "off",
    },
}
BOTH = ["wandb", "mlflow"]
KILLED_AT = 24 + BATCH
"""Images after which a training ends without a word: a step behind the state that its first epoch left."""


def fold_data() -> FoldData:
    cache = image_cache()
    ids, labels = cache.image_ids, np.arange(IMAGES) % CLASSES
    names = np.array([f"n{number}" for number in range(CLASSES)])
    pairs = Pairs(np.array(["a", "b", "c"]), ids[[24, 25, 26]], ids[[30, 32, 34]], np.array([1, 0, 0]))
    return FoldData(0, ClassTable(names, names), cache, ids[:24], labels[:24], ids[24:], labels[24:], pairs)


class Killed(BaseException):
    """The end of a process."""


class Mortal(Told):
    """A progress whose training is killed after so many images."""

    def __init__(self, killed_at: int | None = None) -> None:
        super().__init__()
        self.left = killed_at

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self.left is not None:
            self.left -= steps
            if self.left <= 0:
                raise Killed


def train(folder: Path, progress: Mortal, resume: bool = False, **more: Any) -> None:
    chosen = {**SETTINGS, "train": {**SETTINGS["train"], "loggers": BOTH, **more}}
    config = config_of(chosen).model_copy(update={"device": "cpu"})
    start = "resume" if resume else "new"
    train_fold(config, fold_data(), FoldFolder(folder / "fold0"), start, RunContext({}, progress))


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[ModuleType, ModuleType]]:
    """Stand-ins for `wandb` and `mlflow` that remember what they are given."""
    names = ("wandb", "mlflow", "mlflow.entities")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.delitem(sys.modules, name, raising=False)
        patch.syspath_prepend(str(Path(__file__).parents[2] / "support" / "services"))
        import mlflow
        import wandb

        yield wandb, mlflow
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def working_services(services: tuple[ModuleType, ModuleType]) -> None:
    for each in services:
        each.fails_at = ""


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory, services: tuple[ModuleType, ...]) -> Path:
    """`plain` without loggers; `killed` in its second epoch and resumed, with all of them."""
    folder = tmp_path_factory.mktemp("observed")
    train(folder / "plain", Mortal(), tensorboard=False, loggers=())
    with pytest.raises(Killed):
        train(folder / "killed", Mortal(KILLED_AT))
    train(folder / "killed", progress := Mortal(), resume=True)
    assert not [line for line in progress.lines if "records no more" in line]
    return folder


@pytest.fixture(scope="module")
def events(trainings: Path) -> EventAccumulator:
    found = EventAccumulator(
        str(trainings / "killed/fold0/tensorboard"), {"scalars": 0, "images": 0, "histograms": 0}
    )
    found.Reload()
    return found


def bits(folder: Path) -> dict[str, bytes]:
    weights = read_weights(FoldFolder(folder / "fold0").weights_file("last"))
    return {name: tensor.numpy().tobytes() for name, tensor in weights.items()}


def test_loggers_and_a_kill_change_no_bit_of_the_network(trainings: Path) -> None:
    assert bits(trainings / "killed") == bits(trainings / "plain")


def test_each_step_is_there_once_although_some_were_taken_twice(events: EventAccumulator) -> None:
    losses = events.Scalars("step/loss")
    assert [each.step for each in losses] == list(range(1, 3 * STEPS + 1))
    of_epoch = [each.value for each in losses[:STEPS]]
    # All batches are of one size, so the mean of an epoch is that of its steps.
    assert np.mean(of_epoch) == pytest.approx(events.Scalars("train_loss")[0].value, rel=1e-6)
    rates = [each.value for each in events.Scalars("step/lr")]
    assert rates[0] == pytest.approx(0.02) and rates == sorted(rates, reverse=True) and rates[-1] < 0.01


def test_every_measured_epoch_has_its_roc_and_histograms(events: EventAccumulator) -> None:
    for found in (events.Images("roc"), events.Histograms("scores/impostor")):
        assert [each.step for each in found] == [1, 2, 3]


def test_the_first_batches_and_the_hardest_pairs_are_pictures(events: EventAccumulator) -> None:
    assert {"first_batch", "hardest_pairs"} <= set(events.Tags()["images"])
    assert [each.step for each in events.Images("hardest_pairs")] == [3]
    captions = [
        events.Tensors(f"{name}/text_summary")[0].tensor_proto.string_val[0] for name in batches(events)
    ]
    assert any(b"CutMix" in each for each in captions)


def batches(events: EventAccumulator) -> list[str]:
    return [name for name in events.Tags()["images"] if name.endswith("_batch")]


def test_wandb_goes_on_with_the_run_of_the_fold(trainings: Path, services: tuple[ModuleType, ...]) -> None:
    calls = services[0].calls
    first, second = (values for what, values in calls if what == "init")
    run = FoldFolder(trainings / "killed/fold0").run.name
    assert (first["name"], first["group"]) == (f"{run}/fold0", run)
    assert (first["id"], second["id"], second["resume"]) == (None, "run1", "allow")
    assert first["config"]["optim.lr"] == 0.02 and not any("key" in name for name in first)
    options = first["settings"].options
    assert options["x_disable_meta"] and options["disable_git"] and options["console"] == "off"
    logged = [values for what, values in calls if what == "log"]
    assert [each["step"] for each in logged if "step/loss" in each] == list(range(1, 3 * STEPS + 1))
    assert [each["epoch"] for each in logged if "train_loss" in each] == [1, 2, 3]
    genuine, impostor = (
        [each[f"scores/{kind}"] for each in logged if "roc" in each][-1] for kind in ("genuine", "impostor")
    )
    assert (genuine.counts.sum(), impostor.counts.sum()) == (1, 2)
    (summary,) = (values for what, values in calls if what == "finish" and values)
    assert "best_ver/eer" in summary


def test_mlflow_gets_metrics_that_it_takes_and_one_run(services: tuple[ModuleType, ...]) -> None:
    calls = services[1].calls
    names = [what for what, _ in calls]
    assert names.count("create_run") == names.count("create_experiment") == 1
    metrics = [
        each for what, values in calls if what == "log_batch" for each in values[-1].get("metrics", ())
    ]
    assert [each.step for each in metrics if each.key == "step/loss"] == list(range(1, 3 * STEPS + 1))
    assert [each.step for each in metrics if each.key == "tpr_at_1e-2"] == [1, 2, 3]
    ended = [values[1] for what, values in calls if what == "set_terminated"]
    assert ended == ["KILLED", "FINISHED"]
    files = {values[-1].get("artifact_file") for what, values in calls if what in ("log_image", "log_text")}
    assert {"first_batch.png", "hardest_pairs.png", "hardest_pairs.txt"} <= files


@pytest.mark.parametrize(
    ("number", "fails_at"), [(0, "init"), (1, "log_batch"), pytest.param(0, "finish", marks=pytest.mark.slow)]
)
def test_a_service_that_fails_is_one_warning_and_the_training_goes_on(
    services: tuple[ModuleType, ...], number: int, fails_at: str, tmp_path: Path, trainings: Path
) -> None:
    services[number].fails_at = fails_at
    name = ("wandb", "mlflow")[number]
    train(tmp_path, progress := Mortal(), tensorboard=False, loggers=(name,))
    (line,) = (each for each in progress.lines if "records no more" in each)
    assert line.endswith(f"ConnectionError: no {fails_at} here")
    assert bits(tmp_path) == bits(trainings / "plain")


class Recording(Logger):
    """Remembers steps and pictures."""

    def __init__(self) -> None:
        self.steps: list[StepValues] = []
        self.pictures: list[str] = []

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        self.steps += steps

    def log_picture(self, picture: LoggedPicture) -> None:
        self.pictures.append(picture.name)


class Settings(Logger):
    """Remembers the settings that it is given, at the beginning and at the end."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def log_settings(self, config: Config, resumes: bool) -> None:
        self.given.append(config.model.center_crop)

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        self.given.append(hyperparameters["model.center_crop"])


@pytest.mark.parametrize(("fold", "share"), [(0, 1.0), (1, 0.5)])
def test_the_records_of_a_fold_tell_the_part_that_it_sees(
    fold: int, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = Settings()
    monkeypatch.setattr("kaggle_face.train.creation.create_loggers", lambda *_: (logger,))
    model = {"further_center_crops": [0.5]}
    config = config_of({"model": model, "train": {"epochs": 1, "threads": "all", "amp": "off"}})
    config = config.model_copy(update={"device": "cpu"})
    folder = FoldFolder(tmp_path / f"fold{fold}")
    train_fold(config, replace(fold_data(), fold=fold), folder, "new", RunContext({}, Mortal()))
    assert logger.given == [share, share]
    assert folder.read_info()["center_crop"] == share
    assert folder.read_config().model.center_crop == 1.0  # the settings are those of all folds


def observed(
    config: Config, networks: Networks, device: torch.device, **how: Any
) -> tuple[SmallTraining, TrainingObserver, Recording]:
    training = SmallTraining.on(device, config, networks, **how)
    logger = Recording()
    observer = TrainingObserver((logger,), fold_data(), len(training.batches))
    observer.begin(training.state)
    training.context = replace(training.context, observer=observer)
    return training, observer, logger


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_observed_steps_do_not_wait_for_the_device() -> None:
    config = config_of({"augment": {"cutmix": {"probability": 1.0}}})
    networks = Networks.of(config)
    with fake_cuda() as watch:
        training, _, logger = observed(config, networks, CUDA, amp_dtype=torch.float16, move=moved)
        watch.found.clear()
        training.steps(2)
        assert watch.found == [] and logger.steps == []


def test_a_long_epoch_is_handed_on_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaggle_face.train.loggers.observer._STACKED", 2)
    config = config_of({})
    training, observer, logger = observed(config, Networks.of(config), torch.device("cpu"))
    training.steps(5)
    observer.saved(training.state)
    observer.saved(training.state)
    assert [each.step for each in logger.steps] == [1, 2, 3, 4, 5] and logger.pictures == ["first_batch"]
