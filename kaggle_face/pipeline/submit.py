"""Submissions: checked CSVs of a run or of the user, their rows in the ledger, upload and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kaggle_face.artifacts.blends import read_blend_tables, require_current_blend
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.predicted_tables import TestTables
from kaggle_face.artifacts.provenance import records_of
from kaggle_face.artifacts.run_choice import find_blended_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.reading import formats_of, submission_formats
from kaggle_face.competitions.submission.formats import SubmissionFormat, SubmissionFormats
from kaggle_face.competitions.submission.targets import DEMO, target_of, targets
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.errors import ConfigError, InputError, RunError, SubmissionError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.inputs.preparing import chosen_folds, open_competition, settings_of_run
from kaggle_face.pipeline.inputs.rules_check import check_rules
from kaggle_face.pipeline.inputs.today import compare_blend_with_raw_folder, outdated_folds, require_unchanged
from kaggle_face.pipeline.unknown_label import unknown_threshold
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData
from kaggle_face.submission.checks import (
    CheckedTable,
    WrittenSubmission,
    check_csv,
    check_table,
    existing_submission,
    write_submission,
)
from kaggle_face.submission.columns import SubmissionTask
from kaggle_face.submission.expectations import Expectation, expected_table, sample_of
from kaggle_face.submission.ledger.entries import Entry, Origin
from kaggle_face.submission.out_of_fold import out_of_fold_of
from kaggle_face.submission.outputs import (
    ENSEMBLE,
    Output,
    build_table,
    list_outputs,
    origin_of,
    parameters_of_blend,
    refuse_one_task,
    tasks_to_answer,
    tasks_without_empty,
    wanted_forms,
)
from kaggle_face.submission.plausibility import Known, OwnBlend, known_of_parts, with_doubts
from kaggle_face.submission.upload.session import open_ledger, open_session
from kaggle_face.submission.upload.upload import Upload, resume_open, upload_all, wait_for_scores, write_down
from kaggle_face.tasks import TASKS, Task


@dataclass(frozen=True)
class SubmitOptions:
    """Options of a submission.

    Attributes:
        task: The task of the CSVs; None: all that the competition has.
        only_ensemble: Whether no CSV is written for each checkpoint.
        message: The description on Kaggle; empty: the name of the CSV.
        ignore_rules: Whether to go on although a rule is broken; the ledger records it.
        ignore_changes: Whether to go on although the training images changed since the run was trained.
        leave_out_empty: Whether a task for which the test files hold no rows is left out, with a warning;
            else it is an error.
    """

    task: Task | None = None
    only_ensemble: bool = False
    message: str = ""
    ignore_rules: bool = False
    ignore_changes: bool = False
    leave_out_empty: bool = False


@dataclass(frozen=True)
class SubmissionFile:
    """A checked CSV.

    Attributes:
        name: What it was made from, such as `main_ensemble` or `main_fold0_best_ver`.
        file: Path, hash and number of rows.
        origin: The runs, checkpoints and settings behind it, and its out-of-fold score.
        message: The description that an upload gets.
        competition: The slug of the competition that takes it; None: no competition does.
        made_by: Notes on how its answers were found.
        notes: Doubts about its answers, and differences to the sample submission.
        why_not_for_upload: The reason where no competition takes it.
    """

    name: str
    file: WrittenSubmission
    origin: Origin
    message: str
    competition: str | None
    made_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    why_not_for_upload: str = ""

    @property
    def is_blend(self) -> bool:
        """Whether it holds the blend of its run."""
        return self.name.endswith(f"_{ENSEMBLE}")

    @property
    def job(self) -> Upload | None:
        """Its upload; None where no competition takes it."""
        if self.competition is None:
            return None
        return Upload(self.competition, self.file, self.origin, self.message)


@dataclass(frozen=True)
class SubmitResult:
    """The CSVs that were written or checked, the blend's first; `run` is None for a file of the user."""

    files: tuple[SubmissionFile, ...]
    run: RunFolder | None = None

    def chosen(self, name: str | None = None) -> list[SubmissionFile]:
        """The files to upload: those called `name`, or those of the blend.

        Raises:
            SubmissionError: No file is called so.
        """
        files = [file for file in self.files if file.competition is not None]
        if name is None:
            return [file for file in files if file.is_blend or not file.origin.runs]
        named = [file for file in files if file.name == name]
        if not named:
            raise SubmissionError(f"there is no CSV called '{name}' among those that were written")
        return named


