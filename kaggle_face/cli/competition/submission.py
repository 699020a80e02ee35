"""What `kaggle-face submit` does; its options stand in `submit.py`, which imports little."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kaggle_face.artifacts.blends import blended_folds, read_blend_tables, require_current_blend
from kaggle_face.artifacts.provenance import TestTables, records_of, rows_of_task
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.arguments import load_settings
from kaggle_face.cli.competition.csv_doubts import blend_to_compare, what_is_known
from kaggle_face.cli.competition.desk import open_desk, open_ledger, tell_outcomes
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.reading import formats_of, submission_formats
from kaggle_face.competitions.submission.formats import TASKS, SubmissionFormat, SubmissionFormats, Task
from kaggle_face.competitions.submission.targets import DEMO, target_of, targets
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.errors import ConfigError, InputError, RunError, SubmissionError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.rules_check import guard_rules
from kaggle_face.records import CompetitionData
from kaggle_face.submission.checks import CheckedTable, check_csv, check_table
from kaggle_face.submission.columns import Question, unknown_threshold
from kaggle_face.submission.expectations import Expectation, expected_table
from kaggle_face.submission.ledger.entries import Origin
from kaggle_face.submission.outputs import (
    ENSEMBLE,
    Output,
    build_table,
    list_outputs,
    origin_of,
    parameters_of_blend,
    wanted_forms,
)
from kaggle_face.submission.plausibility import Known, with_doubts
from kaggle_face.submission.samples import sample_of
from kaggle_face.submission.upload.upload import Upload, resume_open, upload, wait_for_scores, write_down
from kaggle_face.submission.writing import existing_submission, write_submission


def write_and_send(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the checked CSVs below `paths.submissions`, and uploads the chosen ones."""
    loaded = load_settings(arguments)
    if arguments.wait:
        _pick_up(loaded.config, terminal)
        return
    if arguments.file is not None:
        jobs = [_brought_job(arguments, loaded, terminal)]
        sent = jobs
    else:
        written = list(_written_jobs(arguments, loaded, terminal))
        jobs = [job for _, job in written]
        sent = [job for what, job in written if _is_chosen(what, arguments.send)]
    ledger = open_ledger(loaded.config)
    for job in jobs:
        write_down(ledger, job)
    if arguments.send and not sent:
        raise SubmissionError(f"there is no CSV called '{arguments.send}' among those that were written")
    if arguments.dry_run:
        return
    if any(job.competition == DEMO for job in sent):
        terminal.log("the demo has no competition on Kaggle: nothing is sent")
        return
    _send(sent, arguments.force, loaded.config, terminal)


def _send(jobs: Sequence[Upload], force: bool, config: Config, terminal: Terminal) -> None:
    desk = open_desk(config, terminal)
    entries = [upload(job, desk, config.submit.reserve, force) for job in jobs]
    tell_outcomes(wait_for_scores(desk, entries, config.submit.wait_minutes), terminal)


def _pick_up(config: Config, terminal: Terminal) -> None:
    desk = open_desk(config, terminal)
    entries = [
        entry for slug in targets(config.competition, config.submit) for entry in resume_open(desk, slug)
    ]
    if not entries:
        terminal.log("no upload waits for its score")
    tell_outcomes(wait_for_scores(desk, entries, config.submit.wait_minutes), terminal)


def _written_jobs(
    arguments: argparse.Namespace, loaded: LoadedConfig, terminal: Terminal
) -> Iterator[tuple[str, Upload]]:
    """The CSVs of a run, all checked before the first is written, by name."""
    from kaggle_face.pipeline.preparing import chosen_folds, settings_of_run
    from kaggle_face.pipeline.today import compare_blend_with_raw_folder, require_unchanged

    run = find_own_run(loaded, arguments.run, terminal.log)
    config = settings_of_run(arguments.config, run, chosen_folds(run, None), arguments.overrides).config
    _require_predictions(run)
    require_current_blend(run)
    today = compare_blend_with_raw_folder(config, run, arguments.ignore_changes, terminal)
    tables = read_blend_tables(run)
    blend = parameters_of_blend(run)
    ignored = guard_rules(config, len(tables.data.classes), arguments.ignore_rules, terminal, blend)
    checked = _checked_tables(config, tables, run, arguments, terminal)
    if today is not None:
        require_unchanged(config, today, terminal)
    for output, table in checked:
        path = Path(config.paths.submissions) / loaded.name / output.file_name
        written = write_submission(table, path)
        _tell_checked(path, table, terminal)
        message = arguments.message or output.what
        origin = origin_of(output, run)
        if ignored:
            origin = replace(origin, settings=(*origin.settings, "--ignore-rules"))
        try:
            target = _target(output.tasks, config)
        except ConfigError as error:
            if output.what.endswith(f"_{ENSEMBLE}"):
                terminal.log(f"{path} is written but not for upload: {error}")
            continue
        yield output.what, Upload(target, written, origin, message)


