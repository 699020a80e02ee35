"""`kaggle-face ensemble`: blends the networks of one run or of several into one prediction."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.runs import CHECKPOINTS, RunFolder, find_run
from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.ensemble.blended import (
    describe_members,
    equal_class_blend,
    equal_pair_blend,
    forget_blend,
    write_class_blend,
    write_pair_blend,
    write_summary,
)
from kaggle_face.ensemble.members import TASKS, Member, Task, choose_members, default_checkpoint
from kaggle_face.ensemble.sources import has_task
from kaggle_face.errors import RunError


def add_arguments_ensemble(parser: argparse.ArgumentParser) -> None:
    """Adds what `ensemble` takes."""
    parser.add_argument(
        "--run",
        action="append",
        metavar="NAME",
        help="a run to blend; repeat it for several (default: the one trained last)",
    )
    parser.add_argument(
        "--folds", nargs="+", type=int, metavar="K", help="folds to blend (default: all finished)"
    )
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        choices=CHECKPOINTS,
        help="checkpoints to blend (default: best_cls for classification, best_ver for verification)",
    )
    parser.add_argument(
        "--method",
        choices=("mean", "hill", "constrained"),
        default="mean",
        help="how members are weighted (default: mean)",
    )
    add_config_arguments(parser)


def run_ensemble(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends, writes the record, and prints the table of members."""
    loaded = load_settings(arguments)
    runs = [find_run(Path(loaded.config.paths.runs), loaded.name, name) for name in arguments.run or [None]]
    members = {
        task: choose_members(runs, arguments.checkpoints or [default_checkpoint(task)], arguments.folds)
        for task in TASKS
    }
    present = [task for task in TASKS if has_task(members[task], "test", task)]
    if not present:
        raise RunError(f"{runs[0].name} has no test predictions; make them first: kaggle-face predict")
    forget_blend(runs[0])
    summaries = {task: _blend(task, members[task], runs[0], terminal) for task in present}
    write_summary(runs[0], {"tasks": summaries})


def _blend(task: Task, members: tuple[Member, ...], run: RunFolder, terminal: Terminal) -> dict[str, Any]:
    if task == "classification":
        blend = equal_class_blend(members)
        weights, path = blend.weights, write_class_blend(blend, run.ensemble_folder, terminal)
    else:
        pair_blend = equal_pair_blend(members)
        weights, path = pair_blend.weights, write_pair_blend(pair_blend, run.ensemble_folder)
    rows = [
        [member.name, " ".join(str(fold.fold) for fold in member.folds), f"{weight:.3f}"]
        for member, weight in zip(members, weights, strict=True)
    ]
    terminal.table([task, "folds", "weight"], rows)
    terminal.say(f"{task}: {path}")
    return {"members": describe_members(members), "weights": list(weights)}
