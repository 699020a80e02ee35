"""The launcher's process: what it is given, and what becomes of its end. torchrun is a small program here."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from kaggle_face.artifacts.runs import run_folder
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import ConfigError, InputError, RunError, TrainingStoppedError
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.launch import devices
from kaggle_face.pipeline.launch.devices import train_on_devices
from kaggle_face.pipeline.train import TrainResult
from kaggle_face.progress import SilentProgress
from kaggle_face.stopping import StoppedBySignalError, heeding_signals
from tests.support.progress import Told

PROGRAM = """
import json, os, signal, sys, time
folder = os.environ["KAGGLE_FACE_EVENTS"]
def report(rank=0, **event):
    with open(f"{folder}/{rank}.jsonl", "a") as stream:
        stream.write(json.dumps(event) + "\\n")
"""
RESULT = """
report(kind="result", outcomes={"0": "finished"}, seconds=1.5, next_command="")
"""


@pytest.fixture
def loaded() -> LoadedConfig:
    return load_config("demo", ["device=cpu", "train.amp=off"])


def launch(
    program: str,
    loaded: LoadedConfig,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    progress: SilentProgress | None = None,
    options: TrainOptions | None = None,
) -> TrainResult:
    """What comes of a launcher that runs a program."""
    path = folder / "program.py"
    path.write_text(PROGRAM + program, encoding="utf-8")
    monkeypatch.setattr(devices, "LAUNCHER", (str(path),))
    run = run_folder(folder / "runs", "demo", "lr=0.1")
    return train_on_devices(
        loaded, run, [0, 2], options or TrainOptions(), 2, progress or SilentProgress(), timeout_minutes=5
    )


def test_the_processes_get_the_call_and_their_share_of_the_machine(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available_cpus", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("RANK", "0")
    shown = Told()
    program = 'report(kind="log", line=json.dumps([sys.argv[1:], dict(os.environ)]))' + RESULT
    result = launch(program, loaded, tmp_path, monkeypatch, shown, TrainOptions(resume=True))
    words, environment = json.loads(shown.lines[0])
    folder = environment["KAGGLE_FACE_EVENTS"]
    assert words[:8] == [  # by a file: the store of --standalone listens on all interfaces
        *("--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file"),
        *("--rdzv-endpoint", f"{folder}/launcher", "--rdzv-id", Path(folder).name),
    ]
    assert words[8:13] == ["--nproc-per-node", "2", "-m", "--", "kaggle_face"]
    assert words[13:] == [
        *("train", "-c", "demo", "--run", "lr=0.1", "--fold", "0,2", "--resume"),
        *("device=cpu", "train.amp=off", "--timeout", "5"),
    ]
    both = TrainOptions(resume=True, overwrite=True)  # as project.train(overwrite=True) has them
    assert {"--resume", "--overwrite"} & {*devices.training_words(loaded, result.run, [0], both)} == {
        "--overwrite"
    }
    assert environment["OMP_NUM_THREADS"] == "3" and "RANK" not in environment
    assert str(Path(devices.kaggle_face.__file__).parents[1]) in environment["PYTHONPATH"]
    assert (result.outcomes, result.seconds, result.next_command) == ({0: "finished"}, 1.5, "")


def test_an_error_of_a_process_is_raised_as_it_is(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'report(1, kind="error", error="RunError", line="fold 7 does not exist"); sys.exit(1)'
    with pytest.raises(RunError, match=r"^fold 7 does not exist$"):
        launch(program, loaded, tmp_path, monkeypatch)


def test_processes_that_are_killed_without_a_word_are_one_line(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'print("out of\\nmemory", flush=True); os.kill(os.getpid(), signal.SIGKILL)'
    with pytest.raises(TrainingStoppedError) as raised:
        launch(program, loaded, tmp_path, monkeypatch)
    assert str(raised.value) == "the 2 processes ended with code -9: memory; what was saved is kept"


def test_an_end_without_a_result_is_not_taken_for_success(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingStoppedError, match="ended with code 0: without a word"):
        launch("", loaded, tmp_path, monkeypatch)


def test_a_signal_is_passed_on_and_comes_back_with_what_is_kept(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"""
def stop(number, frame):
    report(kind="stopped", number=number, line="fold 0 is saved")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
open({str(tmp_path / "ready")!r}, "w").close()
time.sleep(60)
"""

    def signal_when_ready() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=signal_when_ready, daemon=True).start()
    with heeding_signals(), pytest.raises(StoppedBySignalError) as raised:
        launch(program, loaded, tmp_path, monkeypatch)
    assert (raised.value.number, raised.value.line) == (signal.SIGTERM, "fold 0 is saved")


def test_where_no_signal_can_be_sent_the_end_of_the_processes_is_awaited(tmp_path: Path) -> None:
    class Process:
        returncode, polls = 1, 0

        def poll(self) -> int | None:
            self.polls += 1
            if self.polls == 1:
                raise StoppedBySignalError(signal.SIGINT)
            return self.returncode if self.polls > 3 else None

        def send_signal(self, number: int) -> None:
            raise ValueError(f"Unsupported signal: {number}")  # as on Windows

    process = Process()
    with pytest.raises(StoppedBySignalError):
        devices._follow(process, devices.EventReader(tmp_path, SilentProgress()))  # type: ignore[arg-type]
    assert process.polls > 3


def test_what_cannot_be_launched_is_refused(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_folder(tmp_path, "demo", "main")

    def start(settings: LoadedConfig, count: int) -> None:
        train_on_devices(settings, run, None, TrainOptions(), count, SilentProgress())

    with pytest.raises(InputError, match="devices is a number of processes, at least 1, got 0"):
        start(loaded, 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="devices=3, and this machine has 2 GPUs that torch can use"):
        start(load_config("demo"), 3)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="start it without torchrun"):
        start(loaded, 2)


def test_more_processes_than_cores_are_one_warning_and_more_than_images_are_refused(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available_cpus", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def refuse(*_: object, **__: object) -> None:
        raise InterruptedError("nothing is started in this test")

    monkeypatch.setattr(devices.subprocess, "Popen", refuse)
    run, size = run_folder(tmp_path, "faces", "main"), loaded.config.train.batch_size
    for count, warnings in ((2, 0), (size, int(size > 2))):
        told = Told()
        with pytest.raises(InterruptedError):
            train_on_devices(loaded, run, None, TrainOptions(), count, told)
        assert len(told.lines) == warnings
        assert all(f"devices={count} on 2 usable cores" in line for line in told.lines)
    with pytest.raises(ConfigError, match=rf"^devices={size + 1}, and a batch has {size} images"):
        train_on_devices(loaded, run, None, TrainOptions(), size + 1, SilentProgress())
