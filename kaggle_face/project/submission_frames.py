"""The CSVs of a submission as pandas frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from kaggle_face.pipeline.submission_plan import SubmissionPlan
    from kaggle_face.pipeline.submit import SubmissionFile


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
