"""A stand-in for the package `mlflow` that remembers what it was given; `fails_at` names what raises."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

calls: list[tuple[str, Any]] = []
fails_at = ""


class MlflowClient:
    status = "RUNNING"

    def __getattr__(self, name: str) -> Any:
        def call(*values: Any, **options: Any) -> Any:
            calls.append((name, (*values, options)))
            if fails_at == name:
                raise ConnectionError(f"no {name} here")
            if name == "get_experiment_by_name":
                return None
            if name in ("set_terminated", "update_run"):
                MlflowClient.status = values[1] if len(values) > 1 else options["status"]
            return SimpleNamespace(info=SimpleNamespace(run_id="ab12", status=MlflowClient.status))

        return call
