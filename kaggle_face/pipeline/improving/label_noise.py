"""Doubtful labels: a table, a list to train without, and a contact sheet, in the folder of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.evaluation.label_noise import LabelGaps, doubtful, measure_gaps
from kaggle_face.pipeline.inputs.preparing import open_competition, open_images, settings_of_run
from kaggle_face.progress import Progress
from kaggle_face.records import StrArray
from kaggle_face.train.training_set import list_line

if TYPE_CHECKING:
    from kaggle_face.data.contact_sheet import SheetRow

_EXAMPLES = 3
_ROWS_OF_SHEET = 60
_CHECKPOINT: CheckpointName = "best_cls"


@dataclass(frozen=True)
class DoubtfulLabel:
    """A held-out image whose label surprises the network that did not train on it.

    Attributes:
        image_id: The image.
        label: Name of its class.
        looks_like: Name of the likeliest other class.
        logit_gap: Logit of its class minus that of the other, below 0.
        deviations: The gap in robust standard deviations from the usual one of its class.
    """

    image_id: str
    label: str
    looks_like: str
    logit_gap: float
    deviations: float


@dataclass(frozen=True)
class DoubtfulLabels:
    """The doubtful labels of a run, the most doubtful first, and the files that hold them.

    Attributes:
        num_folds: Finished folds, each of which judged the images that it held out.
        num_images: Images that were judged.
        table_file: All columns, as CSV.
        list_file: The ids, one a line; `data.exclude_images` takes it.
        sheet_file: Pictures of the images beside those of both classes; None where no label is doubtful.
    """

    images: tuple[DoubtfulLabel, ...]
    num_folds: int
    num_images: int
    table_file: Path
    list_file: Path
    sheet_file: Path | None


def find_doubtful_labels(loaded: LoadedConfig, run: RunFolder, progress: Progress) -> DoubtfulLabels:
    """Lists the doubtful labels of a run, and writes table, list and contact sheet into its folder.

    Raises:
        RunError: The run has no finished fold or lacks a record, or the settings changed since.
    """
    folds = run.finished_folds()
    if not folds:
        raise RunError(f"{run.name} has no finished fold; train one first: {run.training_command()}")
    with writing_beside_folds([run]):
        gaps, names = measure_gaps(folds, _CHECKPOINT)
        found = doubtful(gaps)
        folder = run.path / "labels"
        folder.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {
            "image_id": found.image_ids,
            "class": names[found.labels],
            "looks_like": names[found.rivals],
            "logit_gap": [f"{value:.4f}" for value in found.gaps],
            "deviations": [f"{value:.3f}" for value in found.deviations],
        }
        write_table(folder / "doubtful.csv", columns)
        lines = [f"{list_line(name)}\n" for name in found.image_ids.tolist()]
        write_text(folder / "doubtful.txt", "".join(lines))
        sheet = folder / "doubtful.jpg" if len(found.image_ids) else None
        if sheet is not None:
            from kaggle_face.data.contact_sheet import write_sheet

            config = settings_of_run(loaded.word, run, folds, loaded.overrides).config
            cache = open_images(config, open_competition(config), progress)
            write_sheet(sheet, cache, _sheet_rows(found, gaps, names))
    labels, rivals = names[found.labels], names[found.rivals]
    arrays = (found.image_ids, labels, rivals, found.gaps, found.deviations)
    images = zip(*(array.tolist() for array in arrays), strict=True)
    return DoubtfulLabels(
        tuple(DoubtfulLabel(*row) for row in images),
        len(folds),
        len(gaps.image_ids),
        folder / "doubtful.csv",
        folder / "doubtful.txt",
        sheet,
    )


def _sheet_rows(found: LabelGaps, gaps: LabelGaps, names: StrArray) -> list[SheetRow]:
    """Each doubtful image beside the most usual images of both classes."""
    from kaggle_face.data.contact_sheet import SheetRow

    def examples(label: int) -> StrArray:
        rows = np.flatnonzero(gaps.labels == label)
        chosen: StrArray = gaps.image_ids[rows[np.argsort(-gaps.gaps[rows], kind="stable")][:_EXAMPLES]]
        return chosen

    return [
        SheetRow(
            f"{found.image_ids[row]}: {names[found.labels[row]]}, looks like {names[found.rivals[row]]}",
            (
                found.image_ids[row : row + 1],
                examples(int(found.labels[row])),
                examples(int(found.rivals[row])),
            ),
        )
        for row in range(min(_ROWS_OF_SHEET, len(found.image_ids)))
    ]
