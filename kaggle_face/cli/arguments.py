"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import os

from kaggle_face.config import LoadedConfig, load_config

DEFAULT_CONFIG = "demo"


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `-c` and the `key=value` overrides."""
    default = os.environ.get("KAGGLE_FACE_CONFIG", DEFAULT_CONFIG)
    parser.add_argument(
        "-c",
        "--config",
        default=default,
        metavar="NAME_OR_PATH",
        help=f"settings: configs/NAME.yaml, a name of the package, or a path (now: {default})",
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="key=value",
        help="settings that differ, such as optim.lr=0.1",
    )


def load_settings(arguments: argparse.Namespace) -> LoadedConfig:
    """The settings that `-c` and the overrides name."""
    return load_config(arguments.config, arguments.overrides)


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--run`."""
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: the one trained last)")
