"""Blends against their members: which backbones are trained, and the tables of the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.bench.report import Cell, Report

BACKBONES: Mapping[str, tuple[str, ...]] = {
    "resnet": (
        "model.backbone=resnet10t",
        "model.backbone_options={channels: [32, 64, 128, 256], stem_width: 8}",
    ),
    # bf16 makes depthwise networks slower on most CPUs, whatever is set for all rows; auto tries it.
    "shufflenet": ("model.backbone=shufflenetv2_x0_5", "model.backbone_options={}", "train.amp=auto"),
    "mobilenet": ("model.backbone=mobilenetv3_small_050", "model.backbone_options={}", "train.amp=auto"),
}
"""Small networks of three kinds, from 0.6 to 1.3 million parameters."""

CLASS_COLUMNS = (
    "classification",
    "parameters",
    "out of fold",
    "nested",
    "nested gain",
    "in-sample gain",
    "test",
    "test gain",
)
PAIR_COLUMNS = (
    "verification",
    "parameters",
    "EER to choose by",
    "nested",
    "nested gain",
    "in-sample gain",
    "test EER",
    "test gain",
    "one network",
    "AUC",
    "TPR@FPR 1e-2",
    "ten-fold accuracy",
)


STEP_COLUMNS = ("post-processing", "best setting", "", "nested gain", "in-sample gain")


@dataclass(frozen=True)
class Change:
    """A gain over the best single model with its 95 % interval; positive is better."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The gain in hundredths.

        >>> print(Change(0.0123, 0.004, 0.02))
        +1.23 (+0.40 to +2.00)
        """
        return f"{100 * self.value:+.2f} ({100 * self.low:+.2f} to {100 * self.high:+.2f})"


@dataclass(frozen=True)
class BlendRow:
    """A model or a blend: its main figure out of fold and on the test set, and its gain.

    Attributes:
        name: What it is.
        num_parameters: Of all networks that it runs.
        found: The figure where weights were found on what they are judged on.
        nested: The figure where they were found on other people; None where there is nothing to find.
        nested_gain: Over the best single model, by nested figures.
        in_sample_gain: Over the best single model, by the figures that were optimised.
        test: The figure on the test set, by which nothing was chosen.
        test_gain: Over the best single model, which is best out of fold.
        more: Further cells of the row.
    """

    name: str
    num_parameters: int
    found: float
    test: float
    nested: float | None = None
    nested_gain: Change | None = None
    in_sample_gain: float | None = None
    test_gain: Change | None = None
    more: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class StepRow:
    """A step of post-processing: its best setting, its gain, and whether it is on."""

    task: str
    setting: str
    is_on: bool
    gain: Change
    in_sample_gain: float


def settings_of_backbone(name: str) -> Sequence[str]:
    """The settings of one of `BACKBONES`, or of any other backbone by its name."""
    return BACKBONES.get(name, (f"model.backbone={name}", "model.backbone_options={}"))


def tabulate_classes(rows: Sequence[BlendRow], about: Mapping[str, Cell]) -> Report:
    """The table of accuracies in percent; gains in points."""
    sentence = "Accuracies in percent, gains over the best single model in points with 95 % intervals."
    return Report("classification", about, CLASS_COLUMNS, tuple(map(_cells, rows)), sentence)


def tabulate_pairs(rows: Sequence[BlendRow]) -> Report:
    """The table of equal error rates in percent; gains in points, positive is better."""
    sentence = "EERs in percent, gains over the best single model in points, positive is better."
    return Report("verification", {}, PAIR_COLUMNS, tuple(map(_cells, rows)), sentence)


def tabulate_steps(rows: Sequence[StepRow]) -> Report:
    """The table of post-processing."""
    sentence = "A step is on if its nested gain lies above zero with its whole interval."
    return Report("post-processing", {}, STEP_COLUMNS, tuple(map(_step_cells, rows)), sentence)


def tabulate_gallery(
    rows: Sequence[StepRow], num_probes: int, accuracies: tuple[float, float], gain: Change
) -> Report:
    """The table of a gallery's post-processing; accuracies of the test gallery without it and with it."""
    plain, chosen = map(_percent, accuracies)
    sentence = (
        f"Test gallery, {num_probes} probes, recipe and threshold from the other gallery: {plain} without, "
        f"{chosen} with what is on, {gain}."
    )
    return Report("gallery", {}, STEP_COLUMNS, tuple(map(_step_cells, rows)), sentence)


def _step_cells(row: StepRow) -> tuple[Cell, ...]:
    is_on = "on" if row.is_on else "off"
    return row.task, row.setting, is_on, str(row.gain), _points(row.in_sample_gain)


def mean_and_deviation(values: Sequence[float]) -> str:
    """In percent: the mean, and the standard deviation of a single value.

    >>> mean_and_deviation([0.14, 0.16])
    '15.00 ± 1.41'
    """
    mean = sum(values) / len(values)
    if len(values) == 1:
        return _percent(mean)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{_percent(mean)} ± {_percent(deviation)}"


def _cells(row: BlendRow) -> tuple[Cell, ...]:
    return (
        row.name,
        f"{row.num_parameters / 1e6:.2f} M",
        _percent(row.found),
        _percent(row.nested),
        "-" if row.nested_gain is None else str(row.nested_gain),
        _points(row.in_sample_gain),
        _percent(row.test),
        "-" if row.test_gain is None else str(row.test_gain),
        *row.more,
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.2f}"
