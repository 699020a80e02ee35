"""Images that the settings remove from a fold's training set, and pseudo-labelled ones that they add.

Nothing here touches what the fold is measured on, so figures stay comparable with those of other runs: a
pseudo-label that names a person of the fold's trials, whom other folds know, is left out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.files.reading import read_text
from kaggle_face.artifacts.tables import as_text, read_table
from kaggle_face.config import DataConfig
from kaggle_face.errors import ConfigError, DataError, counted, naming_first
from kaggle_face.file_names import Spellings
from kaggle_face.hints import settings_command
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import IntArray, StrArray, positions_of
from kaggle_face.train.settings import FoldData

_MOST_BYTES = 1 << 28
_SILENT = SilentProgress()


def adjust_training_set(data: FoldData, settings: DataConfig, progress: Progress = _SILENT) -> FoldData:
    """The fold without the images of `data.exclude_images` and with those of `data.pseudo_labels`.

    `progress` gets a line where pseudo-labels are left out.

    Raises:
        ConfigError: A file is missing or names nothing that fits.
        DataError: A file names an image or a class that does not exist.
    """
    if settings.exclude_images is not None:
        excluded = read_image_list(Path(settings.exclude_images), data.cache.image_ids)
        kept = ~np.isin(data.train_ids, excluded)
        if not kept.any():
            raise ConfigError("data.exclude_images leaves no image to train on")
        data = replace(data, train_ids=data.train_ids[kept], train_labels=data.train_labels[kept])
    if settings.pseudo_labels is not None:
        data = _with_pseudo_labels(data, Path(settings.pseudo_labels))
        left_out = data.pseudo_labels_left_out
        if left_out:
            what = counted(left_out, "pseudo-label", "are left out")
            of = "of people or images that this fold holds out for its trials"
            progress.log(f"fold {data.fold}: {what}, {of}")
    return data


def count_changes(before: FoldData, after: FoldData) -> dict[str, int]:
    """Counts of left-out and of pseudo-labelled images, and of left-out pseudo-labels, for `run.json`."""
    return {
        "excluded_images": int((~np.isin(before.train_ids, after.train_ids)).sum()),
        "pseudo_labelled_images": int((~np.isin(after.train_ids, before.train_ids)).sum()),
        "pseudo_labels_left_out": after.pseudo_labels_left_out,
    }


def read_image_list(path: Path, known_ids: StrArray) -> StrArray:
    """The image ids of a text file, one a line; empty lines and lines that begin with # do not count.

    An id may spell accents otherwise than the disk does. A line that is a JSON text is that text, which may
    hold what a line cannot.

    Raises:
        ConfigError: The file is missing.
        DataError: It names an image that does not exist.
    """
    if not path.is_file():
        raise ConfigError(f"data.exclude_images: there is no file {path}")
    lines = [line.strip() for line in read_text(path, _MOST_BYTES).split("\n")]
    spellings = Spellings(known_ids.tolist())
    names = [_name_in(line) for line in lines if line and not line.startswith("#")]
    ids = as_text([spellings.find(name) or name for name in names])
    unknown = ids[~np.isin(ids, known_ids)]
    if len(unknown):
        text = naming_first(len(unknown), len(ids), "image of the list", "do not exist", str(unknown[0]))
        raise DataError(f"{path}: {text}; write paths below data.root")
    return np.unique(ids)


def list_line(image_id: str) -> str:
    """The line of an image id for such a file."""
    is_plain = image_id.isprintable() and image_id == image_id.strip() and image_id[:1] not in ("#", '"')
    return image_id if is_plain else json.dumps(image_id)


def _name_in(line: str) -> str:
    try:
        name = json.loads(line) if line.startswith('"') else line
    except ValueError:
        return line
    return name if isinstance(name, str) else line


def count_pseudo_labels(path: Path) -> int:
    """How many images a file of pseudo-labels names.

    Raises:
        ConfigError: The file is missing.
        DataError: It is damaged.
    """
    _require_file(path)
    return len(read_table(path, ["image_id", "class"])["image_id"])


def _require_file(path: Path) -> None:
    if not path.is_file():
        how = settings_command("pseudo-label")
        raise ConfigError(f"data.pseudo_labels: there is no file {path}; make it: {how}")


def _with_pseudo_labels(data: FoldData, path: Path) -> FoldData:
    _require_file(path)
    ids, labels = _read_pseudo_labels(path, data)
    # No fold trains on people or images of its trials.
    is_new = ~(np.isin(labels, data.pair_labels) | np.isin(ids, data.pairs.image_ids))
    return replace(
        data,
        train_ids=np.concatenate([data.train_ids, ids[is_new]]),
        train_labels=np.concatenate([data.train_labels, labels[is_new]]),
        pseudo_labels_left_out=int((~is_new).sum()),
    )


def _read_pseudo_labels(path: Path, data: FoldData) -> tuple[StrArray, IntArray]:
    table = read_table(path, ["image_id", "class"])
    labels = positions_of(table["class"], data.classes.names, f"classes, in {path}")
    taken = np.isin(table["image_id"], np.concatenate([data.train_ids, data.validation_ids]))
    if taken.any():
        first = str(table["image_id"][taken][0])
        text = naming_first(int(taken.sum()), len(taken), "image", "have a label already", first)
        raise DataError(f"{path}: {text}; pseudo-labels are for test images alone")
    rows = data.cache.rows_of(table["image_id"])
    readable = data.cache.valid[rows]
    return table["image_id"][readable], labels[readable]
