"""`kaggle-face check --labels RUN`: images whose label is doubtful, as a list and as pictures."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import counted
from kaggle_face.hints import settings_command

_SHOWN = 20


def check_labels(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the most doubtful labels of a run, and where table, list and contact sheet lie."""
    from kaggle_face.artifacts.run_choice import find_named_run
    from kaggle_face.evaluation.label_noise import DEFAULT_DEVIATION
    from kaggle_face.pipeline.improving.label_noise import find_doubtful_labels

    loaded = load_settings(arguments)
    run = find_named_run(loaded, arguments.labels or None, terminal.log, "--labels")
    found = find_doubtful_labels(loaded, run, terminal)
    rows = [
        [each.image_id, each.label, each.looks_like, f"{each.logit_gap:.2f}", f"{each.deviations:.1f}"]
        for each in found.images[:_SHOWN]
    ]
    if rows:
        legend = {
            "image": "id",
            "label": "its class",
            "looks like": "the class that it is taken for",
            "logit gap": "logit of that class less that of the label",
            "deviations": "of the gap below the usual one",
        }
        terminal.table(list(legend), rows, legend)
    terminal.log(
        f"{len(found.images)} of {counted(found.num_images, 'image')} held out by "
        f"{counted(found.num_folds, 'fold')} of {run.name} "
        f"are called another person and lie {DEFAULT_DEVIATION:g} deviations below the usual"
    )
    if found.sheet_file is not None:
        terminal.log(f"{found.sheet_file}: image, images of its person, images of the other")
    path = found.list_file
    use = settings_command("train", overrides=[f"data.exclude_images={path}"])
    terminal.log(f"{path}: strike out what is right, then train without the rest: {use}")
