"""The table of estimates: time and figures of finished trainings on this machine, for the next plans.

`<paths.runs>/estimates.csv` has a row for each fold that was trained to its end, by whatever command.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import get_args

from kaggle_face.artifacts.files.locking import wait_for_lock
from kaggle_face.artifacts.files.reading import read_columns, read_rows, reading
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import KaggleFaceError, RunError, counted
from kaggle_face.hardware import available_cpus, cpu_name
from kaggle_face.hints import settings_command
from kaggle_face.progress import Progress
from kaggle_face.tasks import Purpose

FILE = "estimates.csv"
_LAST_ROWS = 5
_SLOWER_WITHIN = (0.7, 3.0)
"""What is taken from the table: beyond it another program was in the way, or the trial."""
NEARLY_ALL = 0.9
"""Figures of a training are expected of another one that sees at least this share of its images."""


@dataclass(frozen=True)
class Estimate:
    """A fold that was trained to its end; numbers that are not known are None.

    Attributes:
        when: Its end.
        machine: Processor and cores, or GPU.
        competition: Slug and number of training images: the same data, as far as that goes.
        run: `<config>/<run>`.
        fold: Its number.
        recipe: The rung that it was planned with; empty: none.
        pixels: Side of its images.
        images_per_second: Of its steps, over all epochs.
        planned_images_per_second: Of the trial before it.
        seconds: Of its training.
        blend_seconds: Of blending and writing after it, a member.
        accuracy: In [0, 1], of the last epoch.
        eer: In [0, 1], of the last epoch.
        images: That the training saw, over all epochs.
    """

    when: str
    machine: str
    competition: str
    run: str
    fold: int
    recipe: str
    pixels: int
    images_per_second: float | None
    planned_images_per_second: float | None
    seconds: float
    blend_seconds: float | None
    accuracy: float | None
    eer: float | None
    images: float | None = None


@dataclass(frozen=True)
class Known:
    """Time and figures of earlier runs on this machine.

    Attributes:
        slower: How many times longer a training takes than its trial; None: not known.
        blend_seconds: What blending and writing took for this competition, a member; None: not known.
        reached: The rows of this competition, of any machine.
    """

    slower: float | None = None
    blend_seconds: float | None = None
    reached: tuple[Estimate, ...] = ()

    def scores_of(self, recipe: str, images: float) -> str:
        """Mean figures of a rung's networks with about so many images; empty where there is none."""
        rows = [row for row in self.reached if row.recipe == recipe and row.images is not None]
        like = [row for row in rows if NEARLY_ALL <= (row.images or 0.0) / images <= 1.0 / NEARLY_ALL]
        return _scores(like)


COLUMNS = tuple(each.name for each in fields(Estimate))
_ADVICE = "delete that row, or the table, which begins anew with the next training"
_LATER = ("images",)
"""Columns that tables of earlier versions lack."""


def machine_name(device: str) -> str:
    """The name of the training device: the GPU of a device setting, or the CPU and its cores."""
    import torch

    from kaggle_face.model.device import resolve_device

    resolved = resolve_device(device)
    if resolved.type == "cuda":
        return torch.cuda.get_device_name(resolved)
    cores = available_cpus()
    name = f"{cpu_name()}, {counted(cores, 'core')}"
    return name if resolved.type == "cpu" else f"{name}, {resolved.type}"


def read_estimates(runs: Path) -> list[Estimate]:
    """The rows of the table, the oldest first; none where there is no table.

    A table that an earlier version wrote has no column of `images`: these are not known.

    Raises:
        RunError: The table is damaged.
    """
    path = runs / FILE
    if not path.is_file():
        return []
    header, _ = read_rows(path)
    names = [name for name in COLUMNS if name not in _LATER or name in header]
    columns = read_columns(path, names)
    with reading(path, _ADVICE):
        rows = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
        return [_parsed(cells, number) for number, cells in enumerate(rows, 2)]


def estimates_of(loaded: LoadedConfig, of_all_settings: bool = False) -> list[Estimate]:
    """The rows of these settings, and of those planned from them, or of all; the newest last.

    Raises:
        RunError: There is none, or the table is damaged.
    """
    own = re.compile(rf"{re.escape(loaded.name)}(-[0-9.e+]+(min|h)(-({'|'.join(get_args(Purpose))}))?)?/")
    everything = read_estimates(Path(loaded.config.paths.runs))
    rows = [row for row in everything if of_all_settings or own.match(row.run)]
    if not rows:
        what = "any settings" if of_all_settings else f"'{loaded.name}'"
        how = settings_command("run", "--minutes", "8")
        raise RunError(f"no training of {what} has ended here yet; train one first: {how}")
    return rows


