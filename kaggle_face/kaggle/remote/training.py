"""Training on Kaggle's GPUs: a bundle goes up, a notebook runs, its run folder comes back.

The started job is written to `kaggle.json` in the run folder, so watching can be taken up again at any time.
A notebook ends before Kaggle's time limit with a checkpoint; the next one goes on from there.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.files.renaming import put_in_place
from kaggle_face.artifacts.json_types import JobShape, ManifestShape
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.seals import SEAL_FILE
from kaggle_face.config import Config, LoadedConfig, dump_config
from kaggle_face.errors import RemoteError, RunError, TrainingStoppedError
from kaggle_face.kaggle.client.answers import GpuQuota
from kaggle_face.kaggle.client.clock import Clock
from kaggle_face.kaggle.remote.bundle import BundlePlan, files_to_resume, write_bundle
from kaggle_face.kaggle.remote.kaggle_notebooks import KaggleNotebooks
from kaggle_face.kaggle.unpacking import gigabytes
from kaggle_face.progress import Progress

_LEAST_HOURS = 0.5
_HOURS_TO_FINISH = 0.4
"""What packing before and measuring after the training may take of a notebook's time."""
_SECONDS_BETWEEN_LOOKS = 30.0
_LAST_LINES = 3


@dataclass(frozen=True)
class Job:
    """Folds that a notebook trains; `is_running` until its output was fetched."""

    key: str
    notebook: str
    folds: tuple[int, ...]
    is_running: bool = True


@dataclass(frozen=True)
class RemoteTraining:
    """Training of a run on Kaggle; `hours` is the longest time of one notebook.

    With `ignore_rules` the notebook trains although a rule of the competition is broken, and records it.
    """

    loaded: LoadedConfig
    run: RunFolder
    notebooks: KaggleNotebooks
    clock: Clock
    progress: Progress
    hours: float
    accelerator: str
    ignore_rules: bool = False

    def train(self, folds: Sequence[int], anew: bool = False) -> None:
        """Trains folds until they are finished, in as many notebooks as that takes.

        A notebook that is still running is watched instead of starting another. With `anew` the folds begin
        from the start, whatever is here.

        Raises:
            RemoteError: The GPU quota is spent, or Kaggle refuses something.
            RunError: Another notebook of this run trains other folds.
            TrainingStoppedError: The notebook failed, or came back no further than before.
        """
        job = read_job(self.run)
        if job is not None and job.is_running and self._was_never_started(job):
            self.progress.warn(f"Kaggle has no notebook {job.notebook}: it was never started; starting anew")
            job = None
        if job is not None and job.is_running:
            if set(job.folds) - set(folds):
                numbers = ",".join(map(str, job.folds))
                take_up = self.run.training_command(numbers, "--on", "kaggle", *self._rules())
                raise RunError(f"{job.notebook} still trains fold {numbers}; take that up: {take_up}")
            self.progress.log(f"taking up {job.notebook} again")
            if not self._watch_and_fetch(job):
                self.progress.warn(f"{job.notebook} was not started by {_job_file(self.run)}; starting anew")
        elif anew:
            self._watch_and_fetch(self._start(folds, ()))
        while unfinished := [fold for fold in folds if not self.run.fold(fold).is_finished]:
            begun = [self.run.fold(fold) for fold in unfinished if self.run.fold(fold).resume_file.is_file()]
            before = _positions(self.run, unfinished)
            if not self._watch_and_fetch(self._start(unfinished, begun)):
                raise RemoteError("the notebook's output is that of another run; look at it on Kaggle")
            if _positions(self.run, unfinished) == before:
                raise TrainingStoppedError(
                    "the notebook came back no further than it began; give it more time with --hours"
                )

    def _was_never_started(self, job: Job) -> bool:
        """Whether a process ended between a job's record and its notebook; unknown of another account's."""
        is_own = job.notebook.startswith(f"{self.notebooks.user}/")
        return is_own and self.notebooks.find_notebook(job.notebook) is None

    def _start(self, folds: Sequence[int], begun: Sequence[FoldFolder]) -> Job:
        quota = self.notebooks.gpu_quota()
        self.progress.log(_in_words(quota))
        if quota.hours_left < _LEAST_HOURS:
            raise RemoteError(f"too little GPU time is left to train: {_in_words(quota)}")
        hours = min(self.hours, quota.hours_left)
        words = ["--fold", ",".join(map(str, folds)), *(["--resume"] if len(folds) == 1 and begun else [])]
        words += self._rules()
        limit = f"train.max_hours={max(hours - _HOURS_TO_FINISH, hours / 2):.4g}"
        job = Job(secrets.token_hex(8), "", tuple(folds))
        plan = BundlePlan(
            "train",
            self.loaded.config,
            self.loaded.name,
            self.run,
            self.notebooks.user,
            (*words, limit),
            job=job.key,
        )
        job = replace(job, notebook=plan.name)
        # The folds of the config are shared by all of its runs.
        folder_of_folds = self.run.path.parent / "folds"
        shared = sorted(path for kind in ("*.csv", SEAL_FILE) for path in folder_of_folds.rglob(kind))
        files = [*files_to_resume(begun), shared]
        with tempfile.TemporaryDirectory() as temporary:
            bundle = write_bundle(plan, files, Path(temporary) / "bundle", None)
            self.progress.log(f"sending {gigabytes(bundle.size)} to the private dataset {plan.name}")
            self.notebooks.send_dataset(bundle.dataset, f"folds {','.join(map(str, folds))}")
            _write_job(self.run, job)
            try:
                address = self.notebooks.push_notebook(bundle.notebook, round(hours * 3600), self.accelerator)
            except RemoteError:
                _write_job(self.run, replace(job, is_running=False))
                raise
        self.progress.log(f"started {address}, for at most {hours:.1f} h")
        return job

    def _rules(self) -> list[str]:
        return ["--ignore-rules"] if self.ignore_rules else []

    def _watch_and_fetch(self, job: Job) -> bool:
        """Waits for the notebook and brings its folds home; false if its output is not this job's."""
        self._watch(job)
        self.run.path.mkdir(parents=True, exist_ok=True)
        # On the same disk, so that what was fetched is moved, not copied.
        with tempfile.TemporaryDirectory(dir=self.run.path, prefix=".fetched-") as temporary:
            folder = Path(temporary)
            self.notebooks.fetch_output(job.notebook, folder)
            key, files = _read_manifest(folder, job.notebook)
            is_ours = key == job.key
            if is_ours:
                _check_whole(folder, files, job.notebook)
                config_folder = folder / "runs" / self.run.path.parent.name
                folds = sorted((config_folder / self.run.path.name).glob("fold*"))
                if not folds:
                    raise RemoteError(
                        f"the notebook left no fold of {self.run.name}; look at its log on Kaggle"
                    )
                for path in folds:
                    fold = FoldFolder(path)
                    _localize(fold, self.loaded)
                    self.progress.log(f"fold {fold.fold} came back: {fold.read_info('status')['status']}")
                    put_in_place(path, self.run.path / path.name)
                shared = self.run.path.parent / "folds"
                if (config_folder / "folds").is_dir() and not shared.exists():
                    shutil.move(config_folder / "folds", shared)
        _write_job(self.run, replace(job, is_running=False))
        return is_ours

    def _watch(self, job: Job) -> None:
        """Follows status and log until the notebook has ended well."""
        shown, state = 0, ""
        while True:
            status = self.notebooks.notebook_status(job.notebook)
            if status.state != state:
                state = status.state
                self.progress.log(f"{job.notebook}: {state}")
            lines = self.notebooks.notebook_log(job.notebook) if state != "queued" else []
            for line in lines[shown:]:
                self.progress.log(f"  {line}")
            shown = max(shown, len(lines))
            match status.state:
                case "complete":
                    return
                case "error" | "cancelled":
                    _write_job(self.run, replace(job, is_running=False))
                    reason = status.failure or " | ".join(lines[-_LAST_LINES:]) or "no reason given"
                    raise TrainingStoppedError(f"{job.notebook} ended with '{state}': {reason}")
                case _:
                    self.clock.sleep(_SECONDS_BETWEEN_LOOKS)


