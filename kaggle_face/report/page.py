"""The report as one HTML document: first screen, sections, appendix, styles and scripts.

Nothing is loaded from anywhere: a content security policy allows the scripts of the document alone, by their
hashes, and pictures and styles that are inside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from kaggle_face.artifacts.files.private import write_privately
from kaggle_face.errors import DataError
from kaggle_face.plotly_script import plotly_script
from kaggle_face.progress import Progress
from kaggle_face.report.advice import advise
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.findings import evidence_of
from kaggle_face.report.first_screen import render_first_screen
from kaggle_face.report.rendering import escaped, render_blocks
from kaggle_face.report.section import LeftOut, Section
from kaggle_face.report.sections.listed import SECTIONS

MOST_BYTES = 30_000_000
"""A report that is larger opens slowly and passes no mail server; the bounds of the sections keep below."""


def write_report(facts: ReportFacts, path: Path, progress: Progress) -> int:
    """Writes the report as one file for its owner alone, for it shows people; its size in bytes.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        DataError: It would be larger than 30 MB.
        DiskError: It cannot be written.
    """
    content = render_report(facts, progress).encode("utf-8")
    if len(content) > MOST_BYTES:
        raise DataError(
            f"the report would have {len(content) / 1e6:.0f} MB, and {MOST_BYTES / 1e6:.0f} MB are the most; "
            "name fewer runs"
        )
    write_privately(path, content)
    return len(content)


def render_report(facts: ReportFacts, progress: Progress, sections: Sequence[Section] = SECTIONS) -> str:
    """The whole document.

    Raises:
        MissingExtraError: The extra `report` is not installed.
    """
    scripts = [plotly_script(), _static("report.js")]
    shown: list[tuple[Section, str]] = []
    left_out: list[tuple[Section, str]] = []
    with progress.track("report", len(sections), "sections") as counter:
        for section in sections:
            content = section.build(facts)
            if isinstance(content, LeftOut):
                left_out.append((section, content.reason))
            else:
                shown.append((section, _section(section, render_blocks(content, section.key))))
            counter.advance(1, section.title)
    steps, num_rules = advise(evidence_of(facts))
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            *_head(f"{facts.run.name}: report", scripts),
            "<body>",
            '<a class="skip" href="#main">Skip to the sections</a>',
            _header(facts),
            _navigation([section for section, _ in shown]),
            '<main id="main" tabindex="-1">',
            _NO_SCRIPT,
            render_first_screen(facts, steps, num_rules, {section.key for section, _ in shown}),
            *(text for _, text in shown),
            _appendix(left_out),
            "</main>",
            f"<footer><p>Made {escaped(facts.made_at)} by kaggle-face {escaped(facts.version)} with "
            f"<code>{escaped(facts.command)}</code>. The file loads nothing from anywhere.</p></footer>",
            '<div id="hover-picture" hidden><img alt="" src="data:,"></div>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
        )
    )


_NO_SCRIPT = (
    '<noscript><p class="warning">Scripts are off: the charts are missing, tables cannot be sorted, and '
    "pictures do not appear beside the pointer. Figures, tables, pictures and the text below each chart are "
    "all there.</p></noscript>"
)


def _head(title: str, scripts: Sequence[str]) -> tuple[str, ...]:
    return (
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escaped(title)}</title>",
        f"<style>{_static('report.css')}</style>",
        "</head>",
    )


def _policy(scripts: Sequence[str]) -> str:
    hashes = (
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") + "'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _static(name: str) -> str:
    return (files("kaggle_face.report") / "static" / name).read_text(encoding="utf-8")


def _header(facts: ReportFacts) -> str:
    others = ", ".join(run.name for run in facts.runs[1:])
    compared = f" with {escaped(others)}" if others else ""
    return f"<header><h1>{escaped(facts.run.name)}{compared}</h1></header>"


def _navigation(sections: Sequence[Section]) -> str:
    links = "".join(f'<li><a href="#{each.key}">{escaped(each.title)}</a></li>' for each in sections)
    return (
        '<nav aria-label="Sections"><details id="contents"><summary>Sections</summary>'
        f'<ul><li><a href="#result">Result</a></li>{links}<li><a href="#left-out">Left out</a></li></ul>'
        "</details></nav>"
    )


def _section(section: Section, body: str) -> str:
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title">'
        f'<h2 id="{section.key}-title">{escaped(section.title)}</h2>'
        f'<p class="reading">{escaped(section.reading)}</p>{body}</section>'
    )


def _appendix(left_out: Sequence[tuple[Section, str]]) -> str:
    rows = "".join(
        f"<li><strong>{escaped(section.title)}</strong>: {escaped(reason)}</li>"
        for section, reason in left_out
    )
    body = f"<ul>{rows}</ul>" if rows else "<p>Nothing: every section has something to show.</p>"
    return (
        '<section id="left-out" aria-labelledby="left-out-title"><h2 id="left-out-title">Left out</h2>'
        f"{body}</section>"
    )
