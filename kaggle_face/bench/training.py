"""Throughput of training on real data against the network's own rate, and its bottleneck.

Letters: B images, D embedding size, C classes (3 colours in BCHW), H height, W width.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.bench.machine import describe_machine
from kaggle_face.bench.report import Cell, Report
from kaggle_face.bench.throughput import Plan, Rate, Work, measure_in_turns, rows_of_rates
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.train.creation import create_fold_network, create_trainer
from kaggle_face.train.optim.optimizer import create_optimizer
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData, select_fold
from kaggle_face.train.speed.precision import decide_cpu_amp
from kaggle_face.train.speed.preparing import prepare_for_training
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.step.step import run_steps
from kaggle_face.train.trainer import Trainer

LIMIT, LOADER, WHOLE = "limit", "loader alone", "end to end"
COLUMNS = ("way", "images/s", "slowest", "fastest", "of the limit", "memory MB", "device MB")

GOOD_SHARE = 0.95
"""Of the limit: what real data end to end must reach."""
_KEEPS_UP = 1.05
_MANY_STEPS = 1_000_000


@dataclass(frozen=True)
class LoaderSummary:
    """The loader plan of the measured training, for the sentence on what to change.

    Attributes:
        per_image: Whether albumentations ran for each image by itself.
        reason: Why it did, such as the transforms without a batched form; empty where it need not.
        on_cuda: Whether the network ran on a GPU.
    """

    per_image: bool
    reason: str
    on_cuda: bool


@dataclass(frozen=True, eq=False)
class MeasuredFold:
    """The fold that is trained while it is measured."""

    config: Config
    task: FoldData
    device: torch.device
    folder: Path
    """Temporary; whatever is written lies below it."""


Baselines = Callable[[MeasuredFold], Mapping[str, Work]]
"""Other ways to train the same network on the same images, by name."""


def bench_training(
    loaded: LoadedConfig, plan: Plan, progress: Progress, baselines: Baselines | None = None
) -> Report:
    """The rates of the network alone, the loader alone and a training of fold 0, in turns.

    Args:
        loaded: The settings; image cache and folds are made where they are missing.
        plan: How long is measured.
        progress: Counts the turns.
        baselines: What is measured beside them.
    """
    device = resolve_device(loaded.config.device)
    prepare_cpu(device)
    data = open_competition(loaded.config)
    loaded = settle_amp(loaded, len(data.classes), device, progress)
    cache = open_images(loaded.config, data, progress)
    task = select_fold(data, open_folds(loaded, data, cache), cache, 0)
    with tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder:
        fold = MeasuredFold(loaded.config, task, device, Path(folder))
        ways: dict[str, Work] = {
            LIMIT: partial(resident_steps, loaded.config, len(task.classes), device),
            LOADER: partial(_load, fold),
            WHOLE: partial(_train, fold),
        }
        rates = measure_in_turns({**ways, **(baselines(fold) if baselines else {})}, plan, device, progress)
        loading = _create_trainer(fold).batches.plan
    per_image = loading.placement == "workers" and len(loaded.config.augment.transforms) > 0
    summary = LoaderSummary(per_image, loading.reason, device.type == "cuda")
    about = {**describe_machine(device), **speed_settings(loaded), "images": len(task.train_ids)}
    return report_training(rates, summary, about)


def report_training(rates: Mapping[str, Rate], summary: LoaderSummary, about: Mapping[str, Cell]) -> Report:
    """The rates as a table, each as a share of the limit, with the bottleneck named."""
    return Report("train", about, COLUMNS, rows_of_rates(rates, LIMIT), explain(rates, summary))


def explain(rates: Mapping[str, Rate], summary: LoaderSummary) -> str:
    """One sentence: the bottleneck, and the setting that would change it."""
    limit, loader, whole = (rates[name].median for name in (LIMIT, LOADER, WHOLE))
    share = whole / limit
    reached = f"end to end runs at {100 * share:.1f} % of the network's own rate"
    if share >= GOOD_SHARE:
        faster = "a smaller model.backbone or data.image_size"
        return f"{reached}: the network is the bottleneck; only {faster} makes it faster"
    if loader < _KEEPS_UP * limit:
        return (
            f"{reached}: the loader is the bottleneck ({loader:.0f} images/s alone); {_help_loader(summary)}"
        )
    in_turns = 1.0 / (1.0 / limit + 1.0 / loader)
    if not summary.on_cuda and whole > 0.95 * in_turns:
        return (
            f"{reached}: preparing images takes the cores that the network needs "
            f"({100 * limit / (limit + loader):.1f} % of the time); {_help_loader(summary)}"
        )
    return (
        f"{reached}: the work beside the network in each step is the bottleneck; "
        "raise train.batch_size" + (", or set train.compile=true" if summary.on_cuda else "")
    )


def _help_loader(summary: LoaderSummary) -> str:
    if summary.per_image and summary.reason:
        return f"{summary.reason}: choose other augment.transforms" + (
            ", or raise data.workers" if summary.on_cuda else ""
        )
    if summary.per_image and summary.on_cuda:
        return "set data.placement=auto, so that whole batches are augmented at once"
    fits = ", or set data.placement=device if the images fit" if summary.on_cuda else ""
    return f"leave out what augment.transforms can spare{fits}"


def settle_amp(
    loaded: LoadedConfig, num_classes: int, device: torch.device, progress: Progress
) -> LoadedConfig:
    """The settings with the precision that a long training would choose, so that all ways run in the same."""
    config = loaded.config
    if config.train.amp != "auto" or device.type != "cpu":
        return loaded
    network = fresh_network(config, num_classes, device)
    workload = Workload(config.train.batch_size, config.data.image_size, None, _MANY_STEPS)
    train = config.train.model_copy(update={"amp": decide_cpu_amp(network, "auto", workload, None, progress)})
    return replace(loaded, config=config.model_copy(update={"train": train}))


def fresh_network(config: Config, num_classes: int, device: torch.device) -> FaceNetwork:
    """The network of the settings with fresh weights."""
    model = config.model.model_copy(update={"pretrained": False, "weights": None})
    network = create_network(model, config.margin, num_classes, config.data.image_size).to(device)
    return network.to(memory_format=torch.channels_last) if config.train.channels_last else network


def speed_settings(loaded: LoadedConfig) -> dict[str, Cell]:
    """The settings that decide how fast a network is."""
    config = loaded.config
    return {
        "config": loaded.name,
        "backbone": config.model.backbone,
        "size_px": config.data.image_size,
        "batch": config.train.batch_size,
        "amp": config.train.amp,
        "compile": config.train.compile,
    }


def _create_trainer(fold: MeasuredFold) -> Trainer:
    network = create_fold_network(fold.config, fold.task).to(fold.device)
    folder = FoldFolder(fold.folder / "fold0")
    return create_trainer(fold.config, fold.task, folder, network, None, RunContext({}, SilentProgress()))


def _load(fold: MeasuredFold) -> Generator[int]:
    """The loader alone, epoch after epoch."""
    batches = _create_trainer(fold).batches
    while True:
        for batch in batches.epoch(0):
            yield len(batch.labels)


def _train(fold: MeasuredFold) -> Generator[int]:
    """Epoch after epoch of a training, with its metrics and its progress."""
    trainer = _create_trainer(fold)
    state, progress = trainer.state, SilentProgress()
    while True:
        with progress.track("epoch", trainer.batches.images_per_epoch, "images") as counter:
            for images in run_steps(state, trainer.settings, trainer.batches, trainer.step_context):
                counter.advance(images, f"loss {state.accumulator.latest.mean_loss:.3f}")
                yield images
        state.step = 0
        state.accumulator.begin_epoch()


@dataclass(frozen=True, eq=False)
class PlainTrainer:
    """A network that is trained in the plainest way, apart from this package's training."""

    network: FaceNetwork
    forward: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    amp_dtype: torch.dtype | None
    device: torch.device
    label_smoothing: float
    generator: torch.Generator

    def step(self, images_BCHW: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        """Forward, backward and update on normalised images; the loss and the number of right answers."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, self.amp_dtype, enabled=self.amp_dtype is not None):
            embeddings_BD = self.forward(images_BCHW)
        head = self.network.head
        classes = head.choose_classes(labels_B[None], self.generator)
        similarity_BC = head.similarity(embeddings_BD, classes)
        norms_B = embeddings_BD.detach().float().norm(dim=1)
        logits_BC = head.margin_logits(similarity_BC, labels_B, norms_B, classes)
        positions_B = classes.positions(labels_B)
        loss = F.cross_entropy(logits_BC, positions_B, label_smoothing=self.label_smoothing)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach(), (similarity_BC.detach().argmax(dim=1) == positions_B).sum()


def create_plain_trainer(
    config: Config, num_classes: int, device: torch.device, channels_last: bool, compiled: bool = False
) -> PlainTrainer:
    """A trainer with the network, optimiser and precision of the settings, and fresh weights."""
    torch.manual_seed(config.seed)
    model = config.model.model_copy(update={"pretrained": False, "weights": None})
    counts_C = torch.ones(num_classes)
    network = create_network(model, config.margin, num_classes, config.data.image_size, counts_C)
    network = network.to(device)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    amp_dtype = resolve_amp(config.train.amp, device)
    optimizer = create_optimizer(list(network.parameters()), config.optim)
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    network.train()
    generator = torch.Generator(device).manual_seed(config.seed)
    forward = torch.compile(network) if compiled else network
    smoothing = config.loss.label_smoothing
    return PlainTrainer(network, forward, optimizer, scaler, amp_dtype, device, smoothing, generator)


def resident_steps(config: Config, num_classes: int, device: torch.device) -> Generator[int]:
    """The limit: steps on one batch of random images that lies on the device, normalised already."""
    compiled = config.train.compile is True
    trainer = create_plain_trainer(config, num_classes, device, config.train.channels_last, compiled)
    prepare_for_training(trainer.network, config.train)  # the limit computes gradients as a training does
    size_px, batch_size = config.data.image_size, config.train.batch_size
    images_BCHW = torch.randn(batch_size, 3, size_px, size_px, device=device)
    if config.train.channels_last:
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    labels_B = torch.randint(num_classes, (batch_size,), device=device)
    while True:
        trainer.step(images_BCHW, labels_B)
        yield batch_size
