"""The report of runs as an object that a notebook shows inline."""

from __future__ import annotations

import html
from pathlib import Path

from kaggle_face.pipeline.report import ReportResult

_HEIGHT_PX = 900


class Report:
    """A report that `Project.report` wrote.

    Attributes:
        path: The HTML file; it opens from disk in any browser.
        steps: What to do next, as titles with the evidence.
    """

    def __init__(self, result: ReportResult) -> None:
        self.path: Path = result.path
        self.steps: tuple[tuple[str, str], ...] = tuple((step.title, step.evidence) for step in result.steps)
        self._num_bytes = result.num_bytes

    def __repr__(self) -> str:
        return f"report {self.path} ({self._num_bytes / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        """The whole report in a frame of its own, which reaches nothing of the notebook."""
        document = html.escape(self.path.read_text(encoding="utf-8"), quote=True)
        return (
            f'<iframe title="{html.escape(repr(self), quote=True)}" sandbox="allow-scripts" '
            f'style="width:100%;height:{_HEIGHT_PX}px;border:0" srcdoc="{document}"></iframe>'
        )