def write_submissions(
    loaded: LoadedConfig, run: RunFolder, options: SubmitOptions, progress: Progress
) -> SubmitResult:
    """Writes the CSVs of a run below `paths.submissions`, all checked before the first is written.

    Raises:
        RunError: The run has no finished fold, no test predictions or no blend, or they are out of date.
        RulesError: A rule of the competition is broken, and not ignored.
        SubmissionError: A CSV would not be accepted.
        DataError: The raw folder cannot be read, or changed meanwhile.
    """
    config = settings_of_run(loaded.word, run, chosen_folds(run, None), loaded.overrides).config
    if not run.finished_folds():
        raise RunError(f"{run.name} has no finished fold; train one first: {run.training_command()}")
    if not any(records_of(fold, "test") for fold in run.started_folds()):
        raise RunError(f"{run.name} has no test predictions; make them: {run.prediction_command()}")
    require_current_blend(run)
    today = compare_blend_with_raw_folder(config, run, options.ignore_changes, progress)
    tables, blend = read_blend_tables(run), parameters_of_blend(run)
    ignored = check_rules(config, len(tables.data.classes), options.ignore_rules, progress, blend)
    outdated = outdated_folds(run, today, options.ignore_changes)
    checked = _checked_tables(config, tables, run, options, progress, outdated)
    if today is not None:
        require_unchanged(config, today, progress)
    files = []
    for output, table, made_by in checked:
        written = write_submission(table, Path(config.paths.submissions) / loaded.name / output.file_name)
        origin = origin_of(output, run)
        if ignored:
            origin = replace(origin, settings=(*origin.settings, "--ignore-rules"))
        try:
            target, reason = _target(output.tasks, config), ""
        except ConfigError as error:
            target, reason = None, str(error)
        message = options.message or output.what
        files.append(
            SubmissionFile(output.what, written, origin, message, target, made_by, table.notes, reason)
        )
    return _in_ledger(config, files, run)


def check_own_file(
    loaded: LoadedConfig, path: Path, options: SubmitOptions, run_name: str | None, progress: Progress
) -> SubmitResult:
    """Checks a CSV that the user made, against the test files, the sample and the blend of a run.

    Args:
        loaded: The settings.
        path: The CSV.
        options: Its task and its message.
        run_name: The run whose blend it is compared with; None: the one that is clearly meant, if any.
        progress: Where it is reported that something cannot be compared.

    Raises:
        SubmissionError: The CSV would not be accepted, or its task is not clear.
    """
    config = loaded.config
    tasks = _tasks_of_file(config, path, options.task)
    root = Path(config.data.root)
    data: CompetitionData | None = None
    expected, known, blend = Expectation(sample=sample_of(root, tasks)), list[Known](), None
    try:
        formats = submission_formats(root, config.competition, config.submit)
        (form,) = wanted_forms(formats, tasks)
        expected = Expectation(sample=sample_of(root, tasks, formats), id_place=form.id_place)
        data = open_competition(config, progress)
    except InputError as error:
        progress.warn(f"the CSV is not compared with the test files: {error}")
    if data is not None:
        expected, known = expected_table(data, form, expected.sample), known_of_parts(data, form)
    before = hash_of_file(path) if path.is_file() else None  # `check_csv` tells what is wrong with it
    checked = check_csv(path, expected)
    if data is not None:
        blend = _blend_to_compare(loaded, run_name, data, form, progress)
    checked = with_doubts(checked, expected, known, blend)
    origin = Origin(tasks[0] if len(tasks) == 1 else "combined")
    written, message = existing_submission(path, checked), options.message or path.name
    if written.sha256 != before:
        raise SubmissionError(f"{path} changed while it was checked; run the same command again")
    file = SubmissionFile(path.name, written, origin, message, _target(tasks, config), notes=checked.notes)
    return _in_ledger(config, [file], None)


def upload_submissions(
    loaded: LoadedConfig, files: Sequence[SubmissionFile], force: bool, progress: Progress
) -> list[Entry]:
    """Uploads CSVs and waits for their scores; their rows of the ledger.

    Of several, those that were submitted before are left out; one that is refused holds up no other.
    With `force` a content that was submitted before is submitted again. Nothing is uploaded for the demo.

    Raises:
        SubmissionError: All were submitted before, or too few submissions are left.
        RemoteError: There are no working credentials, or Kaggle cannot be reached or refuses a file.
    """
    config, jobs = loaded.config, [file.job for file in files if file.job is not None]
    if any(job.competition == DEMO for job in jobs):
        progress.log("the demo has no competition on Kaggle: nothing is sent")
        return []
    session = open_session(config, progress)
    entries = upload_all(jobs, session, config.submit.reserve, force)
    return wait_for_scores(session, entries, config.submit.wait_minutes)


def collect_scores(loaded: LoadedConfig, progress: Progress) -> list[Entry]:
    """Waits for the scores of earlier uploads to the competitions of the settings; their rows.

    Raises:
        RemoteError: There are no working credentials, or Kaggle cannot be reached.
    """
    config = loaded.config
    session = open_session(config, progress)
    slugs = targets(config.competition, config.submit)
    entries = [entry for slug in slugs for entry in resume_open(session, slug)]
    return wait_for_scores(session, entries, config.submit.wait_minutes)


