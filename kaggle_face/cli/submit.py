"""`kaggle-face submit`: builds, checks and writes the CSVs of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.artifacts.runs import find_run
from kaggle_face.cli.arguments import add_config_arguments, add_run_argument, load_settings
from kaggle_face.cli.terminal import Terminal

TASKS = ("classification", "verification")


def add_arguments_submit(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `submit`."""
    add_run_argument(parser)
    parser.add_argument("--task", choices=TASKS, help="one task (default: all that the competition has)")
    parser.add_argument("--only-ensemble", action="store_true", help="no CSV for each checkpoint")
    parser.add_argument("--dry-run", action="store_true", help="write and check, but send nothing")
    add_config_arguments(parser)


def run_submit(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the checked CSVs of a run below `paths.submissions`."""
    loaded = load_settings(arguments)
    run = find_run(Path(loaded.config.paths.runs), loaded.name, arguments.run)

    from kaggle_face.cli.opening import chosen_folds, open_competition, settings_of_run
    from kaggle_face.competitions.reading import submission_formats
    from kaggle_face.submit.checks import check_table
    from kaggle_face.submit.expectations import expected_table
    from kaggle_face.submit.outputs import build_table, list_outputs
    from kaggle_face.submit.writing import write_submission

    config = settings_of_run(arguments.config, run, chosen_folds(run, None), arguments.overrides).config
    data = open_competition(config)
    formats = submission_formats(Path(config.data.root), config.competition, config.submit)
    has = {"classification": len(data.test_rows) > 0, "verification": len(data.test_pairs) > 0}
    tasks = [task for task in TASKS if has[task] and arguments.task in (None, task)]
    checked = [
        (output, check_table(table, expected_table(data, form)))
        for output in list_outputs(run, tasks, arguments.only_ensemble)
        for form in [formats.of_task(output.task)]
        for table in [build_table(output, data, form)]
    ]
    for output, table in checked:
        path = Path(config.paths.submissions) / loaded.name / output.file_name
        written = write_submission(table, path)
        terminal.say(f"{written.path}: {written.rows} rows, checked")
        for note in table.notes:
            terminal.warn(note)
