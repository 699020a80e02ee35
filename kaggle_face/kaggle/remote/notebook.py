"""Notebooks that run on Kaggle, made of the scripts in `kaggle/notebooks/`, and their metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

_SCRIPTS = Path(__file__).parents[1] / "notebooks"
_SETUP = "bundle_setup"
_CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)


def make_notebook(kind: Literal["predict", "train"], dataset: str) -> str:
    """A notebook as JSON (nbformat 4) that works on the bundle in a dataset, without internet.

    Its cells are those of the script of its kind. The cells of `bundle_setup.py` take the place of the cell
    `setup`, which imports them, and the values of this notebook that of the cell `parameters` there.
    """
    cells: list[tuple[str, str]] = []
    for title, text in _cells_of(kind):
        if title == "setup":
            cells += [
                (name, f"DATASET = {dataset!r}\n" if name == "parameters" else part)
                for name, part in _cells_of(_SETUP)
            ]
        else:
            cells.append((title, text))
    return notebook_of_cells(cells)


def _cells_of(script: str) -> list[tuple[str, str]]:
    return split_cells((_SCRIPTS / f"{script}.py").read_text(encoding="utf-8"))


def split_cells(text: str) -> list[tuple[str, str]]:
    """The titles and texts of the `# %%` cells of a script, without the text above the first one."""
    parts = _CELL.split(text)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [(title.strip(), part.strip("\n") + "\n") for title, part in pairs]


def notebook_of_cells(cells: Iterable[tuple[str, str]]) -> str:
    """Cells by title and text as a notebook (nbformat 4); those titled `[markdown]` hold text in comments."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    shown = [
        _cell("markdown", re.sub("^# ?", "", text, flags=re.MULTILINE))
        if title == "[markdown]"
        else _cell("code", text)
        for title, text in cells
    ]
    values = {"cells": shown, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(values, indent=1) + "\n"


def _cell(kind: Literal["code", "markdown"], text: str) -> Mapping[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}


def dataset_metadata(dataset: str, title: str) -> Mapping[str, Any]:
    """The contents of `dataset-metadata.json`."""
    return {"title": title, "id": dataset, "licenses": [{"name": "other"}]}


def kernel_metadata(
    notebook: str, title: str, file_name: str, dataset: str, competitions: Sequence[str]
) -> Mapping[str, Any]:
    """The contents of `kernel-metadata.json`: private, with a GPU, without internet."""
    return {
        "id": notebook,
        "title": title,
        "code_file": file_name,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": [dataset],
        "competition_sources": [slug for slug in competitions if slug != "demo"],
        "kernel_sources": [],
        "model_sources": [],
    }