def add_estimate(
    runs: Path,
    folder: FoldFolder,
    progress: Progress,
    recipe: str = "",
    planned: float | None = None,
    blend_seconds: float | None = None,
    train_images: int | None = None,
) -> None:
    """Adds the row of a finished fold; a table that cannot be read or written is a warning.

    Args:
        runs: Where the table is.
        folder: The fold.
        progress: Gets the warning.
        recipe: The rung that it was planned with.
        planned: Images a second of the trial before it.
        blend_seconds: Of blending and writing after it, a member of the blend.
        train_images: Those that the plan counted, by which the next one finds the row; None: its own.
    """
    try:
        row = _row_of(folder, recipe, planned, blend_seconds, train_images)
        with wait_for_lock(runs / f".{FILE}.lock", lambda: None):
            rows = [*read_estimates(runs), row]
            write_table(
                runs / FILE, {name: [_cell(getattr(each, name)) for each in rows] for name in COLUMNS}
            )
    except KaggleFaceError as error:
        progress.warn(f"no row was added to {runs / FILE}: {error}")


def known_of(rows: Sequence[Estimate], machine: str, competition: str) -> Known:
    """The estimates of a machine and a competition in the table."""
    here = [row for row in rows if row.machine == machine]
    ratios = [
        row.planned_images_per_second / row.images_per_second
        for row in here
        if row.planned_images_per_second and row.images_per_second
    ][-_LAST_ROWS:]
    low, high = _SLOWER_WITHIN
    same = [row for row in here if row.competition == competition]
    tails = [row.blend_seconds for row in same if row.blend_seconds is not None][-_LAST_ROWS:]
    return Known(
        min(max(median(ratios), low), high) if ratios else None,
        max(tails) if tails else None,
        tuple(row for row in rows if row.competition == competition),
    )


def competition_key(slug: str, train_images: int) -> str:
    """The competition and the number of its training images."""
    return f"{slug}, {train_images} images"


def _scores(rows: Sequence[Estimate]) -> str:
    """Means of the figures of networks, in words; empty without any."""
    parts = []
    for name, label in (("accuracy", "accuracy"), ("eer", "EER")):
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        parts += [f"{label} {100 * sum(values) / len(values):.1f} %"] if values else []
    networks = counted(len(rows), "network") + (" here, each alone" if len(rows) > 1 else " here")
    return f"{', '.join(parts)} in {networks}" if parts else ""


def _row_of(
    folder: FoldFolder,
    recipe: str,
    planned: float | None,
    blend_seconds: float | None,
    counted_images: int | None,
) -> Estimate:
    info, config = folder.read_info(), folder.read_config()
    results = info.get("results", {}).get("last", {})
    train_images, points = int(info.get("train_images", 0)), info.get("pace")
    epochs = points[-1][0] if points else config.train.epochs
    return Estimate(
        when=time_of_now(),
        machine=machine_name(config.device),
        competition=competition_key(config.competition.slug, counted_images or train_images),
        run=folder.run.name,
        fold=folder.fold,
        recipe=recipe,
        pixels=config.data.image_size,
        images_per_second=_rate_of(folder),
        planned_images_per_second=planned,
        seconds=float(info.get("seconds", 0.0)),
        blend_seconds=blend_seconds,
        accuracy=results.get("accuracy"),
        eer=results.get("eer"),
        images=epochs * train_images,
    )


def _rate_of(folder: FoldFolder) -> float | None:
    """Images a second over all epochs, each of which has as many images."""
    if not folder.history_file.is_file():
        return None
    (cells,) = read_columns(folder.history_file, ["images_per_second"])
    with reading(folder.history_file):
        rates = [float(cell) for cell in cells]
        return len(rates) / sum(1.0 / rate for rate in rates) if rates and min(rates) > 0 else None


def _parsed(cells: dict[str, str], row: int) -> Estimate:
    def number(name: str) -> float:
        try:
            if 0.0 <= (value := float(cells[name])) < math.inf:
                return value
        except ValueError:
            pass
        raise ValueError(f"row {row} has no number in '{name}' but '{cells[name]}'")

    def number_or_none(name: str) -> float | None:
        return number(name) if cells.get(name) else None

    return Estimate(
        when=cells["when"],
        machine=cells["machine"],
        competition=cells["competition"],
        run=cells["run"],
        fold=int(number("fold")),
        recipe=cells["recipe"],
        pixels=int(number("pixels")),
        images_per_second=number_or_none("images_per_second"),
        planned_images_per_second=number_or_none("planned_images_per_second"),
        seconds=number("seconds"),
        blend_seconds=number_or_none("blend_seconds"),
        accuracy=number_or_none("accuracy"),
        eer=number_or_none("eer"),
        images=number_or_none("images"),
    )


def _cell(value: str | int | float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
