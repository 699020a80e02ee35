"""What `kaggle-face ensemble` does; its options stand in `ensemble.py`, which imports little."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.arguments import load_settings
from kaggle_face.cli.ruling import rule_on_test_neighbours
from kaggle_face.cli.run_names import find_named_run
from kaggle_face.cli.terminal import Terminal
from kaggle_face.ensemble.blended import (
    ClassBlend,
    PairBlend,
    forget_blend,
    used_members,
    write_class_blend,
    write_embedding_blend,
    write_pair_blend,
)
from kaggle_face.ensemble.class_tuning import ClassTuning
from kaggle_face.ensemble.contenders import Contender, Contest
from kaggle_face.ensemble.deciding import Decision, HowToDecide, decide_classes, decide_pairs
from kaggle_face.ensemble.evaluation import open_trials
from kaggle_face.ensemble.gallery_matches import write_gallery_blend
from kaggle_face.ensemble.gallery_tuning import GalleryTuning
from kaggle_face.ensemble.members import TASKS, Member, Task, choose_members, default_checkpoint
from kaggle_face.ensemble.objective import default_formula, usable_formula
from kaggle_face.ensemble.pair_tuning import PairTuning
from kaggle_face.ensemble.run_thresholds import thresholds_of_run, write_thresholds
from kaggle_face.ensemble.sources import has_record
from kaggle_face.ensemble.summary import (
    count_parameters,
    describe_blend,
    require_few_parameters,
    write_summary,
)
from kaggle_face.errors import RunError
from kaggle_face.metrics.bootstrap import Difference

_MOST_WEIGHTS_SHOWN = 5


def blend_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends, prints how every member and blend fares, and writes the record that `submit` takes."""
    loaded = load_settings(arguments)
    config = loaded.config
    known = default_formula(config.competition.slug, config.train.verification_metric)
    formula = arguments.metric or usable_formula(config.train.score) or known
    runs = [find_named_run(Path(config.paths.runs), loaded.name, name) for name in arguments.run or [None]]
    members = {
        task: choose_members(runs, arguments.checkpoints or [default_checkpoint(task, runs)], arguments.folds)
        for task in TASKS
    }
    post_process = not arguments.no_post_process and arguments.method != "mean"
    rule, ignored = rule_on_test_neighbours(config, arguments.ignore_rules, terminal)
    how = HowToDecide(arguments.method, post_process, rule=rule)
    decisions: dict[Task, Decision] = {}
    if has_record(members["classification"], "test", "predictions"):
        decisions["classification"] = decide_classes(members["classification"], formula, how, terminal)
    if has_record(members["verification"], "test", "pairs", "embeddings"):
        decisions["verification"] = decide_pairs(members["verification"], formula, how, terminal)
    if not decisions:
        raise RunError(f"{runs[0].name} has no test predictions; make them first: kaggle-face predict")
    used = [member for decision in decisions.values() for member in used_members(decision.blend)]
    require_few_parameters(config.competition.slug, used)
    _tell(decisions, terminal)
    records = _write(decisions, runs[0], terminal)
    summary = write_summary(
        runs[0], {**describe_blend(formula, decisions, records), "ignored_rules": ignored}
    )
    terminal.say(f"{count_parameters(used):,} parameters in all networks of the blend")
    for path in (*records, summary, *_keep_thresholds(decisions)):
        terminal.say(str(path))


def _write(decisions: Mapping[Task, Decision], run: RunFolder, terminal: Terminal) -> list[Path]:
    forget_blend(run)
    records = []
    for decision in decisions.values():
        match decision.blend:
            case ClassBlend() as blend:
                recipe = decision.class_recipe
                records.append(write_class_blend(blend, run.ensemble_folder, terminal, recipe))
            case PairBlend() as blend if has_record(blend.members, "test", "pairs"):
                records.append(write_pair_blend(blend, run.ensemble_folder, decision.pair_recipe))
            case PairBlend() as blend:
                recipe_of_all = (
                    decision.pair_recipe if decision.gallery_recipe.is_plain else decision.gallery_recipe
                )
                records.append(write_embedding_blend(blend, run.ensemble_folder, recipe_of_all))
                records += write_gallery_blend(blend, run.ensemble_folder, decision.gallery_recipe)
    return records