def _checked_tables(
    config: Config, tables: TestTables, run: RunFolder, arguments: argparse.Namespace, terminal: Terminal
) -> list[tuple[Output, CheckedTable]]:
    root, data = Path(config.data.root), tables.data
    formats = formats_of(tables.competition, config.submit)
    tasks: list[Task] = [arguments.task] if arguments.task else _tasks_of(data, formats)
    checked = []
    forms = wanted_forms(formats, tasks)
    for output in list_outputs(run, forms, data, arguments.only_ensemble, terminal):
        unknown = unknown_threshold(blended_folds(run), data, output.form, config.submit.unknown_share)
        table, notes = build_table(output, Question(data, output.form, unknown))
        for note in notes:
            terminal.log(f"{output.what}: {note}")
        expected = expected_table(data, output.form, sample_of(root, output.tasks))
        known = what_is_known(data, output.form)
        checked.append((output, with_doubts(check_table(table, expected), expected, known)))
    return checked


def _tasks_of(data: CompetitionData, formats: SubmissionFormats) -> list[Task]:
    """The tasks that have a CSV, or a part of one.

    Raises:
        SubmissionError: The test files hold nothing to answer for one of them.
    """
    combined = formats.combined
    parts = None if combined is None else {part.task for part in combined.parts}
    tasks = [task for task in TASKS if (task in parts if parts else getattr(formats, task) is not None)]
    empty = [task for task in tasks if not rows_of_task(data, task)]
    if empty and len(empty) < len(tasks):
        (other,) = set(tasks) - set(empty)
        raise SubmissionError(
            f"the competition has a CSV of {empty[0]}, and its files held nothing to answer for it when the "
            f"run was predicted; put them below data.root and predict again, or add: --task {other}"
        )
    return tasks


def _require_predictions(run: RunFolder) -> None:
    if not any(records_of(fold, "test") for fold in run.started_folds()):
        raise RunError(f"{run.name} has no test predictions; make them: {run.command('predict')}")


def _brought_job(arguments: argparse.Namespace, loaded: LoadedConfig, terminal: Terminal) -> Upload:
    """A CSV that the user made."""
    config = loaded.config
    tasks = [arguments.task] if arguments.task else _only_tasks(config, arguments.file)
    sample = sample_of(Path(config.data.root), tasks)
    expected, known, blend = Expectation(sample=sample), list[Known](), None
    asked = _what_is_asked(config, tasks, terminal)
    if asked is not None:
        data, form = asked
        expected, known = expected_table(data, form, sample), what_is_known(data, form)
    checked = check_csv(arguments.file, expected)
    if asked is not None:
        blend = blend_to_compare(loaded, arguments.run, *asked, terminal)
    checked = with_doubts(checked, expected, known, blend)
    _tell_checked(arguments.file, checked, terminal)
    file = existing_submission(arguments.file, checked)
    origin = Origin(tasks[0] if len(tasks) == 1 else "combined")
    return Upload(_target(tasks, config), file, origin, arguments.message or arguments.file.name)


def _target(tasks: Sequence[Task], config: Config) -> str:
    """The competition that takes a CSV; a file for both tasks goes to the one of the settings."""
    if len(tasks) == 1:
        return target_of(tasks[0], config.competition, config.submit)
    return config.competition.slug


def _what_is_asked(
    config: Config, tasks: Sequence[Task], terminal: Terminal
) -> tuple[CompetitionData, SubmissionFormat] | None:
    """The competition's records and the format of a CSV; None where its files are not below `data.root`."""
    from kaggle_face.pipeline.preparing import open_competition

    try:
        formats = submission_formats(Path(config.data.root), config.competition, config.submit)
        (form,) = wanted_forms(formats, tasks)
        return open_competition(config), form
    except InputError as error:
        terminal.warn(f"the CSV is not compared with the test files: {error}")
    return None


def _only_tasks(config: Config, file: Path) -> list[Task]:
    """The tasks of a CSV where the competition leaves no choice: its only one, or both in one file.

    Raises:
        SubmissionError: The competition has a CSV for each task.
    """
    try:
        formats = submission_formats(Path(config.data.root), config.competition, config.submit)
    except InputError:
        formats = SubmissionFormats()
    if formats.combined is not None:
        return list(TASKS)
    tasks: list[Task] = [task for task in TASKS if getattr(formats, task) is not None]
    if len(tasks) != 1:
        how = settings_command("submit", "--file", str(file), "--task", "verification")
        raise SubmissionError(f"say which task the CSV answers, --task classification or, as in: {how}")
    return tasks


def _is_chosen(what: str, wanted: str | None) -> bool:
    return what == wanted if wanted is not None else what.endswith(f"_{ENSEMBLE}")


def _tell_checked(path: Path, table: CheckedTable, terminal: Terminal) -> None:
    terminal.log(f"{path}: {table.rows} rows, checked")
    for note in table.notes:
        terminal.warn(note)
