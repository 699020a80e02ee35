"""What `kaggle-face ensemble` does; its options stand in `ensemble.py`, which imports little."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from kaggle_face.artifacts.blends import require_one_question, seal_blend
from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.provenance import read_fold_tables, rows_of_task
from kaggle_face.artifacts.run_choice import find_named_run
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.cli.arguments import load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.ensemble.blended import (
    ClassBlend,
    PairBlend,
    used_members,
    write_class_blend,
    write_embedding_blend,
    write_pair_blend,
)
from kaggle_face.ensemble.gallery_matches import write_gallery_blend
from kaggle_face.ensemble.postprocess.class_tuning import ClassTuning
from kaggle_face.ensemble.postprocess.gallery_tuning import GalleryTuning
from kaggle_face.ensemble.postprocess.pair_tuning import PairTuning
from kaggle_face.ensemble.run_thresholds import thresholds_of_run, write_thresholds
from kaggle_face.ensemble.search.candidates import Contender, Contest
from kaggle_face.ensemble.selection import Decision, HowToDecide, decide_classes, decide_pairs
from kaggle_face.ensemble.summary import (
    count_parameters,
    describe_blend,
    require_few_parameters,
    with_gallery,
    write_summary,
)
from kaggle_face.errors import RunError
from kaggle_face.evaluation.figures import open_trials
from kaggle_face.evaluation.held_out_figures import figure_of_gallery
from kaggle_face.evaluation.member_scores import has_record
from kaggle_face.evaluation.members import TASKS, Member, Task, choose_members, default_checkpoint
from kaggle_face.evaluation.objective import PAIR_METRICS, formula_of_task, usable_formula
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.pipeline.preparing import settings_of_run
from kaggle_face.pipeline.rules_check import rule_on_test_neighbours
from kaggle_face.pipeline.today import compare_with_raw_folder, require_unchanged

_MOST_WEIGHTS_SHOWN = 5
_ALWAYS_SHOWN = ("accuracy", "top5", *PAIR_METRICS)


def blend_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Blends, prints how every member and blend fares, and writes the record that `submit` takes."""
    loaded = load_settings(arguments)
    runs = [find_named_run(loaded, name, terminal.log) for name in arguments.run or [None]]
    members = {
        task: choose_members(runs, arguments.checkpoints or [default_checkpoint(task, runs)], arguments.folds)
        for task in TASKS
    }
    with writing_beside_folds(runs):
        for run in runs:
            remove_abandoned(run.path, below=False)
        _blend(members, runs, loaded, arguments, terminal)


