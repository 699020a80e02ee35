"""The run folder `runs/<config>/<run>/fold<k>/`: its paths, settings and provenance.

A fold's folder is all that a later stage needs; copying it to another machine is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json, read_text
from kaggle_face.errors import KaggleFaceError, RunError
from kaggle_face.file_names import one_name_with, why_not_portable
from kaggle_face.hints import settings_command
from kaggle_face.tasks import TASKS, Task

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.config.schema import CheckpointName

RecordKind = Literal["predictions", "embeddings", "pairs"]
RecordPart = Literal["oof", "test"]
RunKind = Literal["training", "trial", "soup", "experiment", "imported"]
"""Made by `train`; `tune`; `soup`; `recipes` or `blends`; `import-predictions`. The default are trainings."""

_MOST_BYTES_OF_SETTINGS = 1 << 20
_IMPORT_OPTIONS = ("task", "oof", "test", "values", "classes", "parameters")
"""What `run.json` keeps of the options of `import-predictions`."""
_MAKERS: dict[str, RunKind] = {
    "train": "training",
    "tune": "trial",
    "soup": "soup",
    "recipes": "experiment",
    "blends": "experiment",
    "import-predictions": "imported",
}

_FOLD_NAME = re.compile(r"fold(0|[1-9][0-9]{0,8})")
"""A copy such as fold00 is not the same fold once more."""
FREE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._=,+-]{0,79}$")


@dataclass(frozen=True)
class FoldFolder:
    """The folder of one fold of a run."""

    path: Path

    @property
    def fold(self) -> int:
        """The number of the fold, from the folder's name.

        Raises:
            RunError: The folder was given another name.
        """
        number = self.path.name.removeprefix("fold")
        if not (number.isascii() and number.isdecimal()):
            raise RunError(f"{self.path} is not named fold<number>, such as fold0; rename it")
        return int(number)

    @property
    def name(self) -> str:
        """`<config>/<run>/fold<k>`, as errors and records name it."""
        return "/".join(self.path.parts[-3:])

    @property
    def beginning(self) -> FoldFolder:
        """The folder of a new training until its first state is saved; no other stage reads it."""
        return FoldFolder(self.path.parent / ".new" / self.path.name)

    @property
    def run(self) -> RunFolder:
        """The run that the fold is one of."""
        return RunFolder(self.path.parent)

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
        """The file of the fold's inputs, versions and progress."""
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

    @property
    def checkpoints(self) -> list[CheckpointName]:
        """The checkpoints that are there."""
        return [name for name in CHECKPOINTS if self.weights_file(name).is_file()]

    def require_checkpoint(self, checkpoint: CheckpointName) -> Path:
        """The weights of a checkpoint.

        Raises:
            RunError: It is not there.
        """
        there = self.checkpoints
        if checkpoint not in there:
            how = f"train the fold first: {self.run.training_command(self.fold)}"
            advice = f"there are {', '.join(there)}" if there else how
            raise RunError(f"{self.path} has no checkpoint '{checkpoint}'; {advice}")
        return self.weights_file(checkpoint)

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
        """The file of the people in the held-out trials, where known: columns `image_id`, `person`."""
        return self.path / "oof" / "people.csv"

    def gallery_folder(self, which: Literal["dev", "test"]) -> Path:
        """The gallery and its probes, as `write_gallery` writes them."""
        return self.path / "test" / f"gallery_{which}"

    def read_info(self, *needed: str) -> dict[str, Any]:
        """The values that `write_info` wrote; each that `RunInfo` names is of its type.

        Args:
            needed: Names of values that must be there, dotted where they lie deeper.

        Raises:
            RunError: The fold was never trained here, the file is damaged, or lacks what is needed.
        """
        from kaggle_face.artifacts.json_types import RunInfo, value_at

        if not self.info_file.is_file():
            how = self.run.training_command(self.fold)
            raise RunError(f"{self.path} holds no run; train it first: {how}")
        info = read_json(self.info_file, RunInfo)
        for name in needed:
            if value_at(info, name) is None:
                how = self.run.training_command(self.fold, "--overwrite")
                raise RunError(f"{self.info_file} has no '{name}'; train the fold again: {how}")
        return info

    def read_config(self) -> Config:
        """The settings that the fold was trained with.

        Raises:
            RunError: The file is missing or cannot be read.
            ConfigError: It holds no settings of this version.
        """
        from kaggle_face.config import parse_config

        return parse_config(read_text(self.config_file, _MOST_BYTES_OF_SETTINGS), str(self.config_file))

    def write_info(self, values: Mapping[str, Any]) -> None:
        """Writes the inputs and the progress of the fold."""
        write_json(self.info_file, values)

    @property
    def is_finished(self) -> bool:
        """Whether the training of this fold came to its end."""
        return self.info_file.is_file() and self.read_info().get("status") == "finished"

    @property
    def start_options(self) -> tuple[str, ...]:
        """The options of `train` for this fold, which was begun or finished before."""
        try:
            finished = self.is_finished
        except KaggleFaceError:
            finished = True
        if finished:
            return ("--overwrite",)
        return ("--resume",) if self.resume_file.is_file() else ()

    @property
    def kind(self) -> RunKind:
        """The kind of the fold, by its `run.json`, or by other marks where that is of an older version."""
        info = self.read_info()
        kept = next((kind for kind in _MAKERS.values() if info.get("kind") == kind), None)
        if kept is not None:
            return kept
        if "soup" in info:
            return "soup"
        maker = str(info.get("command_line", "")).split()[1:2]
        if maker and maker[0] in _MAKERS:
            return _MAKERS[maker[0]]
        search, _, number = self.run.path.name.rpartition("-")
        is_trial = number.isdigit() and (self.run.path.parent / search / "study.db").is_file()
        return "trial" if is_trial else "training"


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run: one folder per fold, and shared files beside them."""

    path: Path

    @property
    def name(self) -> str:
        """`<config>/<run>`, as the command line shows it."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def ensemble_folder(self) -> Path:
        """The folder of the blend of this run (and of others): the one prediction that `submit` takes."""
        return self.path / "ensemble"

    def fold(self, number: int) -> FoldFolder:
        """The folder of a fold, which need not exist yet."""
        return FoldFolder(self.path / f"fold{number}")

    def started_folds(self) -> list[FoldFolder]:
        """The folds of which anything is there, in order."""
        folders = [FoldFolder(path) for path in self.path.glob("fold*") if _FOLD_NAME.fullmatch(path.name)]
        return sorted(
            (folder for folder in folders if folder.info_file.is_file()), key=lambda folder: folder.fold
        )

    def finished_folds(self) -> list[FoldFolder]:
        """The folds whose training came to its end, in order."""
        return [folder for folder in self.started_folds() if folder.is_finished]

    @property
    def kind(self) -> RunKind:
        """The kind of the run; one with a trained fold is a training, whatever made the others."""
        kinds = [folder.kind for folder in self.started_folds()] or ["training"]
        return "training" if "training" in kinds else kinds[0]

    @property
    def imported_task(self) -> Task | None:
        """The task that predictions made elsewhere answer; None for a run with networks of its own."""
        task = self._first_info().get("imported", {}).get("task")
        return next((each for each in TASKS if each == task), None)

    @property
    def has_imported_oof(self) -> bool:
        """Whether out-of-fold predictions were imported too."""
        return bool(self._first_info().get("imported", {}).get("oof"))

    def require_networks(self, what: str) -> None:
        """Checks that a run has networks: one that was imported has predictions alone.

        Raises:
            RunError: It has none; `what` is what they are needed for.
        """
        if self.imported_task is not None:
            raise RunError(
                f"{self.name} was imported: it has predictions and no networks {what}; name a run of train"
            )

    @property
    def num_folds(self) -> int | None:
        """The number of folds of the finished run; None where it was not kept."""
        folders = self.started_folds()
        kept = folders[0].read_info().get("num_folds") if folders else None
        if isinstance(kept, int):
            return kept
        try:
            return folders[0].read_config().folds.total if folders else None
        except KaggleFaceError:
            return None

    def command(self, name: str, *words: str, others: Iterable[RunFolder] = ()) -> str:
        """The command line that does something with this run, and others, by the settings of this one."""
        here = self.path.parent.name
        further = (each.path.name if each.path.parent.name == here else each.name for each in others)
        runs = [word for each in (self.path.name, *further) for word in ("--run", each)]
        return settings_command(name, *words, *runs, settings=here, word=self._settings_word())

    def import_command(self) -> str:
        """The command line that imports the predictions of this run anew, from the same files."""
        about = self._first_info().get("imported", {})
        named = ((f"--{key.replace('_', '-')}", about[key]) for key in _IMPORT_OPTIONS if about.get(key))
        options = [word for option in named for word in option]
        return settings_command(
            *("import-predictions", self.path.name, *options, "--overwrite"),
            settings=self.path.parent.name,
            word=self._settings_word(),
            overrides=self._first_info().get("overrides", []),
        )

    def prediction_command(self, *words: str) -> str:
        """The command line that makes this run's test predictions; the words are options of `predict`."""
        return self.command("predict", *words) if self.imported_task is None else self.import_command()

    def training_command(self, fold: int | str | None = None, *words: str) -> str:
        """The command line that trains a fold of this run as its other folds were trained.

        One that was begun is resumed, without the time limit that stopped it, a finished one trained anew.
        `fold` may be several, as `0,1` or `all`; None is the first that was begun, or all where none was.
        """
        if self.imported_task is not None:
            return self.import_command()
        begun = {folder.fold: folder for folder in self.started_folds()}
        if fold is None:
            fold = min(begun, default=None)
        info = self._first_info()
        stored = info.get("overrides")
        how = begun[fold].start_options if isinstance(fold, int) and fold in begun else ()
        rules = ("--ignore-rules",) if info.get("ignored_rules") else ()
        which = () if fold is None else ("--fold", str(fold))
        return settings_command(
            *("train", *which, *how, *words, "--run", self.path.name, *rules),
            settings=self.path.parent.name,
            word=self._settings_word(),
            overrides=[str(text) for text in stored] if isinstance(stored, list) else [],
            without="train.max_hours",
        )

    def _settings_word(self) -> str | None:
        """The name of the first fold's settings; None where it is unknown or the file gone."""
        word = self._first_info().get("settings")
        if not isinstance(word, str) or (word.endswith((".yaml", ".yml")) and not Path(word).is_file()):
            return None
        return word

    def _first_info(self) -> dict[str, Any]:
        """The `run.json` of the first fold; empty where it cannot be read, which others complain of."""
        for folder in self.started_folds():
            try:
                return folder.read_info()
            except KaggleFaceError:
                continue
        return {}


