"""The shell of a page: one HTML document of sections, with its styles, scripts and policy.

Nothing is loaded from anywhere: a content security policy allows the scripts of the document alone, by their
hashes, and pictures and styles that are inside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.private import write_privately
from kaggle_face.errors import DataError
from kaggle_face.progress import Progress
from kaggle_face.report.rendering import escaped, render_blocks
from kaggle_face.report.section import Facts, LeftOut, PageSection

AnySection = PageSection[Any]


@dataclass(frozen=True)
class Sections:
    """The sections of a page: those that are shown, as HTML, and those that are left out, with the reason."""

    shown: tuple[tuple[AnySection, str], ...]
    left_out: tuple[tuple[AnySection, str], ...]

    @property
    def keys(self) -> set[str]:
        """The anchors of those that are shown."""
        return {section.key for section, _ in self.shown}


@dataclass(frozen=True)
class Origin:
    """The time, version and command of a page."""

    made_at: str
    version: str
    command: str


def build_sections(
    sections: Sequence[PageSection[Facts]], facts: Facts, what: str, progress: Progress
) -> Sections:
    """Builds each section; `what` is counted by the progress."""
    shown: list[tuple[AnySection, str]] = []
    left_out: list[tuple[AnySection, str]] = []
    with progress.track(what, len(sections), "sections") as counter:
        for section in sections:
            content = section.build(facts)
            if isinstance(content, LeftOut):
                left_out.append((section, content.reason))
            else:
                shown.append((section, _section(section, render_blocks(content, section.key))))
            counter.advance(1, section.title)
    return Sections(tuple(shown), tuple(left_out))


def render_document(
    title: str, heading: str, first_screen: str, sections: Sections, origin: Origin, plotly: str
) -> str:
    """The whole document.

    Args:
        title: Of the window.
        heading: Above all.
        first_screen: HTML of a section with the anchor `result`; empty: there is none.
        sections: Shown below it.
        origin: For the last line.
        plotly: The script of plotly.
    """
    scripts = [plotly, _static("report.js")]
    result = '<li><a href="#result">Result</a></li>' if first_screen else ""
    links = "".join(f'<li><a href="#{each.key}">{escaped(each.title)}</a></li>' for each, _ in sections.shown)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escaped(title)}</title>",
            f"<style>{_static('report.css')}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#main">Skip to the sections</a>',
            f"<header><h1>{escaped(heading)}</h1></header>",
            '<nav aria-label="Sections"><details id="contents"><summary>Sections</summary>'
            f'<ul>{result}{links}<li><a href="#left-out">Left out</a></li></ul></details></nav>',
            '<main id="main" tabindex="-1">',
            _NO_SCRIPT,
            first_screen,
            *(text for _, text in sections.shown),
            _appendix(sections.left_out),
            "</main>",
            f"<footer><p>Made {escaped(origin.made_at)} by kaggle-face {escaped(origin.version)} with "
            f"<code>{escaped(origin.command)}</code>. The file loads nothing from anywhere.</p></footer>",
            '<div id="hover-picture" hidden><img alt="" src="data:,"></div>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
        )
    )


def write_document(text: str, path: Path, most_bytes: int, what: str, advice: str) -> int:
    """Writes a document for its owner alone, for it shows people; its size in bytes.

    Raises:
        DataError: It would be larger than `most_bytes`.
        DiskError: It cannot be written.
    """
    content = text.encode("utf-8")
    if len(content) > most_bytes:
        raise DataError(
            f"{what} would have {len(content) / 1e6:.0f} MB, and {most_bytes / 1e6:.0f} MB are the most; "
            f"{advice}"
        )
    write_privately(path, content)
    return len(content)


_NO_SCRIPT = (
    '<noscript><p class="warning">Scripts are off: the charts are missing, tables cannot be sorted, and '
    "pictures do not appear beside the pointer. Figures, tables, pictures and the text below each chart are "
    "all there.</p></noscript>"
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


def _section(section: AnySection, body: str) -> str:
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title">'
        f'<h2 id="{section.key}-title">{escaped(section.title)}</h2>'
        f'<p class="reading">{escaped(section.reading)}</p>{body}</section>'
    )


def _appendix(left_out: Sequence[tuple[AnySection, str]]) -> str:
    rows = "".join(
        f"<li><strong>{escaped(section.title)}</strong>: {escaped(reason)}</li>"
        for section, reason in left_out
    )
    body = f"<ul>{rows}</ul>" if rows else "<p>Nothing: every section has something to show.</p>"
    return (
        '<section id="left-out" aria-labelledby="left-out-title"><h2 id="left-out-title">Left out</h2>'
        f"{body}</section>"
    )