def _blend(
    members: Mapping[Task, Sequence[Member]],
    runs: Sequence[RunFolder],
    loaded: LoadedConfig,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> None:
    known = own_metrics_of(loaded.config).formula
    formula = arguments.metric or usable_formula(loaded.config.train.score) or known
    networks = [(fold, each.checkpoint) for task in TASKS for each in members[task] for fold in each.folds]
    folds = list(dict.fromkeys(fold for fold, _ in networks))
    config = _settings_today(loaded, runs[0], folds, arguments)
    post_process = not arguments.no_post_process and arguments.method != "mean"
    rule, ignored = rule_on_test_neighbours(config, arguments.ignore_rules, terminal)
    how = HowToDecide(arguments.method, post_process, rule=rule)
    today = compare_with_raw_folder(config, folds, "ensemble", arguments.ignore_changes, terminal)
    require_one_question(networks, compare_training=not arguments.ignore_changes)
    decisions: dict[Task, Decision] = {}
    if has_record(members["classification"], "test", "predictions"):
        decisions["classification"] = decide_classes(
            members["classification"], formula_of_task(formula, "classification", known), how, terminal
        )
    if has_record(members["verification"], "test", "pairs", "embeddings"):
        decisions["verification"] = decide_pairs(
            members["verification"], formula_of_task(formula, "verification", known), how, terminal
        )
    if not decisions:
        raise RunError(
            f"{runs[0].name} has no test predictions; make them first: {runs[0].command('predict')}"
        )
    used = [member for decision in decisions.values() for member in used_members(decision.blend)]
    require_few_parameters(config.competition.slug, used)
    _tell(decisions, terminal)
    with replacing_folder(runs[0].ensemble_folder) as folder:
        records = _write(decisions, folder, terminal)
        figure = figure_of_gallery(folder / "embeddings", members["verification"][0].folds[0])
        described = with_gallery(describe_blend(formula, decisions, records), figure)
        summary = write_summary(folder, {**described, "ignored_rules": ignored})
        seal_blend(folder, networks)
    if figure is not None:
        terminal.log(f"dev gallery: accuracy {figure.value:.4f} of naming the probes with this blend")
    if today is not None:
        require_unchanged(config, today, terminal)
    terminal.log(f"{count_parameters(used):,} parameters in all networks of the blend")
    written = [runs[0].ensemble_folder / path.name for path in (*records, summary)]
    for path in (*written, *_keep_thresholds(decisions)):
        terminal.log(str(path))
    _tell_what_is_left_out(decisions, members, terminal)


def _settings_today(
    loaded: LoadedConfig, run: RunFolder, folds: Sequence[FoldFolder], arguments: argparse.Namespace
) -> Config:
    """The settings that the first run is worked with: its own where it belongs to another config."""
    own = [fold for fold in folds if fold.path.parent == run.path and fold.config_file.is_file()]
    if not own:
        return loaded.config
    if run.path.parent.name == loaded.name:
        return settings_of_run(arguments.config, run, own, arguments.overrides).config
    return own[0].read_config().model_copy(update={"paths": loaded.config.paths})


def _tell_what_is_left_out(
    decisions: Mapping[Task, Decision], members: Mapping[Task, Sequence[Member]], terminal: Terminal
) -> None:
    """Warns of a task that the test data have and the blend does not answer."""
    data = read_fold_tables(members["classification"][0].folds[0]).data
    for task in TASKS:
        if task not in decisions and rows_of_task(data, task):
            member = members[task][0]
            command = f"{member.run.command('predict')} --checkpoints {member.checkpoint}"
            terminal.warn(
                f"{task} is left out: {member.name} has no test predictions for it; make them: {command}, "
                f"and blend again: {members[TASKS[0]][0].run.command('ensemble')}"
            )


def _write(decisions: Mapping[Task, Decision], folder: Path, terminal: Terminal) -> list[Path]:
    """Writes the blended records into an empty folder, so that none of an older blend is taken for one."""
    records = []
    for decision in decisions.values():
        match decision.blend:
            case ClassBlend() as blend:
                recipe = decision.class_recipe
                records.append(write_class_blend(blend, folder, terminal, recipe))
            case PairBlend() as blend if has_record(blend.members, "test", "pairs"):
                records.append(write_pair_blend(blend, folder, decision.pair_recipe))
            case PairBlend() as blend:
                recipe_of_all = (
                    decision.pair_recipe if decision.gallery_recipe.is_plain else decision.gallery_recipe
                )
                records.append(write_embedding_blend(blend, folder, recipe_of_all))
                records += write_gallery_blend(blend, folder, decision.gallery_recipe)
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
            terminal.log(f"{task}: {note}")
        if decision.contest is None:
            _tell_members(task, decision.blend.members, decision.blend.weights, terminal)
        else:
            _tell_contest(task, decision.contest, decision.blend.members, terminal)
        if decision.tuning is not None:
            _tell_tuning(decision, decision.tuning, terminal)


def _tell_members(
    task: Task, members: Sequence[Member], weights: Sequence[float], terminal: Terminal
) -> None:
    rows = [
        [member.name, " ".join(str(fold.fold) for fold in member.folds), f"{weight:.3f}"]
        for member, weight in zip(members, weights, strict=True)
    ]
    terminal.table([task, "folds", "weight"], rows)


def _tell_contest(task: Task, contest: Contest, members: Sequence[Member], terminal: Terminal) -> None:
    columns = _shown(contest.contenders[0].metrics, contest.metric)
    header = [task, *columns, f"honest {contest.metric}", "gain", "95 % interval", "optimistic", "weights"]
    terminal.table(header, [_row(each, columns, contest.winner) for each in contest.contenders])
    folds = " ".join(str(fold.fold) for fold in members[0].folds)
    terminal.log(f"{task}: {contest.winner.name} (folds {folds}), because {contest.reason}")
    terminal.log("")


def _shown(metrics: Mapping[str, float], main: str) -> list[str]:
    """The metrics worth a column: the usual ones, and the one that the blend is chosen by."""
    return [name for name in metrics if name in (main, *_ALWAYS_SHOWN)]


def _tell_tuning(
    decision: Decision, tuning: ClassTuning | PairTuning | GalleryTuning, terminal: Terminal
) -> None:
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
    shown = _shown(tuning.metrics, "" if decision.contest is None else decision.contest.metric)
    figures = ", ".join(f"{name} {tuning.metrics[name]:.4f}" for name in shown)
    terminal.log(f"with what is on: {figures}")
    terminal.log("")


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
