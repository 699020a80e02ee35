"""Recipes against each other: heads and losses, with and without CutMix, from scratch and fine-tuned.

Every row is trained for the same number of epochs, with several seeds. What is measured is the last epoch, so
nothing is chosen on what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kaggle_face.bench.report import Cell, Report
from kaggle_face.errors import InputError, nearest_hint

RecipeName = Literal["softmax", "cosface", "arcface", "adaface", "subcenter", "triplet", "center"]
Mixing = Literal["plain", "cutmix", "cutmix-unmixed"]
Start = Literal["scratch", "pretrained"]

RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
MIXINGS: tuple[Mixing, ...] = get_args(Mixing)
STARTS: tuple[Start, ...] = get_args(Start)

FIGURES = ("accuracy", "eer", "auc", "tpr@1e-2")
COLUMNS = ("start", "recipe", "mixing", "pixels", "epochs", "seeds", *FIGURES, "minutes")

_TITLES: Mapping[RecipeName, str] = {
    "softmax": "softmax",
    "cosface": "CosFace",
    "arcface": "ArcFace",
    "adaface": "AdaFace",
    "subcenter": "sub-centre ArcFace",
    "triplet": "triplet after softmax",
    "center": "softmax + center",
}

# Margins of the papers.
_SETTINGS: Mapping[RecipeName, tuple[str, ...]] = {
    "softmax": ("model.head=linear",),
    "cosface": ("model.head=cosface", "margin.margin=0.35", "loss.label_smoothing=0"),
    "arcface": ("model.head=arcface", "margin.margin=0.5", "loss.label_smoothing=0"),
    "adaface": ("model.head=adaface", "margin.margin=0.4", "loss.label_smoothing=0"),
    "subcenter": ("model.head=subcenter_arcface", "margin.margin=0.5", "loss.label_smoothing=0"),
    "triplet": (
        "model.head=linear",
        "loss.metric=triplet",
        "loss.classification_weight=0",
        "sampler.name=identities",
    ),
    # The published weight, for embeddings that are not scaled to length 1.
    "center": (
        "model.head=linear",
        "loss.metric=center",
        "loss.metric_weight=0.003",
        "loss.normalize_embeddings=false",
    ),
}
_MIXING_SETTINGS: Mapping[Mixing, tuple[str, ...]] = {
    "plain": (),
    "cutmix": ("augment.cutmix.probability=0.5",),
    "cutmix-unmixed": ("augment.cutmix.probability=0.5", "augment.margin_on_mixed=unmixed_only"),
}
_MARGIN_HEADS: tuple[RecipeName, ...] = ("cosface", "arcface", "adaface", "subcenter")
_WARMUP_SHARE = 0.8
"""Of the epochs, in which the margin grows. Faster, a small network collapses: of three epochs at 32 pixels
on pins105 and celeba300, ArcFace grown over a fifth ended at EER .436 on LFW, over all of them at .181."""


@dataclass(frozen=True)
class Plan:
    """The rows of the table and the training of each."""

    recipes: tuple[RecipeName, ...]
    mixings: tuple[Mixing, ...]
    starts: tuple[Start, ...]
    seeds: int
    epochs: int
    pretrained: tuple[str, ...] = ()
    """Overrides of a start from pretrained weights: backbone, weights, rate."""


@dataclass(frozen=True)
class PlannedRun:
    """One training of a row; `name` is its run's, and `counts` is whether it is measured."""

    name: str
    overrides: tuple[str, ...]
    row: tuple[Start, RecipeName, Mixing]
    counts: bool = True


def planned_runs(plan: Plan) -> Iterator[PlannedRun]:
    """Every training of a plan, in an order in which each finds what it starts from."""
    for seed in range(plan.seeds):
        for start in plan.starts:
            for recipe in plan.recipes:
                for mixing in plan.mixings:
                    if mixing != "cutmix-unmixed" or recipe in (*_MARGIN_HEADS, "triplet"):
                        yield from _runs_of(plan, (start, recipe, mixing), seed)


def chosen_names(text: str | None, known: Sequence[str], what: str) -> tuple[str, ...]:
    """The names in a text, separated by commas, in the order of `known`; all of them for None.

    Raises:
        InputError: One is not known.
    """
    words = list(known) if text is None else text.split(",")
    for word in words:
        if word not in known:
            hint = nearest_hint(word, known) or f"; known: {', '.join(known)}"
            raise InputError(f"{what}: there is no '{word}'{hint}")
    return tuple(name for name in known if name in words)


