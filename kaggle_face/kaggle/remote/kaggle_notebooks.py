"""Datasets and notebooks of the account, through the official client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from kaggle_face.errors import RemoteError
from kaggle_face.kaggle.client.answers import GpuQuota, NotebookStatus
from kaggle_face.kaggle.client.client import KaggleClient, error_of
from kaggle_face.kaggle.client.clock import Clock
from kaggle_face.kaggle.client.failures import Failure, explain
from kaggle_face.kaggle.client.fields import items_of, required_text, text_of
from kaggle_face.kaggle.client.parsing import notebook_from, quota_from, text_from

T = TypeVar("T")

_SECONDS_BETWEEN_LOOKS = 10.0
_LONGEST_WAIT_SECONDS = 3600.0
_MOST_OUTPUT_PAGES = 500
_OUTPUT_OF_RUNS = r"(?s)\A(?!.*\.\.)(runs/|manifest\.json\Z)"


class KaggleNotebooks:
    """Datasets and notebooks that are sent to Kaggle to be run there, and their output."""

    def __init__(self, client: KaggleClient, clock: Clock) -> None:
        self._client, self._clock = client, clock

    @property
    def user(self) -> str:
        """The account that owns the datasets and notebooks."""
        return self._client.account.user

    def gpu_quota(self) -> GpuQuota:
        """The GPU hours of this week."""
        request = lambda: quota_from(self._client.api.quota_view())  # noqa: E731
        return self._client.call("read the GPU quota", request)

    def send_dataset(self, folder: Path, note: str) -> str:
        """Makes a private dataset of a folder with `dataset-metadata.json`, or a new version; its name.

        Raises:
            RemoteError: Kaggle refuses it; nothing is half there, for a version appears whole.
        """
        name = str(json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))["id"])
        doing = f"send the dataset {name}"
        is_new = self._dataset_state(name) is None
        shared = {"quiet": True, "convert_to_csv": False, "dir_mode": "zip"}
        api = self._client.api

        def send() -> tuple[str, str]:
            if is_new:
                answer = api.dataset_create_new(str(folder), public=False, **shared)
            else:
                answer = api.dataset_create_version(str(folder), note, delete_old_versions=True, **shared)
            return text_of(answer, "status"), text_of(answer, "error")

        status, words = self._client.call(doing, send)
        if status.lower() != "ok":
            raise RemoteError(f"cannot {doing}: Kaggle says '{self._client.cleaned(words)}'")
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

        def push() -> tuple[str, list[str], str]:
            answer = self._client.api.kernels_push(str(folder), limit, accelerator)
            names = ("invalid_dataset_sources", "invalid_competition_sources")
            refused = [text_from(text) for name in names for text in items_of(answer, name, text_from)]
            error = text_of(answer, "error")
            address = text_of(answer, "url") if error or refused else required_text(answer, "url")
            return error, refused, address

        lists = ("invalidDatasetSources", "invalidCompetitionSources")
        error, refused, address = self._client.call(doing, push, lists=lists)
        if error:
            raise RemoteError(f"cannot {doing}: Kaggle says '{self._client.cleaned(error)}'")
        if refused:
            sources = self._client.cleaned(", ".join(refused))
            raise RemoteError(f"cannot {doing}: Kaggle does not give it {sources}; accept its rules")
        return address

    def find_notebook(self, name: str) -> NotebookStatus | None:
        """The state of the newest run of a notebook, None where there is no notebook of this name."""
        request = lambda: notebook_from(self._client.api.kernels_status(name))  # noqa: E731
        status = self._unless_missing(f"read the state of the notebook {name}", request)
        return None if status is None else replace(status, failure=self._client.cleaned(status.failure))

    def notebook_status(self, name: str) -> NotebookStatus:
        """The state of the newest run of a notebook.

        Raises:
            RemoteError: There is none, or its state cannot be had.
        """
        status = self.find_notebook(name)
        if status is None:
            raise RemoteError(
                f"Kaggle shows the account {self.user} no notebook {name}; see the account: kaggle-face auth"
            )
        return status

    def notebook_log(self, name: str) -> list[str]:
        """The lines that the newest run printed so far; none where they cannot be had yet."""
        answer = self._client.try_once(lambda: text_from(self._client.api.kernels_logs(name)))
        return [] if isinstance(answer, Failure) else log_lines(answer)

    def fetch_output(self, name: str, folder: Path) -> list[Path]:
        """Downloads `manifest.json` and what lies under `runs/` of the newest run's output."""
        folder.mkdir(parents=True, exist_ok=True)
        files: list[Path] = []
        token = ""
        for _ in range(_MOST_OUTPUT_PAGES):
            request = partial(self._request_output, name, folder, token)
            page, token = self._client.call(f"fetch the output of {name}", request, lists=("files",))
            files += page
            if not token:
                return files
        raise RemoteError(f"cannot fetch the output of {name}: Kaggle lists more than {len(files)} files")

    def _request_output(self, name: str, folder: Path, token: str) -> tuple[list[Path], str]:
        """One page of the output; an empty token is that of the first one."""
        files, following = self._client.api.kernels_output(
            name, str(folder), file_pattern=_OUTPUT_OF_RUNS, force=True, quiet=True, page_token=token
        )
        return [Path(file) for file in files], text_from(following or "")

    def _dataset_state(self, name: str) -> str | None:
        """The state of a dataset, None where there is none of this name."""
        doing = f"read the state of the dataset {name}"
        return self._unless_missing(doing, lambda: text_from(self._client.api.dataset_status(name)))

    def _unless_missing(self, doing: str, request: Callable[[], T]) -> T | None:
        """The answer about something of this account; None where Kaggle refuses, as if it is not there."""
        answer = self._client.answer_or_failure(doing, request)
        if not isinstance(answer, Failure):
            return answer
        if answer.status in (403, 404):
            return None
        raise error_of(answer)(explain(answer, doing))

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
    except (ValueError, RecursionError):
        pieces = None
    if isinstance(pieces, list):
        parts = [piece.get("data") for piece in pieces if isinstance(piece, dict)]
        text = "".join(part for part in parts if isinstance(part, str))
    return text.splitlines()
