"""What the answers of a CSV are compared with: labelled images, the dev gallery, the run's own blend."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kaggle_face.artifacts.blends import require_current_blend
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.submission.formats import SubmissionFormat, Task
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import InputError
from kaggle_face.records import CompetitionData
from kaggle_face.submission.columns import Question, unknown_threshold
from kaggle_face.submission.out_of_fold import out_of_fold_of
from kaggle_face.submission.outputs import Output, build_table, list_outputs
from kaggle_face.submission.plausibility import Known, OwnBlend


def what_is_known(data: CompetitionData, form: SubmissionFormat) -> list[Known]:
    """For each part of a CSV how often a label can be right, by the labelled images and the dev gallery."""
    return [_known_of(part.task, data, form) for part in form.parts]


def _known_of(task: Task, data: CompetitionData, form: SubmissionFormat) -> Known:
    gallery, dev = data.test_gallery, data.dev_gallery
    no_match = None if gallery is None else gallery.no_match
    if task == "classification":
        labels = data.faces.labels[data.faces.labels >= 0]
        share = float(np.bincount(labels).max() / len(labels)) if len(labels) else None
        return Known(share, no_match if form.labels_per_row > 1 else None)
    if dev is None or no_match is None or not len(dev.probe_names) or (dev.probe_names == "").any():
        return Known(None, no_match)
    return Known(None, no_match, float(np.mean(dev.probe_names == no_match)))


def blend_to_compare(
    loaded: LoadedConfig,
    run_name: str | None,
    data: CompetitionData,
    form: SubmissionFormat,
    terminal: Terminal,
) -> OwnBlend | None:
    """The answers of the run's own blend to what a brought CSV answers; None without one, which is told."""
    if not (Path(loaded.config.paths.runs) / loaded.name).is_dir():
        return None
    try:
        run = find_own_run(loaded, run_name, terminal.log)
        require_current_blend(run)
        (output,) = list_outputs(run, [form], data, True, terminal)
        unknown = unknown_threshold(run.started_folds(), data, form, loaded.config.submit.unknown_share)
        table, _ = build_table(output, Question(data, form, unknown))
    except InputError as error:
        terminal.log(f"not compared with the blend of a run: {error}")
        return None
    is_distance = any("{distance" in cell for part in form.parts for cell in part.cells)
    return OwnBlend(
        run.name, table, _accuracy(output, run), "different people" if is_distance else "same person"
    )


def _accuracy(output: Output, run: RunFolder) -> float | None:
    """The share of right labels on what was held out; None for scores, or where it is not known."""
    figures = [out_of_fold_of({task: record}, run) for task, record in output.records.items()]
    shares = [each.value for each in figures if each is not None and each.metric in ("accuracy", "map@5")]
    return shares[0] if shares else None
