"""The CSVs that a run can write, checked before it measures or trains anything."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.competitions.reading import submission_formats
from kaggle_face.config import Config
from kaggle_face.errors import SubmissionError
from kaggle_face.hints import settings_command
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData
from kaggle_face.submission.checks import check_expected
from kaggle_face.submission.expectations import expected_table, sample_of
from kaggle_face.submission.outputs import tasks_to_answer, tasks_without_empty, wanted_forms
from kaggle_face.tasks import Task


def require_csvs(config: Config, data: CompetitionData, progress: Progress) -> tuple[Task, ...]:
    """The tasks whose CSVs can be written; one without rows in the test files is left out, with a warning.

    Raises:
        SubmissionError: There is no CSV to write, or Kaggle would not take one of these rows and columns.
        ConfigError: The settings describe no valid table.
        DataError: A sample submission is not a table.
    """
    root = Path(config.data.root)
    formats = submission_formats(root, config.competition, config.submit)
    tasks = tasks_without_empty(data, formats, progress)
    if not tasks:
        _, empty = tasks_to_answer(data, formats)
        raise SubmissionError(
            f"no CSV can be written: the files hold nothing to answer for {' or '.join(empty)}; put the test "
            f"files below {root}, or train alone: {settings_command('train')}"
            if empty
            else "no CSV can be written: none is known for this competition; describe one with "
            f"submit.classification or submit.verification, or train alone: {settings_command('train')}"
        )
    for form in wanted_forms(formats, tasks):
        in_form = tuple(dict.fromkeys(part.task for part in form.parts))
        check_expected(expected_table(data, form, sample_of(root, in_form, formats)))
    return tuple(tasks)
