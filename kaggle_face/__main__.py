"""`python -m kaggle_face` is the command `kaggle-face`."""

from __future__ import annotations

from kaggle_face.cli.main import run

if __name__ == "__main__":
    run()
