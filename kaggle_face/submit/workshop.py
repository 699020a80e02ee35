"""Datasets and notebooks of the account, through the official client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kaggle_face.errors import RemoteError
from kaggle_face.submit.answers import GpuQuota, NotebookState, NotebookStatus
from kaggle_face.submit.client import KaggleClient
from kaggle_face.submit.clock import Clock
from kaggle_face.submit.failures import Failure, explain

_STATES: dict[str, NotebookState] = {
    "QUEUED": "queued",
    "NEW_SCRIPT": "queued",
    "RUNNING": "running",
    "COMPLETE": "complete",
    "ERROR": "error",
    "CANCEL_REQUESTED": "cancelled",
    "CANCEL_ACKNOWLEDGED": "cancelled",
}
_SECONDS_BETWEEN_LOOKS = 10.0
_LONGEST_WAIT_SECONDS = 3600.0
_OUTPUT_OF_RUNS = r"^(?!.*\.\.)(runs/|manifest\.json$)"


class Workshop:
    """What is sent to Kaggle to be run there, and what comes back."""

    def __init__(self, client: KaggleClient, clock: Clock) -> None:
        self._client, self._clock = client, clock

    @property
    def user(self) -> str:
        """The account that owns the datasets and notebooks."""
        return self._client.account.user

    def gpu_quota(self) -> GpuQuota:
        """The GPU hours of this week."""
        answer = self._client.call("ask for the GPU quota", self._client.api.quota_view)
        quota = answer.gpu_quota
        if quota is None:
            return GpuQuota(0.0, 0.0, answer.quota_refresh_time)
        used, total = quota.time_used, quota.total_time_allowed
        return GpuQuota(_hours(used), _hours(total), answer.quota_refresh_time)

    def send_dataset(self, folder: Path, note: str) -> str:
        """Makes a private dataset of a folder with `dataset-metadata.json`, or a new version; its name.

        Raises:
            RemoteError: Kaggle refuses it; nothing is half there, for a version appears whole.
        """
        name = str(json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))["id"])
        doing = f"send the dataset {name}"
        if self._dataset_state(name) is None:
            make = self._dataset_maker(folder)
        else:
            make = self._version_maker(folder, note)
        answer = self._client.call(doing, make)
        if str(answer.status or "").lower() != "ok":
            raise RemoteError(f"cannot {doing}: Kaggle says '{self._client.cleaned(answer.error or '')}'")
        self._wait_until_ready(name)
        return name

    def push_notebook(self, folder: Path, seconds: int | None = None, accelerator: str | None = None) -> str:
        """Sends a notebook with `kernel-metadata.json` and has it run; its address.

        Raises:
            RemoteError: Kaggle refuses it, as it does when the GPU quota is spent.
        """
        name = str(json.loads((folder / "kernel-metadata.json").read_text(encoding="utf-8"))["id"])
        doing = f"start the notebook {name}"
        limit = str(seconds) if seconds is not None else None
        answer = self._client.call(
            doing, lambda: self._client.api.kernels_push(str(folder), limit, accelerator)
        )
        if answer.error:
            raise RemoteError(f"cannot {doing}: Kaggle says '{self._client.cleaned(answer.error)}'")
        refused = [*answer.invalid_dataset_sources, *answer.invalid_competition_sources]
        if refused:
            raise RemoteError(
                f"cannot {doing}: Kaggle does not give it {', '.join(refused)}; accept its rules"
            )
        return str(answer.url)

    def notebook_status(self, name: str) -> NotebookStatus:
        """How far the newest run of a notebook is."""
        answer = self._client.call(
            f"ask for the notebook {name}", lambda: self._client.api.kernels_status(name)
        )
        failure = self._client.cleaned(answer.failure_message or "")
        return NotebookStatus(_STATES[answer.status.name], failure)

    def notebook_log(self, name: str) -> list[str]:
        """The lines that the newest run printed so far; none where they cannot be had yet."""
        answer = self._client.try_once(lambda: self._client.api.kernels_logs(name))
        return [] if isinstance(answer, Failure) else log_lines(answer)

    def fetch_output(self, name: str, folder: Path) -> list[Path]:
        """Downloads `manifest.json` and what lies under `runs/` of the newest run's output."""
        folder.mkdir(parents=True, exist_ok=True)
        files, _ = self._client.call(
            f"fetch the output of {name}",
            lambda: self._client.api.kernels_output(
                name, str(folder), file_pattern=_OUTPUT_OF_RUNS, force=True, quiet=True
            ),
        )
        return [Path(file) for file in files]

    def _dataset_state(self, name: str) -> str | None:
        """The state of a dataset, None where there is none of this name."""
        answer = self._client.try_once(lambda: self._client.api.dataset_status(name))
        if not isinstance(answer, Failure):
            return str(answer)
        if answer.status in (403, 404):
            return None
        raise RemoteError(explain(answer, f"ask for the dataset {name}"))

    def _dataset_maker(self, folder: Path) -> Callable[[], Any]:
        return lambda: self._client.api.dataset_create_new(
            str(folder), public=False, quiet=True, convert_to_csv=False, dir_mode="zip"
        )

    def _version_maker(self, folder: Path, note: str) -> Callable[[], Any]:
        return lambda: self._client.api.dataset_create_version(
            str(folder), note, quiet=True, convert_to_csv=False, dir_mode="zip", delete_old_versions=True
        )

    def _wait_until_ready(self, name: str) -> None:
        waited = 0.0
        while waited < _LONGEST_WAIT_SECONDS:
            state = self._dataset_state(name)
            if state == "ready":
                return
            if state in ("failed", "deleted"):
                raise RemoteError(f"Kaggle could not store the dataset {name} ({state}); send it again")
            self._clock.sleep(_SECONDS_BETWEEN_LOOKS)
            waited += _SECONDS_BETWEEN_LOOKS
        raise RemoteError(f"the dataset {name} is not ready after {waited / 60:.0f} min; try again later")


def log_lines(text: str) -> list[str]:
    """The lines of a log: plain text, or Kaggle's JSON list of pieces.

    >>> log_lines('[{"stream_name": "stdout", "time": 1.5, "data": "epoch 1\\\\n"}]')
    ['epoch 1']
    """
    try:
        pieces = json.loads(text) if text.lstrip().startswith("[") else None
    except ValueError:
        pieces = None
    if isinstance(pieces, list):
        text = "".join(str(piece.get("data", "")) for piece in pieces if isinstance(piece, dict))
    return text.splitlines()


def _hours(duration: Any) -> float:
    return 0.0 if duration is None else float(duration.total_seconds()) / 3600
