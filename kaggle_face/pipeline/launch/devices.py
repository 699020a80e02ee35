"""A training by several processes of this machine, started by PyTorch's own launcher (torchrun).

The launcher runs in a process of its own and starts `kaggle-face train`, so that nothing has to be pickled:
it works from a notebook's cell, whose functions cannot be handed to other processes. Progress and errors come
back as events. Launcher and processes find each other by files and talk over the loopback interface, so that
no port is open to other machines; NCCL chooses the interface of its first messages itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import kaggle_face
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import ConfigError, InputError, TrainingStoppedError, counted
from kaggle_face.hardware import available_cpus
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions, existing_folds
from kaggle_face.pipeline.launch.events import EVENTS, EventReader
from kaggle_face.pipeline.train import TrainResult
from kaggle_face.progress import Progress
from kaggle_face.stopping import StoppedBySignalError
from kaggle_face.train.distributed import STORE_FILE

LAUNCHER = ("-m", "torch.distributed.run")
_SECONDS_BETWEEN_POLLS = 0.1
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}
_PER_PROCESS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID")


def train_on_devices(
    loaded: LoadedConfig,
    run: RunFolder,
    folds: Sequence[int] | None,
    options: TrainOptions,
    devices: int,
    progress: Progress,
    timeout_minutes: float | None = None,
) -> TrainResult:
    """Trains folds by several processes, one for each GPU, or on the CPU; errors are those of `train_folds`.

    Args:
        loaded: The settings.
        run: Where the folds go.
        folds: Their numbers; None: all that are not finished.
        options: How they are trained.
        devices: Processes, at least 2.
        progress: Gets what rank 0 reports.
        timeout_minutes: How long a process is waited for; None: as `kaggle-face train` does.

    Raises:
        InputError: It was started by torchrun already, or the number is too small.
        ConfigError: The machine has fewer GPUs, or a batch fewer images, than there are processes.
        TrainingStoppedError: A process was killed; what was saved is kept.
    """
    _require_devices(loaded, devices, progress)
    waits = [] if timeout_minutes is None else ["--timeout", f"{timeout_minutes:g}"]
    words = [*training_words(loaded, run, folds, options), *waits]
    with tempfile.TemporaryDirectory(prefix="kaggle-face-launch-") as name:
        folder = Path(name)
        reader = EventReader(folder, progress)
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                _command_of_launcher(folder, devices, words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(os.environ, folder, devices),
                start_new_session=True,  # this process alone gets the terminal's signals, and passes them on
            )
            code = _follow(process, reader)
        if reader.failure is not None:
            raise reader.failure
        if code != 0 or reader.result is None:
            raise TrainingStoppedError(
                f"the {devices} processes ended with code {code}: {_last_line(folder / 'output.txt')}; "
                "what was saved is kept"
            )
    outcomes = {int(fold): outcome for fold, outcome in reader.result["outcomes"].items()}
    return TrainResult(run, outcomes, reader.result["seconds"], reader.result["next_command"])


def training_words(
    loaded: LoadedConfig, run: RunFolder, folds: Sequence[int] | None, options: TrainOptions
) -> list[str]:
    """The words of `kaggle-face` for a training."""
    flags = {
        "--resume": options.resume and not options.overwrite,
        "--overwrite": options.overwrite,
        "--ignore-rules": options.ignore_rules,
    }
    numbers = "all" if folds is None else ",".join(map(str, existing_folds(loaded.config, folds)))
    named = ["-c", loaded.word, "--run", run.path.name, "--fold", numbers]
    return ["train", *named, *(flag for flag, is_set in flags.items() if is_set), *loaded.overrides]


def _require_devices(loaded: LoadedConfig, devices: int, progress: Progress) -> None:
    import torch

    if devices < 2:
        raise InputError(f"devices is a number of processes, at least 1, got {devices}")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise InputError(f"devices={devices} starts processes by itself; start it without torchrun")
    if loaded.config.device in ("auto", "cuda") and torch.cuda.is_available():
        count = torch.cuda.device_count()
        if devices > count:
            raise ConfigError(
                f"devices={devices}, and this machine has {counted(count, 'GPU')} that torch can use"
            )
        return
    size = loaded.config.train.batch_size
    if devices > size:
        raise ConfigError(
            f"devices={devices}, and a batch has {counted(size, 'image')}; "
            "take fewer, or raise train.batch_size"
        )
    if devices > (cores := available_cpus()):
        progress.warn(
            f"devices={devices} on {counted(cores, 'usable core')}: more processes than cores take memory "
            "and make nothing faster"
        )


def _command_of_launcher(folder: Path, devices: int, words: Sequence[str]) -> list[str]:
    """The launcher with these processes on one machine; that of `--standalone` listens on all interfaces."""
    place = ["--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file"]
    place += ["--rdzv-endpoint", str(folder / "launcher"), "--rdzv-id", folder.name]
    processes = ["--nproc-per-node", str(devices)]
    return [sys.executable, *LAUNCHER, *place, *processes, "-m", "--", "kaggle_face", *words]


def _environment(given: Mapping[str, str], folder: Path, devices: int) -> dict[str, str]:
    """The environment of the processes: this package, no rank, shared cores, no port to other machines."""
    kept = {name: value for name, value in given.items() if name not in _PER_PROCESS}
    package = str(Path(kaggle_face.__file__).parents[1])
    paths = [package, *filter(None, [given.get("PYTHONPATH")])]
    threads = given.get("OMP_NUM_THREADS", str(max(1, available_cpus() // devices)))
    loopback = {"GLOO_SOCKET_IFNAME": _LOOPBACK[sys.platform]} if sys.platform in _LOOPBACK else {}
    return {
        **loopback,
        **kept,
        EVENTS: str(folder),
        STORE_FILE: str(folder / "store"),
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # else the launcher opens one that no process takes
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": threads,
    }


def _follow(process: subprocess.Popen[bytes], reader: EventReader) -> int:
    """Shows events until the launcher has ended, and returns its exit code. A signal is passed on."""
    try:
        return _poll_to_end(process, reader)
    except KeyboardInterrupt as error:
        stop = error if isinstance(error, StoppedBySignalError) else StoppedBySignalError()
        with suppress(ProcessLookupError, ValueError):  # on Windows all had the Ctrl-C
            process.send_signal(stop.number)
        _poll_to_end(process, reader)
        raise (reader.failure if isinstance(reader.failure, StoppedBySignalError) else stop) from None
    finally:
        reader.close()
        if process.poll() is None:  # a bug of this process
            process.terminate()


def _poll_to_end(process: subprocess.Popen[bytes], reader: EventReader) -> int:
    while process.poll() is None:
        reader.poll()
        time.sleep(_SECONDS_BETWEEN_POLLS)
    reader.poll()
    return process.returncode


def _last_line(path: Path) -> str:
    """The last line that the processes printed, which is all that a killed one leaves."""
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "without a word"
