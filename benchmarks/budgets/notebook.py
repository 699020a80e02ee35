"""The plain notebook: timm's ResNet-18 as it is, trained within a time limit.

64 pixels, cross entropy with smoothing 0.1, SGD 0.1 with one cycle, flips, batches of 128, bf16 where the
processor has it; pictures are decoded once. Its epochs are fitted to the budget by the time of its first
steps; decoding and measuring count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn

from benchmarks.budgets.table import epochs_within
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.pictures import decode_rgb
from kaggle_face.progress import Progress
from kaggle_face.train.speed.precision import computes_bf16

SIZE_PX, BATCH = 64, 128
_LR, _MOMENTUM, _DECAY, _SMOOTHING = 0.1, 0.9, 5e-4, 0.1
_TIMED_STEPS, _WARM_STEPS = 6, 2
_MEASURED_AT_ONCE = 256


@dataclass(frozen=True)
class Faces:
    """Pictures of a folder as `benchmarks.face_folders` lays it out, uint8 (N, 3, S, S).

    Attributes:
        images: Of training, of the held-out part, and of the trials.
        labels: Class indices of the first two.
        pairs: Rows of the trials' pictures, and whether they are of one person (P, 3).
    """

    images: tuple[Tensor, Tensor, Tensor]
    labels: tuple[Tensor, Tensor]
    pairs: np.ndarray
    num_classes: int


@dataclass(frozen=True)
class NotebookResult:
    """The held-out accuracy, EER and AUC of a notebook, and its time."""

    accuracy: float
    eer: float
    auc: float
    epochs: int
    seconds: float
    epoch_seconds: float


def run_notebook(root: Path, seconds: float, seed: int, progress: Progress) -> NotebookResult:
    """Trains and measures within a time limit, at least for one epoch."""
    began = time.monotonic()
    faces = read_faces(root)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    network = timm.create_model("resnet18", num_classes=faces.num_classes).to(device)
    is_fast = device.type == "cuda" or computes_bf16()
    dtype = torch.bfloat16 if is_fast else None
    seconds_of_step = _time_steps(network, faces, device, dtype)
    steps = max(1, len(faces.images[0]) // BATCH)
    pictures = len(faces.images[1]) + len(faces.images[2])
    measuring = 2.0 * pictures / 3.0 / min(BATCH, len(faces.images[0])) * seconds_of_step
    epochs = epochs_within(seconds, time.monotonic() - began + measuring, steps * seconds_of_step)
    progress.log(f"notebook: {epochs} epochs of {steps} steps of {1000 * seconds_of_step:.0f} ms")
    torch.manual_seed(seed)
    network = timm.create_model("resnet18", num_classes=faces.num_classes).to(device)
    training = time.monotonic()
    _train(network, faces, device, dtype, epochs, seed)
    training = time.monotonic() - training
    figures = _measure(network, faces, device, dtype)
    return NotebookResult(*figures, epochs, time.monotonic() - began, training / epochs)


def read_faces(root: Path) -> Faces:
    """Decodes all pictures at the notebook's size."""
    people = sorted(path.name for path in (root / "cls_data" / "train").iterdir())
    number = {person: index for index, person in enumerate(people)}

    def split(name: str) -> tuple[Tensor, Tensor]:
        files = sorted((root / "cls_data" / name).glob("*/*"))
        labels = torch.tensor([number[file.parent.name] for file in files], dtype=torch.int64)
        return _decoded(files), labels

    lines = [line.split() for line in (root / "val_pairs.txt").read_text(encoding="utf-8").splitlines()]
    names = sorted({name for first, second, _ in lines for name in (first, second)})
    row = {name: place for place, name in enumerate(names)}
    pairs = np.array([[row[first], row[second], int(same)] for first, second, same in lines])
    (train, train_labels), (dev, dev_labels) = split("train"), split("dev")
    trials = _decoded([root / "ver_data" / name for name in names])
    return Faces((train, dev, trials), (train_labels, dev_labels), pairs, len(people))


def _decoded(files: list[Path]) -> Tensor:
    images = torch.empty((len(files), 3, SIZE_PX, SIZE_PX), dtype=torch.uint8)
    for place, file in enumerate(files):
        images[place] = torch.from_numpy(decode_rgb(file.read_bytes(), SIZE_PX, file.name)).permute(2, 0, 1)
    return images


def _time_steps(network: nn.Module, faces: Faces, device: torch.device, dtype: torch.dtype | None) -> float:
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-6)
    found = []
    images, labels = faces.images[0][:BATCH], faces.labels[0][:BATCH]
    for _ in range(_WARM_STEPS + _TIMED_STEPS):
        began = time.monotonic()
        _step(network, optimizer, images, labels, device, dtype)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.monotonic() - began)
    return float(np.mean(found[_WARM_STEPS:]))


def _train(
    network: nn.Module,
    faces: Faces,
    device: torch.device,
    dtype: torch.dtype | None,
    epochs: int,
    seed: int,
) -> None:
    optimizer = torch.optim.SGD(
        network.parameters(), lr=_LR, momentum=_MOMENTUM, weight_decay=_DECAY, nesterov=True
    )
    images, labels = faces.images[0], faces.labels[0]
    steps = max(1, len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, total_steps=epochs * steps)
    generator = torch.Generator().manual_seed(seed)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            batch = images[rows]
            flips = torch.rand(len(rows), generator=generator) < 0.5
            batch[flips] = batch[flips].flip(-1)
            _step(network, optimizer, batch, labels[rows], device, dtype)
            schedule.step()


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    device: torch.device,
    dtype: torch.dtype | None,
) -> None:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        logits = network(_normalised(images, device))
    loss = nn.functional.cross_entropy(logits.float(), labels.to(device), label_smoothing=_SMOOTHING)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _normalised(images: Tensor, device: torch.device) -> Tensor:
    return images.to(device).float().div_(127.5).sub_(1.0)


@torch.inference_mode()
def _measure(
    network: nn.Module, faces: Faces, device: torch.device, dtype: torch.dtype | None
) -> tuple[float, float, float]:
    """Accuracy, and EER and AUC of cosines of the mean of image and mirror image."""
    network.eval()
    right = 0
    for place, features in _features(network, faces.images[1], device, dtype):
        logits = network.get_classifier()(features)  # type: ignore[operator]
        right += int((logits.argmax(1).cpu() == faces.labels[1][place]).sum())
    embeddings = torch.cat([features for _, features in _features(network, faces.images[2], device, dtype)])
    unit = nn.functional.normalize(embeddings).cpu()
    first, second, same = faces.pairs.T
    scores = (unit[first] * unit[second]).sum(1).numpy()
    summary = verification_summary(scores, same)
    return right / max(1, len(faces.images[1])), summary["eer"], summary["auc"]


def _features(
    network: nn.Module, images: Tensor, device: torch.device, dtype: torch.dtype | None
) -> Iterator[tuple[slice, Tensor]]:
    """The pooled features of image and mirror image, averaged, block by block."""
    for start in range(0, len(images), _MEASURED_AT_ONCE):
        place = slice(start, start + _MEASURED_AT_ONCE)
        batch = _normalised(images[place], device)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            both = network.forward_head(  # type: ignore[operator]
                network.forward_features(torch.cat([batch, batch.flip(-1)])),  # type: ignore[operator]
                pre_logits=True,
            )
        plain, mirrored = both.float().chunk(2)
        yield place, (plain + mirrored) / 2.0
