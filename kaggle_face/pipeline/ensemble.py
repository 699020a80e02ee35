"""Blending of the networks of one run or of several into one prediction of the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import get_args

from kaggle_face.artifacts.blends import command_of_blend, require_one_question, seal_blend
from kaggle_face.artifacts.checkpoint_names import require_checkpoints
from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.predicted_tables import read_fold_tables, rows_of_task
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.competitions.reading import formats_of
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.ensemble.blended import (
    ClassBlend,
    PairBlend,
    used_members,
    write_class_blend,
    write_embedding_blend,
    write_pair_blend,
)
from kaggle_face.ensemble.postprocess.gallery_tuning import write_gallery_blend
from kaggle_face.ensemble.result_rows import CandidateRow, MemberRow, StepRow, TaskBlend
from kaggle_face.ensemble.run_thresholds import thresholds_of_run, write_thresholds
from kaggle_face.ensemble.selection import (
    BlendChoice,
    SelectionOptions,
    select_class_blend,
    select_pair_blend,
)
from kaggle_face.ensemble.summary import (
    count_parameters,
    describe_blend,
    require_few_parameters,
    with_gallery,
)
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.blend_record import BlendRecord, write_blend_record
from kaggle_face.evaluation.figures import open_trials
from kaggle_face.evaluation.held_out_figures import figure_of_gallery
from kaggle_face.evaluation.member_scores import has_embeddings, has_record
from kaggle_face.evaluation.members import Member, Method, members_of_task
from kaggle_face.evaluation.objective import formula_of_task, usable_formula
from kaggle_face.inference.labelled_test import TestAccuracy, measure_labelled_blend
from kaggle_face.pipeline.inputs.preparing import settings_of_run
from kaggle_face.pipeline.inputs.rules_check import rule_on_test_neighbours
from kaggle_face.pipeline.inputs.today import compare_with_raw_folder, require_unchanged
from kaggle_face.progress import Progress
from kaggle_face.submission.columns import needs_probabilities
from kaggle_face.tasks import TASKS, Task


@dataclass(frozen=True)
class EnsembleOptions:
    """Options of a blend.

    Attributes:
        folds: Numbers of folds; None: all finished ones.
        checkpoints: None: `best_cls` for classification, `best_ver` for verification.
        method: How members are weighted: `auto` lets all methods compete on held-out data.
        metric: A formula to maximise, such as `0.5*accuracy + 0.5*(1-eer)`; None: the competition's score.
        post_process: Whether whitening, neighbours, score normalisation and the like are tried; never with
            the method `mean`.
        ignore_changes: Whether the training images may have changed since the runs were trained.
        ignore_rules: Whether steps are tried that the competition's rules forbid; this is recorded.
        weights: Shares in (0, 1) of imported runs without out-of-fold predictions, by run; the others, whose
            weights are found, share the rest. Nothing is known of such a blend's score.
    """

    folds: Sequence[int] | None = None
    checkpoints: Sequence[CheckpointName] | None = None
    method: Method = "auto"
    metric: str | None = None
    post_process: bool = True
    ignore_changes: bool = False
    ignore_rules: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_checkpoints(self.checkpoints)
        wrong = [name for name, weight in self.weights.items() if not 0 < weight < 1]
        if wrong:
            raise InputError(
                f"a weight is above 0 and below 1, got {self.weights[wrong[0]]:g} for '{wrong[0]}'"
            )
        if sum(self.weights.values()) >= 1:
            raise InputError(
                f"the weights given sum to {sum(self.weights.values()):g}, and less than 1 is possible"
            )
        if self.method not in get_args(Method):
            raise InputError(f"a method is one of {', '.join(get_args(Method))}, got '{self.method}'")


@dataclass(frozen=True)
class BlendResult:
    """The blend that was written, with its figures.

    Attributes:
        run: The run whose folder holds the blend.
        gallery_accuracy: The share of the dev gallery's probes that are named right; None without a gallery.
        labelled_test: The accuracy on test images whose class is known; nothing is chosen by it.
        record: What `ensemble.json` keeps, the formula and its score among it.
        paths: The records and tables that were written.
        warnings: Tasks that the test data have and the blend does not answer, one line each.
        uncounted: The members whose parameters are not known, so not in `num_parameters`.
    """

    run: RunFolder
    tasks: tuple[TaskBlend, ...]
    gallery_accuracy: float | None
    labelled_test: TestAccuracy | None
    num_parameters: int
    record: BlendRecord
    paths: tuple[Path, ...]
    warnings: tuple[str, ...]
    uncounted: tuple[str, ...] = ()

    @property
    def table(self) -> tuple[CandidateRow, ...]:
        """The candidates of all tasks."""
        return tuple(chain.from_iterable(each.candidates for each in self.tasks))

    @property
    def steps(self) -> tuple[StepRow, ...]:
        """The steps of post-processing of all tasks."""
        return tuple(chain.from_iterable(each.steps for each in self.tasks))

    @property
    def members(self) -> tuple[MemberRow, ...]:
        """The members of all tasks."""
        return tuple(chain.from_iterable(each.members for each in self.tasks))

    @property
    def score(self) -> float | None:
        """The formula's value out of fold; None where one of its metrics is not known."""
        return self.record.score