def name_of_run(overrides: Sequence[str]) -> str:
    """The folder name of a run: `main`, or its overrides, shortened with a hash where they are long.

    >>> name_of_run([]), name_of_run(["optim.lr=0.1"])
    ('main', 'optim.lr=0.1')
    """
    shaping = sorted(
        text for text in overrides if not text.startswith(("paths.", "device=", "train.max_hours="))
    )
    text = ",".join(shaping) or "main"
    if FREE_NAME.match(text) and why_not_portable(text) is None:
        return text
    readable = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", text).strip("-.,")[:50]
    return f"{readable}-{blake2b(text.encode(), digest_size=4).hexdigest()}"


def run_folder(runs: Path, config_name: str, run: str) -> RunFolder:
    """The folder of a named run, which need not exist yet.

    Raises:
        RunError: The name is not a plain folder name on every system, or another run's but for its case.
    """
    if not FREE_NAME.match(run):
        raise RunError(f"a run's name is made of letters, digits and . _ = , + -, got '{run}'")
    reason = why_not_portable(run)
    if reason is not None:
        raise RunError(f"'{run}' {reason}; choose another name for the run")
    folder = runs / config_name
    other = one_name_with(run, (path.name for path in folder.glob("*")))
    if other is not None and (folder / run).exists():
        raise RunError(f"the runs '{run}' and '{other}' are one folder on this disk; write '{other}'")
    return RunFolder(folder / run)


def list_runs(runs: Path, config_name: str) -> list[RunFolder]:
    """Every run of a config of which a fold was started, by name; a folder that is being made is not one."""
    named = [path for path in sorted((runs / config_name).glob("*")) if FREE_NAME.match(path.name)]
    return [folder for folder in map(RunFolder, named) if folder.started_folds()]


def describe_runs(runs: Sequence[RunFolder]) -> str:
    """The names of runs in one line, with the kind where that is not a training."""
    kinds = [(run.path.name, run.kind) for run in runs]
    return ", ".join(name if kind == "training" else f"{name} ({kind})" for name, kind in kinds)
