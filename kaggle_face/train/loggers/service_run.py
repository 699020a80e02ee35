"""The run of an outside service that records a fold, so that a resumed training goes on with it."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.json_types import ServiceRun


def read_service_run(path: Path) -> str | None:
    """The id that `write_service_run` kept; None where there is none.

    Raises:
        RunError: The file is damaged.
    """
    return str(read_json(path, ServiceRun)["id"]) if path.is_file() else None


def write_service_run(path: Path, run_id: str) -> None:
    """Keeps the id of a run."""
    write_json(path, {"id": run_id})