def require_scored(entries: Sequence[Entry]) -> None:
    """Checks that no upload was refused; one without a score yet passes.

    Raises:
        SubmissionError: Kaggle could not score one of them; its own words are in the message.
    """
    refused = [entry for entry in entries if entry.status in ("ERROR", "FAILED")]
    if refused:
        words = refused[0].error or "no reason"
        raise SubmissionError(f"{refused[0].file} has no score: Kaggle says '{words}'")


def _in_ledger(config: Config, files: Sequence[SubmissionFile], run: RunFolder | None) -> SubmitResult:
    """The files, with a row in the ledger for each that a competition takes."""
    ledger = open_ledger(config)
    for file in files:
        if file.job is not None:
            write_down(ledger, file.job)
    return SubmitResult(tuple(files), run)


def _checked_tables(
    config: Config,
    tables: TestTables,
    run: RunFolder,
    options: SubmitOptions,
    progress: Progress,
    outdated: Mapping[FoldFolder, str],
) -> list[tuple[Output, CheckedTable, tuple[str, ...]]]:
    """Each CSV of a run with its checked table, and notes on how the table was made."""
    root, data = Path(config.data.root), tables.data
    competition = tables.competition.model_copy(update={"slug": config.competition.slug})
    formats = formats_of(competition, config.submit)
    if options.task is not None:
        tasks = [options.task]
    elif options.leave_out_empty:
        tasks = tasks_without_empty(data, formats, progress)
    else:
        tasks = _tasks_of(data, formats)
    checked, forms = [], wanted_forms(formats, tasks)
    for output in list_outputs(run, forms, data, options.only_ensemble, progress, outdated):
        unknown = unknown_threshold(output, run, data, config.submit.unknown_share, progress)
        table, made_by = build_table(output, SubmissionTask(data, output.form, unknown))
        expected = expected_table(data, output.form, sample_of(root, output.tasks, formats))
        known = known_of_parts(data, output.form)
        checked.append((output, with_doubts(check_table(table, expected), expected, known), made_by))
    return checked


def _tasks_of(data: CompetitionData, formats: SubmissionFormats) -> list[Task]:
    """The tasks that have a CSV, or a part of one.

    Raises:
        SubmissionError: The test files hold no rows for one of them.
    """
    tasks, empty = tasks_to_answer(data, formats)
    if empty and tasks:
        is_one = formats.combined is not None or formats.one_csv
        has_own = not is_one and getattr(formats, tasks[0]) is not None
        raise SubmissionError(
            f"the competition has a CSV of {empty[0]}, and its files held nothing to answer for it when the "
            "run was predicted; put them below data.root and predict again"
            + (f", or add: --task {tasks[0]}" if has_own else "")
        )
    return tasks or empty


def _tasks_of_file(config: Config, path: Path, task: Task | None) -> list[Task]:
    """The tasks of a user's CSV: both in one file, that which is named, or the only one.

    Raises:
        SubmissionError: There is a CSV for each task and none is named, or one for both and one is named.
    """
    try:
        formats = submission_formats(Path(config.data.root), config.competition, config.submit)
    except InputError:
        formats = SubmissionFormats()
    if formats.combined is not None or formats.one_csv:
        if task is not None:
            refuse_one_task(task)
        return list(TASKS)
    if task is not None:
        return [task]
    tasks: list[Task] = [task for task in TASKS if getattr(formats, task) is not None]
    if len(tasks) != 1:
        # With --dry-run: this call may have had it, and a command without it would upload.
        how = settings_command("submit", "--file", str(path), "--task", "verification", "--dry-run")
        raise SubmissionError(f"name the task of the CSV, --task classification or, as in: {how}")
    return tasks


def _target(tasks: Sequence[Task], config: Config) -> str:
    """The competition that takes a CSV; a file for both tasks goes to the one of the settings."""
    if len(tasks) == 1:
        return target_of(tasks[0], config.competition, config.submit)
    return config.competition.slug


def _blend_to_compare(
    loaded: LoadedConfig,
    run_name: str | None,
    data: CompetitionData,
    form: SubmissionFormat,
    progress: Progress,
) -> OwnBlend | None:
    """The table of a run's own blend in the format of the user's CSV; None without one, which is reported."""
    if not (Path(loaded.config.paths.runs) / loaded.name).is_dir():
        return None
    try:
        run = find_blended_run(loaded, run_name, progress.log)
        require_current_blend(run)
        (output,) = list_outputs(run, [form], data, True, progress)
        unknown = unknown_threshold(output, run, data, loaded.config.submit.unknown_share, progress)
        table, _ = build_table(output, SubmissionTask(data, form, unknown))
    except InputError as error:
        progress.log(f"not compared with the blend of a run: {error}")
        return None
    figures = [out_of_fold_of({task: record}, run) for task, record in output.records.items()]
    shares = [each.value for each in figures if each is not None and each.metric in ("accuracy", "map@5")]
    is_distance = any("{distance" in cell for part in form.parts for cell in part.cells)
    higher = "different people" if is_distance else "same person"
    return OwnBlend(run.name, table, shares[0] if shares else None, higher)
