"""Writing and uploading CSVs; a part of `Project`, with the frames that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.artifacts.run_choice import find_blended_run
from kaggle_face.errors import InputError
from kaggle_face.project.blend import Blend
from kaggle_face.project.frames import frame_of
from kaggle_face.project.run import ProjectCalls, Run
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from kaggle_face.artifacts.runs import RunFolder
    from kaggle_face.pipeline.submission_plan import SubmissionPlan
    from kaggle_face.pipeline.submit import SubmissionFile
    from kaggle_face.progress import Progress


@checked_methods
class Submissions:
    """The methods `write_submissions`, `submit` and `collect_scores` of a project."""

    def write_submissions(
        self: ProjectCalls,
        source: Blend | Run | None = None,
        task: Task | None = None,
        only_blend: bool = False,
        ignore_rules: bool = False,
        ignore_changes: bool = False,
    ) -> pd.DataFrame:
        """Writes the CSVs of a blend or a run, each checked against the rows and format of the competition.

        Args:
            source: A blend, or a run that holds one and of which each checkpoint has CSVs too; None: the run
                that is clearly meant.
            task: `classification` or `verification`; None: all that the competition has.
            only_blend: Whether a run's single checkpoints get no CSVs.
            ignore_rules: Whether to go on although a rule is broken; the ledger records it.
            ignore_changes: Whether the training images may have changed since the run was trained.

        Returns:
            A row for each CSV: its name, path, number of rows, the competition that takes it, and doubts.

        Raises:
            SubmissionError: A CSV would not be accepted.
            RunError: Predictions or blend are missing or out of date.
            RulesError: A rule is broken.
        """
        from kaggle_face.pipeline.submit import SubmitOptions, write_submissions
        from kaggle_face.summaries.submission import report_files

        is_blend = only_blend or isinstance(source, Blend)
        options = SubmitOptions(task, is_blend, "", ignore_rules, ignore_changes)
        with self.call() as progress:
            run = _run_of(self, source, progress)
            result = write_submissions(self.loaded, run, options, progress)
            report_files(result, progress)
        return files_frame(result.files)

    def submit(
        self: ProjectCalls,
        source: Blend | Run | None = None,
        message: str = "",
        name: str | None = None,
        task: Task | None = None,
        force: bool = False,
        ignore_rules: bool = False,
        ignore_changes: bool = False,
        dry_run: bool = False,
        only_blend: bool = False,
        file: str | Path | None = None,
    ) -> pd.DataFrame:
        """Writes the CSVs, uploads those of the blend and waits for their scores.

        Doubts about their answers are warnings of the progress, before anything is sent.

        Args:
            source: As for `write_submissions`.
            message: The description on Kaggle; empty: the name of the CSV.
            name: The CSV to upload instead of the blend's, as `write_submissions` names it.
            task: As for `write_submissions`.
            force: Whether a content that was submitted before is submitted again.
            ignore_rules: As for `write_submissions`.
            ignore_changes: As for `write_submissions`.
            dry_run: Whether nothing is sent, and what would be is returned.
            only_blend: As for `write_submissions`.
            file: A CSV of your own, which is checked and uploaded instead.

        Returns:
            The rows of the ledger of what was uploaded; none for the demo. With `dry_run` a row for each CSV:
            where it would go, its expected score with interval and how that was measured, the CSVs and
            earlier uploads of the same content, the uploads left, and doubts.

        Raises:
            SubmissionError: A CSV would not be accepted, was submitted before, or has no score.
            RemoteError: There are no working credentials, or Kaggle refuses a file.
            InputError: Both `name` and `file` are given.
        """
        if file is not None and name is not None:
            raise InputError("name is of a CSV of the run, file is one of your own; leave one out")
        from kaggle_face.pipeline import submit
        from kaggle_face.summaries.submission import report_files

        is_blend = only_blend or (isinstance(source, Blend) and name is None)
        options = submit.SubmitOptions(task, is_blend, message, ignore_rules, ignore_changes)
        with self.call() as progress:
            if file is None:
                run = _run_of(self, source, progress)
                result = submit.write_submissions(self.loaded, run, options, progress)
                chosen = result.chosen(name)
            else:
                compared = None if source is None else _run_of(self, source, progress).name
                result = submit.check_own_file(self.loaded, Path(file), options, compared, progress)
                chosen = result.chosen()
            report_files(result, progress)
            if dry_run:
                from kaggle_face.pipeline.submission_plan import plan_submission

                frame = plan_frame(plan_submission(self.loaded, result, chosen, progress))
                return frame.assign(doubts=["; ".join(each.notes) for each in result.files])
            entries = submit.upload_submissions(self.loaded, chosen, force, progress)
        submit.require_scored(entries)
        return frame_of(entries)

    def collect_scores(self: ProjectCalls) -> pd.DataFrame:
        """Waits for the scores of earlier uploads to the competitions of the settings.

        Returns:
            Their rows of the ledger; none where nothing waits.

        Raises:
            SubmissionError: Kaggle could not score one of them.
            RemoteError: There are no working credentials, or Kaggle cannot be reached.
        """
        from kaggle_face.pipeline.submit import collect_scores, require_scored

        with self.call() as progress:
            entries = collect_scores(self.loaded, progress)
        require_scored(entries)
        return frame_of(entries)


def _run_of(project: ProjectCalls, source: Blend | Run | None, progress: Progress) -> RunFolder:
    if source is None:
        return find_blended_run(project.loaded, None, progress.log)
    return (source.run if isinstance(source, Blend) else source).folder


def plan_frame(plan: SubmissionPlan) -> pd.DataFrame:
    """A row for each CSV: where it would go, its expected score, equal contents, and the uploads left."""
    left = {each.competition: each for each in plan.competitions}
    rows = []
    for file in plan.files:
        uploads = left.get(file.competition or "")
        rows.append(
            {
                "name": file.name,
                "path": str(file.path),
                "rows": file.rows,
                "competition": file.competition,
                "is_sent": file.is_sent,
                "metric": file.expected.metric,
                "expected": file.expected.value,
                "low": file.expected.low,
                "high": file.expected.high,
                "measured": file.expected.measured,
                "same_as": "; ".join(file.same_as),
                "uploaded": "; ".join(f"{each.file}: {each.public_score}" for each in file.uploaded),
                "uploads_left": None if uploads is None else uploads.left,
                "uploads_from": None if uploads is None else uploads.source,
            }
        )
    return pd.DataFrame(rows)


def files_frame(files: Sequence[SubmissionFile]) -> pd.DataFrame:
    """A row for each CSV: its name, path, number of rows, the competition that takes it, and doubts."""
    return pd.DataFrame(
        [
            {
                "name": file.name,
                "path": str(file.file.path),
                "rows": file.file.rows,
                "competition": file.competition,
                "doubts": "; ".join(file.notes),
            }
            for file in files
        ]
    )
