"""`kaggle-face check --labels RUN`: images whose label is doubtful, as a list and as pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.run_choice import find_named_run
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.cli.arguments import load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.evaluation.label_noise import DEFAULT_DEVIATION, LabelGaps, doubtful, measure_gaps
from kaggle_face.hints import settings_command
from kaggle_face.records import StrArray
from kaggle_face.train.training_set import list_line

if TYPE_CHECKING:
    from kaggle_face.data.contact_sheet import SheetRow

_SHOWN = 20
_EXAMPLES = 3
_ROWS_OF_SHEET = 60
_CHECKPOINT: CheckpointName = "best_cls"


def check_labels(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the doubtful labels of a run and writes table, list and contact sheet into its folder."""
    loaded = load_settings(arguments)
    run = find_named_run(loaded, arguments.labels or None, terminal.log, "--labels")
    folds = run.finished_folds()
    if not folds:
        raise RunError(f"{run.name} has no finished fold; train one first: {run.training_command()}")
    with writing_beside_folds([run]):
        _list_doubtful(run, folds, arguments, terminal)


def _list_doubtful(
    run: RunFolder, folds: list[FoldFolder], arguments: argparse.Namespace, terminal: Terminal
) -> None:
    from kaggle_face.data.contact_sheet import write_sheet
    from kaggle_face.pipeline.preparing import open_competition, open_images, settings_of_run

    gaps, names = measure_gaps(folds, _CHECKPOINT)
    found = doubtful(gaps)
    _say_what_was_found(run, folds, gaps, found, names, terminal)
    folder = run.path / "labels"
    _write_lists(folder, found, names)
    if len(found.image_ids):
        config = settings_of_run(arguments.config, run, folds, arguments.overrides).config
        pack = open_images(config, open_competition(config), terminal)
        write_sheet(folder / "doubtful.jpg", pack, _sheet_rows(found, gaps, names))
        terminal.log(f"{folder / 'doubtful.jpg'}: image, images of its person, images of the other")
    path = folder / "doubtful.txt"
    use = settings_command("train", "--fold", "0", overrides=[f"data.exclude_images={path}"])
    terminal.log(f"{path}: strike out what is right, then train without the rest: {use}")


def _say_what_was_found(
    run: RunFolder,
    folds: list[FoldFolder],
    gaps: LabelGaps,
    found: LabelGaps,
    names: StrArray,
    terminal: Terminal,
) -> None:
    rows = [
        [found.image_ids[row], names[found.labels[row]], names[found.rivals[row]], *_figures(found, row)]
        for row in range(min(_SHOWN, len(found.image_ids)))
    ]
    if rows:
        terminal.table(["image", "label", "looks like", "logit gap", "deviations"], rows)
    terminal.log(
        f"{len(found.image_ids)} of {len(gaps.image_ids)} images held out by {len(folds)} folds of "
        f"{run.name} are called another person and lie {DEFAULT_DEVIATION:g} deviations below the usual"
    )


def _figures(found: LabelGaps, row: int) -> list[str]:
    return [f"{found.gaps[row]:.2f}", f"{found.deviations[row]:.1f}"]


def _write_lists(folder: Path, found: LabelGaps, names: StrArray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {
        "image_id": found.image_ids,
        "class": names[found.labels],
        "looks_like": names[found.rivals],
        "logit_gap": [f"{value:.4f}" for value in found.gaps],
        "deviations": [f"{value:.3f}" for value in found.deviations],
    }
    write_table(folder / "doubtful.csv", columns)
    write_text(folder / "doubtful.txt", "".join(f"{list_line(name)}\n" for name in found.image_ids.tolist()))


def _sheet_rows(found: LabelGaps, gaps: LabelGaps, names: StrArray) -> list[SheetRow]:
    """Each doubtful image beside the most usual images of both people."""
    from kaggle_face.data.contact_sheet import SheetRow

    def examples(person: int) -> StrArray:
        rows = np.flatnonzero(gaps.labels == person)
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
