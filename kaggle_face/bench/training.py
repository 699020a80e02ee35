"""How near training on real data comes to the network's own rate, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaggle_face.bench.rates import Rate
from kaggle_face.bench.report import Cell, Report

LIMIT, LOADER, WHOLE, NOTEBOOK, TIMM = "limit", "loader alone", "end to end", "notebook way", "timm's loader"
COLUMNS = ("way", "images/s", "slowest", "fastest", "of the limit", "memory MB", "device MB")

GOOD_SHARE = 0.95
"""Of the limit: what real data end to end must reach."""
_KEEPS_UP = 1.05


@dataclass(frozen=True)
class Supply:
    """How the measured training got its images, for the sentence that says what to change.

    Attributes:
        per_image: Whether albumentations ran for each image by itself.
        reason: Why it did, such as the transforms without a batched form; empty where it need not.
        on_cuda: Whether the network ran on a GPU.
    """

    per_image: bool
    reason: str
    on_cuda: bool


def report_training(rates: Mapping[str, Rate], supply: Supply, about: Mapping[str, Cell]) -> Report:
    """The rates as a table, each as a share of the limit, with the bottleneck named."""
    limit = rates[LIMIT].median
    rows = tuple(
        (
            name,
            rate.median,
            *rate.spread,
            rate.median / limit,
            rate.process_mb,
            rate.device_mb,
        )
        for name, rate in rates.items()
    )
    return Report("train", about, COLUMNS, rows, explain(rates, supply))


def explain(rates: Mapping[str, Rate], supply: Supply) -> str:
    """One sentence: what is slowest, and the setting that would change it."""
    limit, loader, whole = (rates[name].median for name in (LIMIT, LOADER, WHOLE))
    share = whole / limit
    reached = f"end to end runs at {100 * share:.1f} % of the network's own rate"
    if share >= GOOD_SHARE:
        faster = "a smaller model.backbone or data.image_size"
        return f"{reached}: the network is the bottleneck; only {faster} makes it faster"
    if loader < _KEEPS_UP * limit:
        return (
            f"{reached}: the loader is the bottleneck ({loader:.0f} images/s alone); {_help_loader(supply)}"
        )
    in_turns = 1.0 / (1.0 / limit + 1.0 / loader)
    if not supply.on_cuda and whole > 0.95 * in_turns:
        return (
            f"{reached}: preparing images takes the cores that the network needs "
            f"({100 * limit / (limit + loader):.1f} % of the time); {_help_loader(supply)}"
        )
    return (
        f"{reached}: the work beside the network in each step is the bottleneck; "
        "raise train.batch_size" + (", or set train.compile=true" if supply.on_cuda else "")
    )


def _help_loader(supply: Supply) -> str:
    if supply.per_image and supply.reason:
        return f"{supply.reason}: choose other augment.transforms" + (
            ", or raise data.workers" if supply.on_cuda else ""
        )
    if supply.per_image and supply.on_cuda:
        return "set data.residence=auto, so that whole batches are augmented at once"
    fits = ", or set data.residence=device if the images fit" if supply.on_cuda else ""
    return f"leave out what augment.transforms can spare{fits}"
