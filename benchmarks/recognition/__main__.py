"""`python -m benchmarks.recognition`: `kaggle-face people evaluate` with dlib's recogniser beside it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.recognition.dlib_recognizer import DlibRecognizer
from benchmarks.script import run_script
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.recognition.options import add_gallery_argument
from kaggle_face.cli.recognition.people import add_evaluation_arguments, evaluate_folder
from kaggle_face.cli.terminal import Terminal


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    description = "how well a model and dlib know the people of <name>/<picture> from one picture each"
    return run_script("recognition", description, _add_arguments, _compare, argv)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("folder", metavar="FOLDER", help="holds a folder of pictures for each person")
    add_gallery_argument(parser)
    add_evaluation_arguments(parser)


def _compare(arguments: argparse.Namespace, terminal: Terminal) -> None:
    evaluate_folder(arguments, terminal, [DlibRecognizer()])


if __name__ == "__main__":
    run_program(sys.argv[1:], main)
