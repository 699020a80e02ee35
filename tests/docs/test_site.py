"""The site builds without a warning and without the network, with every page in its navigation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import DOCS, ROOT

GENERATOR = ("sphinx", "myst_parser", "furo")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name in GENERATOR:
        pytest.importorskip(name, reason=f"{name} is not installed (extra docs)")
    folder = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "-q", "-d", str(folder / "doctrees"), "docs", str(folder / "html")]
    offline = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        cwd=ROOT,
        env=offline,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


@pytest.mark.slow
def test_every_page_is_in_the_navigation(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    tree = index[index.index('class="sidebar-tree"') : index.index("</aside>")]
    named = set(re.findall(r'class="reference internal" href="([\w-]+)\.html"', tree))
    assert named == {page.stem for page in DOCS.glob("*.md")} - {"index"}


@pytest.mark.slow
def test_nothing_is_loaded_from_outside(site: Path) -> None:
    loads = re.compile(r'(?:src|<link[^>]* href)="((?:https?:)?//[^"]+)"')
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(pages) > 30
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert loads.findall(text) == [] and "url(http" not in text and "@import" not in text, path.name


@pytest.mark.slow
def test_formulas_are_mathml(site: Path) -> None:
    text = (site / "metrics.html").read_text(encoding="utf-8")
    assert text.count("<math") > 12 and "\\frac" not in text
