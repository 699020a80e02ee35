"""Links of the documentation lead somewhere, no page is an orphan, pictures are small and described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.documents import DOCS, PAGES, ROOT, anchors, blocks, links, prose

LARGEST_PICTURE = 150_000
"""Bytes: a page is read on a phone, and pictures stay in the history for ever."""

EXTERNAL = {"https://github.com/huggingface/pytorch-image-models", "https://optuna.org"}
"""All addresses outside that pages link to; none is needed to read the pages."""


def internal_links(page: Path) -> list[str]:
    return [link for link in links(page) if not link.startswith("http")]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in internal_links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and ROOT in [target, *target.parents]
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_a_page_of_the_site_links_to_no_folder_and_to_no_page_outside() -> None:
    for page in DOCS.glob("*.md"):
        for path in (link.partition("#")[0] for link in internal_links(page)):
            target = (page.parent / path).resolve() if path else page
            assert target.is_file() and (target.suffix != ".md" or target.parent == DOCS), (
                f"{page.name}: {path}"
            )


def test_links_and_anchors_are_found() -> None:
    assert "speed.md#checksums" in links(DOCS / "records.md")
    assert {"map5", "heads-losses-and-cutmix"} <= anchors(DOCS / "metrics.md") | anchors(DOCS / "recipes.md")


def test_addresses_outside_are_those_that_are_listed() -> None:
    named = {link for page in PAGES for link in links(page) if link.startswith("http")}
    assert named == EXTERNAL


def test_the_index_lists_every_page_once() -> None:
    """The navigation of the site is made of these lists: a page that is missing here needs a line there."""
    listed = re.findall(r"^- \[[^\]]+\]\(([\w-]+\.md)\)", prose(DOCS / "index.md"), re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "index.md")


def test_every_page_has_one_title() -> None:
    for page in PAGES:
        assert len(re.findall(r"^# ", prose(page), re.MULTILINE)) == 1, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_is_closed(page: Path) -> None:
    fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))


def test_pictures_are_small_described_and_shown() -> None:
    shown = set()
    for page in PAGES:
        for text, link in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", prose(page)):
            assert len(text) > 15, f"{page.name}: {link} needs a description"
            shown.add((page.parent / link).resolve())
    files = {path for path in (DOCS / "pictures").rglob("*") if path.is_file()}
    assert shown == files
    assert max(path.stat().st_size for path in files) < LARGEST_PICTURE


def test_the_readme_has_the_commands_of_ci() -> None:
    """`.ci/run` runs the README's test command in a fresh environment."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 'python3 -m pip install -e ".[dev]" && pytest\n' in readme
    assert 'python3 -m pip install -q -e ".[dev]"\npytest\n' in script
    build = "python3 -m sphinx -aEW --keep-going docs build/docs"
    assert build in script.replace(" -q", "") and build in (ROOT / "CONTRIBUTING.md").read_text(
        encoding="utf-8"
    )
