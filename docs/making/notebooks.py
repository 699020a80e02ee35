"""The notebooks of docs/, each made of the script beside it.

python -m docs.making.notebooks     # writes docs/notebooks/*.ipynb anew
"""

from __future__ import annotations

from pathlib import Path

from kaggle_face.kaggle.remote.notebook import notebook_of_cells, split_cells

FOLDER = Path(__file__).parents[1] / "notebooks"


def scripts() -> list[Path]:
    """The scripts of `# %%` cells, by name."""
    return sorted(FOLDER.glob("*.py"))


def notebook(script: Path) -> str:
    """A script as a notebook (nbformat 4)."""
    return notebook_of_cells(split_cells(script.read_text(encoding="utf-8")))


if __name__ == "__main__":
    for each in scripts():
        each.with_suffix(".ipynb").write_text(notebook(each), encoding="utf-8")
