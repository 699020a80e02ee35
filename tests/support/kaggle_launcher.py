"""Runs the command line in a process of its own against a local server: URL, then the words."""

from __future__ import annotations

import sys


def run(url: str, words: list[str]) -> int:
    """Maps the official client's local endpoint to `url`, then runs a command."""
    from kagglesdk import kaggle_env

    from kaggle_face.cli.main import main

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = url
    return main(words)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