def ensemble_runs(
    loaded: LoadedConfig, runs: Sequence[RunFolder], options: EnsembleOptions, progress: Progress
) -> BlendResult:
    """Lets blends of the runs' members compete, and writes the best into the folder of the first run.

    Raises:
        RunError: A record is missing, or the runs do not fit together or to the raw folder.
        RulesError: The networks have more parameters than the competition allows.
        ConfigError: The formula cannot be read.
        DataError: A record holds NaN, or the raw folder changed meanwhile.
    """
    members = {task: members_of_task(task, runs, options.checkpoints, options.folds) for task in TASKS}
    strange = [name for name in options.weights if name not in (run.path.name for run in runs)]
    if strange:
        raise InputError(f"--weight {strange[0]}=...: there is no run '{strange[0]}' among those to blend")
    with writing_beside_folds(runs):
        for run in runs:
            remove_abandoned(run.path, below=False)
        return _blend(loaded, runs[0], members, options, progress)


def _blend(
    loaded: LoadedConfig,
    run: RunFolder,
    members: Mapping[Task, Sequence[Member]],
    options: EnsembleOptions,
    progress: Progress,
) -> BlendResult:
    known = own_metrics_of(loaded.config).formula
    formula = options.metric or usable_formula(loaded.config.train.score) or known
    networks = [(fold, each.checkpoint) for task in TASKS for each in members[task] for fold in each.folds]
    folds = list(dict.fromkeys(fold for fold, _ in networks))
    config = _settings_today(loaded, run, folds)
    today = compare_with_raw_folder(config, run, folds, "ensemble", options.ignore_changes, progress)
    require_one_question(networks, compare_training=not options.ignore_changes)
    how, ignored = _selection(config, options, folds[0], progress)
    choices = _select(run, members, formula, known, how, progress)
    used = [member for choice in choices.values() for member in used_members(choice.blend)]
    imported = [each for each in used if each.run.imported_task is not None]
    require_few_parameters(config.competition.slug, used)
    with replacing_folder(run.ensemble_folder) as folder:
        records = _write_records(choices, folder, progress)
        figure = figure_of_gallery(folder / "embeddings", folds[0])
        blend = with_gallery(describe_blend(formula, choices, records), figure)
        paths = [*records, write_blend_record(folder, record := replace(blend, ignored_rules=tuple(ignored)))]
        seal_blend(folder, networks)
    if today is not None:
        require_unchanged(config, today, progress)
    return BlendResult(
        run=run,
        tasks=tuple(TaskBlend.of(task, choice) for task, choice in choices.items()),
        gallery_accuracy=None if figure is None else figure.value,
        labelled_test=measure_labelled_blend(run.ensemble_folder / "predictions", folds),
        num_parameters=count_parameters(used),
        record=record,
        paths=(*(run.ensemble_folder / path.name for path in paths), *_write_thresholds(choices)),
        warnings=_left_out(choices, members, run, folds),
        uncounted=tuple(each.name for each in imported if not each.num_parameters),
    )


def _selection(
    config: Config, options: EnsembleOptions, fold: FoldFolder, progress: Progress
) -> tuple[SelectionOptions, Sequence[str]]:
    """What the blend is chosen among, and the rules of the competition that are ignored."""
    rule, ignored = rule_on_test_neighbours(config, options.ignore_rules, progress)
    how = SelectionOptions(
        *(options.method, options.post_process and options.method != "mean"),
        rule=rule,
        weights=options.weights,
        as_probabilities=_shows_probabilities(config, fold),
    )
    return how, ignored


