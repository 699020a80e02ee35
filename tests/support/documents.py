"""The pages in Markdown: their code, links and headings, read without a generator."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *sorted(DOCS.glob("*.md")),
)

_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"<\w+>")
PROGRAMS = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:kaggle-face|torchrun|python3? -m|pip|pytest|ruff|mypy|jupyter|\.ci/run|git)\b"
)


@dataclass(frozen=True)
class Block:
    """Fenced code of a page, with the comment `<!-- ... -->` on the line above its fence, or nothing."""

    page: str
    number: int
    language: str
    text: str
    mark: str

    @property
    def name(self) -> str:
        """The page and the place on it, for the name of a test."""
        return f"{self.page}-{self.number}"


def blocks(page: Path) -> list[Block]:
    """All fenced code of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, number, found["language"], found["text"], found["mark"] or "")
        for number, found in enumerate(_FENCE.finditer(text))
    ]


def prose(page: Path) -> str:
    """A page without its fenced code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def code_spans(page: Path) -> list[str]:
    """All code between backticks in the prose of a page, each in one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    """The targets of all links and pictures of a page."""
    return _LINK.findall(_SPAN.sub("code", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = (_SPAN.sub(r"\1", heading).strip().lower() for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of every command line of a page, in its blocks and between backticks.

    A placeholder such as `<slug>` stands as 0, variables before a command are left out. In prose a program
    with one word, such as `kaggle-face tune`, is a name and not to be typed.
    """
    lines = [block.text.replace("\\\n", " ").splitlines() for block in blocks(page) if not block.language]
    spans = [span for span in code_spans(page) if len(span.split()) > 2]
    for line in [line.strip() for block in lines for line in block] + spans:
        if PROGRAMS.match(line):
            yield from _commands(_PLACEHOLDER.sub("0", line))


def _commands(line: str) -> Iterator[list[str]]:
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word != "&&":
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            del words[0]
        yield words
        words = []
