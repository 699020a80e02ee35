"""What the answers of a CSV are compared with: labelled images, the dev gallery, the run's own blend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.run_names import find_own_run
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.formats import SubmissionFormat, Task
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import InputError
from kaggle_face.records import CompetitionData
from kaggle_face.submit.answering import Question, unknown_threshold
from kaggle_face.submit.out_of_fold import out_of_fold_of
from kaggle_face.submit.outputs import Output, build_table, list_outputs
from kaggle_face.submit.plausibility import Known, OwnBlend


def what_is_known(data: CompetitionData) -> Known:
    """How often a class can be right, and how often nobody, by the labelled images and the dev gallery."""
    labels = data.faces.labels[data.faces.labels >= 0]
    share = float(np.bincount(labels).max() / len(labels)) if len(labels) else None
    test, dev = data.test_gallery, data.dev_gallery
    no_match = None if test is None else test.no_match
    if dev is None or no_match is None or not len(dev.probe_names) or (dev.probe_names == "").any():
        return Known(share, no_match)
    return Known(share, no_match, float(np.mean(dev.probe_names == no_match)))


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
        run = find_own_run(loaded, run_name, terminal.say)
        (output,) = list_outputs(run, [form], data, only_ensemble=True)
        unknown = unknown_threshold(run.started_folds(), data, form, loaded.config.submit.unknown_share)
        table, _ = build_table(output, Question(data, form, unknown))
    except InputError as error:
        terminal.say(f"not compared with the blend of a run: {error}")
        return None
    return OwnBlend(run.name, table, _accuracy(output, run, output.tasks))


def _accuracy(output: Output, run: RunFolder, tasks: Sequence[Task]) -> float | None:
    """The share of right labels on what was held out; None for scores, or where it is not known."""
    figure = out_of_fold_of(output.records, run) if len(tasks) == 1 else None
    return figure.value if figure is not None and figure.metric in ("accuracy", "map@5") else None
