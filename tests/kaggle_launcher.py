"""Runs the command line in a process of its own against a local server: URL, then the words."""

from __future__ import annotations

import sys

from kagglesdk import kaggle_env

kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = sys.argv[1]

if __name__ == "__main__":
    from kaggle_face.cli.main import main

    sys.exit(main(sys.argv[2:]))
