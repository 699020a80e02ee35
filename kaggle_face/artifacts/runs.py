"""The run folder `runs/<config>/<run>/fold<k>/`: where each thing lies and what it was made with.

A fold's folder is all that a later stage needs; copying it to another machine is enough.
"""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kaggle_face.artifacts.atomic import read_json, reading, write_json
from kaggle_face.errors import RunError, nearest_hint
from kaggle_face.portable_names import one_name_with, why_not_portable

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.config.schema import CheckpointName

CHECKPOINTS: tuple[CheckpointName, ...] = ("last", "best_cls", "best_ver", "best", "swa")
RecordKind = Literal["predictions", "embeddings", "pairs"]
RecordPart = Literal["oof", "test"]

_FREE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._=,+-]{0,79}$")


@dataclass(frozen=True)
class FoldFolder:
    """The folder of one fold of a run."""

    path: Path

    @property
    def fold(self) -> int:
        """The number of the fold, from the folder's name."""
        return int(self.path.name.removeprefix("fold"))

    @property
    def beginning(self) -> FoldFolder:
        """Where a training that begins anew lies until its first state is saved; no other stage reads it."""
        return FoldFolder(self.path.parent / ".new" / self.path.name)

    @property
    def config_file(self) -> Path:
        """The resolved settings."""
        return self.path / "config.yaml"

    @property
    def classes_file(self) -> Path:
        """Class index -> name -> submitted label."""
        return self.path / "classes.csv"

    @property
    def info_file(self) -> Path:
        """What the fold was made with, and how far it came."""
        return self.path / "run.json"

    @property
    def history_file(self) -> Path:
        """One row per epoch."""
        return self.path / "history.csv"

    @property
    def resume_file(self) -> Path:
        """The state from which a stopped training goes on."""
        return self.path / "resume.pt"

    def weights_file(self, checkpoint: CheckpointName) -> Path:
        """The weights of a checkpoint."""
        return self.path / "checkpoints" / f"{checkpoint}.safetensors"

    def record_folder(self, part: RecordPart, checkpoint: CheckpointName, kind: RecordKind) -> Path:
        """The folder of a record made with a checkpoint: `<part>/<checkpoint>/<kind>`."""
        return self.path / part / checkpoint / kind

    @property
    def labels_file(self) -> Path:
        """The true class index of each held-out image: columns `image_id`, `label`."""
        return self.path / "oof" / "labels.csv"

    def pairs_file(self, part: RecordPart) -> Path:
        """The two images of each scored trial, as `write_pairs` writes them."""
        return self.path / part / "pairs.csv"

    @property
    def people_file(self) -> Path:
        """Who the images of the held-out trials show, where it is known: columns `image_id`, `person`."""
        return self.path / "oof" / "people.csv"

    def gallery_folder(self, which: Literal["dev", "test"]) -> Path:
        """Who is known and who is asked for, as `write_gallery` writes it."""
        return self.path / "test" / f"gallery_{which}"

    def read_info(self) -> dict[str, Any]:
        """What `write_info` wrote.

        Raises:
            RunError: The fold was never trained here, or the file is damaged.
        """
        if not self.info_file.is_file():
            raise RunError(f"{self.path} holds no run; train it first: kaggle-face train --fold {self.fold}")
        return read_json(self.info_file)

    def read_config(self) -> Config:
        """The settings that the fold was trained with.

        Raises:
            RunError: The file is missing or cannot be read.
            ConfigError: It holds no settings of this version.
        """
        from kaggle_face.config import parse_config

        with reading(self.config_file):
            text = self.config_file.read_text(encoding="utf-8")
        return parse_config(text, str(self.config_file))

    def write_info(self, values: Mapping[str, Any]) -> None:
        """Writes what the fold was made with and how far it came."""
        write_json(self.info_file, values)

    @property
    def is_finished(self) -> bool:
        """Whether the training of this fold came to its end."""
        return self.info_file.is_file() and self.read_info().get("status") == "finished"


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run: one folder per fold, and what all of its folds share."""

    path: Path

    @property
    def name(self) -> str:
        """`<config>/<run>`, as the command line shows it."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def ensemble_folder(self) -> Path:
        """Where the blend of this run (and of others) lies: the one prediction that `submit` takes."""
        return self.path / "ensemble"

    def fold(self, number: int) -> FoldFolder:
        """The folder of a fold, which need not exist yet."""
        return FoldFolder(self.path / f"fold{number}")

    def started_folds(self) -> list[FoldFolder]:
        """The folds of which anything is there, in order."""
        folders = [FoldFolder(path) for path in self.path.glob("fold*") if path.name[4:].isdigit()]
        return sorted(
            (folder for folder in folders if folder.info_file.is_file()), key=lambda folder: folder.fold
        )

    def finished_folds(self) -> list[FoldFolder]:
        """The folds whose training came to its end, in order."""
        return [folder for folder in self.started_folds() if folder.is_finished]


def name_of_run(overrides: Sequence[str]) -> str:
    """The folder name of a run: `main`, or its overrides, shortened with a hash where they are long.

    >>> name_of_run([]), name_of_run(["optim.lr=0.1"])
    ('main', 'optim.lr=0.1')
    """
    shaping = sorted(
        text for text in overrides if not text.startswith(("paths.", "device=", "train.max_hours="))
    )
    text = ",".join(shaping) or "main"
    if _FREE_NAME.match(text) and why_not_portable(text) is None:
        return text
    readable = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", text).strip("-.,")[:50]
    return f"{readable}-{blake2b(text.encode(), digest_size=4).hexdigest()}"


def run_folder(runs: Path, config_name: str, run: str) -> RunFolder:
    """The folder of a named run, which need not exist yet.

    Raises:
        RunError: The name is no plain folder name on every system, or another run's but for its case.
    """
    if not _FREE_NAME.match(run):
        raise RunError(f"a run's name is made of letters, digits and . _ = , + -, got '{run}'")
    reason = why_not_portable(run)
    if reason is not None:
        raise RunError(f"'{run}' {reason}; choose another name for the run")
    folder = runs / config_name
    other = one_name_with(run, (path.name for path in folder.glob("*")))
    if other is not None and (folder / run).exists():
        raise RunError(f"the runs '{run}' and '{other}' are one folder on this disk; write '{other}'")
    return RunFolder(folder / run)


def find_run(runs: Path, config_name: str, run: str | None = None) -> RunFolder:
    """The named run, or the one trained last where no name is given.

    Raises:
        RunError: There is no such run; what to do is said.
    """
    found = {folder.path.name: folder for folder in list_runs(runs, config_name)}
    if run is not None and run in found:
        return found[run]
    if not found:
        raise RunError(f"no run of '{config_name}' under {runs}; train one first: kaggle-face train --fold 0")
    if run is not None:
        hint = nearest_hint(run, found) or f"; there are: {', '.join(sorted(found))}"
        raise RunError(f"there is no run '{run}' of '{config_name}' under {runs}{hint}")
    return max(found.values(), key=_last_change)


def list_runs(runs: Path, config_name: str) -> list[RunFolder]:
    """Every run of a config of which a fold was started, by name; a folder that is being made is not one."""
    named = [path for path in sorted((runs / config_name).glob("*")) if _FREE_NAME.match(path.name)]
    return [folder for folder in map(RunFolder, named) if folder.started_folds()]


def _last_change(run: RunFolder) -> float:
    return max(folder.info_file.stat().st_mtime for folder in run.started_folds())


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
    """The words of this process, the program by its name alone."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]
