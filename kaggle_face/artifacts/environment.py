"""The environment of a run: versions, git commit, command line and machine."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kaggle_face.errors import hide_passwords

MACHINE = ("platform", "device", "versions.torch")
"""What `describe_environment` keeps of the machine, for `read_info`."""


def describe_environment(argv: Sequence[str], device: str) -> dict[str, Any]:
    """Versions, git commit, command line and machine, to be kept with a run."""
    packages = ("kaggle-face", "torch", "timm", "albumentations", "numpy", "pillow")
    return {
        "command_line": shlex.join(argv),
        "commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
        "versions": {name: _version(name) for name in packages},
    }


def git_commit() -> str | None:
    """The commit of the working directory, with `+changes` where files differ from it; None outside git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit}+changes" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, UnicodeDecodeError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    command = ["git", *words]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10)
    return answer.stdout.strip()


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def command_line() -> list[str]:
    """The words of this process as one types them, and no password of an address."""
    program = Path(sys.argv[0])
    name = f"python -m {program.parent.name}" if program.name == "__main__.py" else program.name
    return [*name.split(), *(hide_passwords(word, is_word=True) for word in sys.argv[1:])]