def _keep_thresholds(decisions: Mapping[Task, Decision]) -> list[Path]:
    """Writes the thresholds of every run whose embeddings are used."""
    decision = decisions.get("verification")
    if decision is None or decision.contest is None:
        return []
    members = used_members(decision.blend)
    trials = open_trials(members)
    if trials is None:
        return []
    return [
        write_thresholds(member, thresholds_of_run(member, trials, number))
        for number, member in enumerate(members)
    ]


def _tell(decisions: Mapping[Task, Decision], terminal: Terminal) -> None:
    for task, decision in decisions.items():
        for note in decision.notes:
            terminal.say(f"{task}: {note}")
        if decision.contest is None:
            _tell_members(task, decision.blend.members, decision.blend.weights, terminal)
        else:
            _tell_contest(task, decision.contest, decision.blend.members, terminal)
        if decision.tuning is not None:
            _tell_tuning(decision.tuning, terminal)


def _tell_members(
    task: Task, members: Sequence[Member], weights: Sequence[float], terminal: Terminal
) -> None:
    rows = [
        [member.name, " ".join(str(fold.fold) for fold in member.folds), f"{weight:.3f}"]
        for member, weight in zip(members, weights, strict=True)
    ]
    terminal.table([task, "folds", "weight"], rows)


def _tell_contest(task: Task, contest: Contest, members: Sequence[Member], terminal: Terminal) -> None:
    columns = list(contest.contenders[0].metrics)
    header = [task, *columns, f"honest {contest.metric}", "gain", "95 % interval", "optimistic", "weights"]
    terminal.table(header, [_row(each, columns, contest.winner) for each in contest.contenders])
    folds = " ".join(str(fold.fold) for fold in members[0].folds)
    terminal.say(f"{task}: {contest.winner.name} (folds {folds}), because {contest.reason}")
    terminal.say("")


def _tell_tuning(tuning: ClassTuning | PairTuning | GalleryTuning, terminal: Terminal) -> None:
    header = ["post-processing", "", "gain", "95 % interval", "optimistic"]
    if isinstance(tuning, PairTuning | GalleryTuning):
        steps = [(step.setting, step.is_on, step.gain, step.optimistic_gain) for step in tuning.steps]
    else:
        is_on = not tuning.recipe.is_plain
        steps = [(str(tuning.best), is_on, tuning.gain, tuning.optimistic_gain)]
    rows = [
        [setting, "on" if is_on else "off", f"{gain.value:+.4f}", _interval(gain), f"{optimistic:+.4f}"]
        for setting, is_on, gain, optimistic in steps
    ]
    terminal.table(header, rows)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in tuning.metrics.items())
    terminal.say(f"with what is on: {figures}")
    terminal.say("")


def _interval(gain: Difference) -> str:
    return f"{gain.low:+.4f} to {gain.high:+.4f}"


def _row(contender: Contender, columns: Sequence[str], winner: Contender) -> list[str]:
    gain = contender.gain
    mark = "> " if contender is winner else "  "
    return [
        mark + contender.name,
        *(f"{contender.metrics[name]:.4f}" for name in columns),
        "-" if contender.honest is None else f"{contender.honest:.4f}",
        "-" if gain is None else f"{gain.value:+.4f}",
        "-" if gain is None else _interval(gain),
        "-" if contender.optimistic_gain is None else f"{contender.optimistic_gain:+.4f}",
        _weights_in_words(contender),
    ]


def _weights_in_words(contender: Contender) -> str:
    if contender.kind == "single":
        return ""
    if len(contender.weights) <= _MOST_WEIGHTS_SHOWN:
        return " ".join(f"{weight:.2f}" for weight in contender.weights)
    return f"{sum(weight > 0 for weight in contender.weights)} of {len(contender.weights)} members"