def read_job(run: RunFolder) -> Job | None:
    """The job that was started last for a run."""
    path = _job_file(run)
    if not path.is_file():
        return None
    try:
        values = read_json(path, JobShape)
    except RunError as error:
        raise RunError(f"{path} names no notebook that was started; delete it to start anew") from error
    return Job(values["key"], values["notebook"], tuple(values["folds"]), values["is_running"])


def _write_job(run: RunFolder, job: Job) -> None:
    write_json(_job_file(run), asdict(job))


def _job_file(run: RunFolder) -> Path:
    return run.path / "kaggle.json"


def _in_words(quota: GpuQuota) -> str:
    when = "" if quota.refresh is None else f"; the next week begins at {quota.refresh:%Y-%m-%d %H:%M} UTC"
    return f"{quota.used_hours:.1f} of {quota.total_hours:.0f} GPU hours are used{when}"


def _read_manifest(folder: Path, notebook: str) -> tuple[str, Mapping[str, str]]:
    """The key of the job that left this output, and the hash of each of its files."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise RemoteError(f"{notebook} left no manifest.json; look at its log on Kaggle")
    try:
        values = read_json(path, ManifestShape)
    except RunError as error:
        raise RemoteError(
            f"the manifest.json of {notebook} is not one of kaggle-face; look at its log on Kaggle"
        ) from error
    return values["job"], values["files"]


def _check_whole(folder: Path, files: Mapping[str, str], notebook: str) -> None:
    """Checks that every file of the manifest was fetched as it was."""
    for name, digest in files.items():
        file = folder / name
        if (
            Path(name).is_absolute()
            or ".." in Path(name).parts
            or not file.is_file()
            or hash_of_file(file) != digest
        ):
            raise RemoteError(f"{name} of {notebook} did not arrive whole; run the same command again")


def _localize(fold: FoldFolder, loaded: LoadedConfig) -> None:
    """Writes this machine's folders and overrides into a fold, as if it had been trained here."""
    there = fold.read_config()
    here: Config = loaded.config
    data = there.data.model_copy(update={"root": here.data.root})
    train = there.train.model_copy(update={"max_hours": here.train.max_hours})
    local = {"data": data, "train": train, "paths": here.paths, "device": here.device}
    write_text(fold.config_file, dump_config(there.model_copy(update=local)))
    here_now = {"settings": loaded.word, "overrides": list(loaded.overrides), "trained_on": "kaggle"}
    fold.write_info({**fold.read_info(), **here_now})


def _positions(run: RunFolder, folds: Sequence[int]) -> list[str | None]:
    """The state of each fold: finished, the hash of its resume state, or nothing."""
    files = [run.fold(fold).resume_file for fold in folds]
    finished = [run.fold(fold).is_finished for fold in folds]
    states = [hash_of_file(file) if file.is_file() else None for file in files]
    return ["finished" if done else state for done, state in zip(finished, states, strict=True)]
