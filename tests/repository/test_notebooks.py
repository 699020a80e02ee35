"""The notebooks of docs/ are their scripts, and run from top to bottom."""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path

import pytest

from docs.making import notebooks

LENGTH = '"train.epochs": 4'
SHORT = '"train.epochs": 1, "model.backbone_options": {"channels": [8, 8, 16, 16], "stem_width": 8}'
"""For the training of the quickstart, of which four epochs show more to a reader and no more to a test."""


@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_a_notebook_is_its_script(script: Path) -> None:
    notebook = script.with_suffix(".ipynb")
    again = f"python -m docs.making.notebooks  # writes {notebook.name} anew"
    assert notebook.read_text(encoding="utf-8") == notebooks.notebook(script), again


@pytest.mark.slow
@pytest.mark.ci
def test_the_quickstart_runs_from_top_to_bottom(tmp_path: Path) -> None:
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of jupyter's own libraries
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(notebooks.FOLDER / "quickstart.ipynb", as_version=4)
        training = next(cell for cell in notebook.cells if LENGTH in cell.source)
        training.source = training.source.replace(LENGTH, SHORT)
        client = NotebookClient(notebook, timeout=300, kernel_name="python3")
        client.execute(cwd=str(tmp_path))
    assert len(list((tmp_path / "submissions").rglob("main_*.csv"))) == 2
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert sum("<table" in output.get("data", {}).get("text/html", "") for output in outputs) >= 5