def tabulate(plan: Plan, measured: Mapping[str, Mapping[str, float]], about: Mapping[str, Cell]) -> Report:
    """The table of what was measured: mean and standard deviation over the seeds.

    Args:
        plan: What was planned.
        measured: By the name of a run its figures, the `epoch` they are of, the `pixels` of an image's side
            and the `minutes` it took;
            a row needs at least one seed.
        about: Where and how it was measured.
    """
    by_row: dict[tuple[Start, RecipeName, Mixing], list[Mapping[str, float]]] = {}
    spent: dict[tuple[Start, RecipeName, Mixing], list[Mapping[str, float]]] = {}
    for run in planned_runs(plan):
        if run.name in measured:
            spent.setdefault(run.row, []).append(measured[run.name])
            if run.counts:
                by_row.setdefault(run.row, []).append(measured[run.name])
    rows = tuple(_table_row(row, found, spent[row]) for row, found in by_row.items())
    return Report("recipes", about, COLUMNS, rows, _sentence(by_row))


def _runs_of(plan: Plan, row: tuple[Start, RecipeName, Mixing], seed: int) -> Iterator[PlannedRun]:
    start, recipe, mixing = row
    name = f"{start}-{recipe}-{mixing}-{seed}"
    shared = [f"seed={seed}", *_MIXING_SETTINGS[mixing]]
    if start == "pretrained":
        shared += plan.pretrained
    if recipe != "triplet":
        warmup = [f"margin.warmup_epochs={_WARMUP_SHARE * plan.epochs:g}"] if recipe in _MARGIN_HEADS else []
        settings = (*shared, f"train.epochs={plan.epochs}", *_SETTINGS[recipe], *warmup)
        yield PlannedRun(name, settings, row)
        return
    first = math.ceil(plan.epochs / 2)
    yield PlannedRun(f"{name}-first", (*shared, f"train.epochs={first}", "model.head=linear"), row, False)
    settings = (*shared, f"train.epochs={plan.epochs - first}", *_SETTINGS["triplet"])
    yield PlannedRun(name, (*settings, f"model.init_from={name}-first@last"), row)


def _table_row(
    row: tuple[Start, RecipeName, Mixing],
    found: Sequence[Mapping[str, float]],
    spent: Sequence[Mapping[str, float]],
) -> tuple[Cell, ...]:
    start, recipe, mixing = row
    cells = [_mean_and_deviation([figures[name] for figures in found]) for name in FIGURES]
    epochs, minutes = (sum(run[name] for run in spent) / len(found) for name in ("epoch", "minutes"))
    how_long = (f"{found[0]['pixels']:g}", f"{epochs:g}", len(found))
    return start, _TITLES[recipe], mixing, *how_long, *cells, f"{minutes:.1f}"


def _mean_and_deviation(values: Sequence[float]) -> str:
    """The mean, and the standard deviation of a single value where there are several.

    >>> _mean_and_deviation([0.5]), _mean_and_deviation([0.4, 0.6])
    ('.5000', '.5000 ± .1414')
    """
    mean = sum(values) / len(values)
    text = f"{mean:.4f}".removeprefix("0")
    if len(values) == 1:
        return text
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{text} ± {f'{deviation:.4f}'.removeprefix('0')}"


def _sentence(by_row: Mapping[tuple[Start, RecipeName, Mixing], Sequence[Mapping[str, float]]]) -> str:
    """One sentence: the best row at each task."""
    if not by_row:
        return "Nothing is trained yet."

    def mean(row: tuple[Start, RecipeName, Mixing], name: str) -> float:
        return sum(figures[name] for figures in by_row[row]) / len(by_row[row])

    most_accurate = max(by_row, key=lambda row: mean(row, "accuracy"))
    least_wrong = min(by_row, key=lambda row: mean(row, "eer"))
    return (
        f"Highest accuracy: {_named(most_accurate)} ({mean(most_accurate, 'accuracy'):.4f}); "
        f"lowest EER: {_named(least_wrong)} ({mean(least_wrong, 'eer'):.4f})."
    )


def _named(row: tuple[Start, RecipeName, Mixing]) -> str:
    return f"{_TITLES[row[1]]}, {row[2]}, {row[0]}"