def _shows_probabilities(config: Config, fold: FoldFolder) -> bool:
    """Whether a CSV of the competition needs class probabilities.

    Raises:
        ConfigError: The settings describe no valid table.
    """
    tables = read_fold_tables(fold)
    formats = formats_of(tables.competition, config.submit)
    forms = (formats.classification, formats.combined)
    return any(form is not None and needs_probabilities(tables.data, form) for form in forms)


def _select(
    run: RunFolder,
    members: Mapping[Task, Sequence[Member]],
    formula: str,
    default: str,
    how: SelectionOptions,
    progress: Progress,
) -> dict[Task, BlendChoice]:
    """The blend of each task that has test predictions; `default` is for one that the formula leaves out.

    Raises:
        RunError: None has.
    """
    choices: dict[Task, BlendChoice] = {}
    if has_record(members["classification"], "test", "predictions"):
        of_task = formula_of_task(formula, "classification", default)
        choices["classification"] = select_class_blend(members["classification"], of_task, how, progress)
    if has_record(members["verification"], "test", "pairs", "embeddings"):
        of_task = formula_of_task(formula, "verification", default)
        choices["verification"] = select_pair_blend(members["verification"], of_task, how, progress)
    if not choices:
        raise RunError(f"{run.name} has no test predictions; make them first: {run.prediction_command()}")
    return choices


def _settings_today(loaded: LoadedConfig, run: RunFolder, folds: Sequence[FoldFolder]) -> Config:
    """The settings that the first run is worked with: its own where it belongs to another config."""
    own = [fold for fold in folds if fold.path.parent == run.path and fold.config_file.is_file()]
    if not own:
        return loaded.config
    if run.path.parent.name == loaded.name:
        return settings_of_run(loaded.word, run, own, loaded.overrides).config
    return own[0].read_config().model_copy(update={"paths": loaded.config.paths})


def _write_records(choices: Mapping[Task, BlendChoice], folder: Path, progress: Progress) -> list[Path]:
    """Writes the blended records into an empty folder, so that none of an older blend is taken for one."""
    records = []
    for choice in choices.values():
        match choice.blend:
            case ClassBlend() as blend:
                records.append(write_class_blend(blend, folder, progress, choice.class_recipe))
            case PairBlend() as blend if has_record(blend.members, "test", "pairs"):
                records.append(write_pair_blend(blend, folder, choice.pair_recipe))
            case PairBlend() as blend:
                of_gallery = choice.gallery_recipe
                recipe = choice.pair_recipe if of_gallery.is_plain else of_gallery
                records.append(write_embedding_blend(blend, folder, recipe))
                records += write_gallery_blend(blend, folder, of_gallery)
    return records


def _write_thresholds(choices: Mapping[Task, BlendChoice]) -> list[Path]:
    """Writes the thresholds of every run whose embeddings are used."""
    choice = choices.get("verification")
    if choice is None or choice.selection is None:
        return []
    members = used_members(choice.blend)
    trials = open_trials(members)
    if trials is None:
        return []
    return [
        write_thresholds(member, thresholds_of_run(member, trials, number))
        for number, member in enumerate(members)
        if has_embeddings([member])
    ]


def _left_out(
    choices: Mapping[Task, BlendChoice],
    members: Mapping[Task, Sequence[Member]],
    run: RunFolder,
    folds: Sequence[FoldFolder],
) -> tuple[str, ...]:
    """A line for each task that the test data have and the blend does not answer."""
    data, again = read_fold_tables(folds[0]).data, command_of_blend(run, runs=[fold.run for fold in folds])
    lines = []
    for task in TASKS:
        if task in choices or not rows_of_task(data, task):
            continue
        if members[task]:
            member = members[task][0]
            command = member.run.prediction_command()
            if member.run.imported_task is None:
                command += f" --checkpoints {member.checkpoint}"
            lines.append(
                f"{task} is left out: {member.name} has no test predictions for it; make them: {command}, "
                f"and blend again: {again}"
            )
        else:
            lines.append(
                f"{task} is left out: what was imported does not answer it; add a run that does, with --run"
            )
    return tuple(lines)
