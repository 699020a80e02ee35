"""A stand-in for the package `wandb` that remembers what it was given; `fails_at` names what raises."""

from __future__ import annotations

from typing import Any

calls: list[tuple[str, Any]] = []
fails_at = ""


class Settings:
    def __init__(self, **options: Any) -> None:
        self.options = options


class Image:
    def __init__(self, pixels: Any, caption: str = "") -> None:
        self.pixels, self.caption = pixels, caption


class Histogram:
    def __init__(self, np_histogram: Any) -> None:
        self.counts, self.edges = np_histogram


class Run:
    id = "run1"

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}

    def log(self, values: dict[str, Any]) -> None:
        _note("log", values)

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        _note("define_metric", (name, step_metric))

    def finish(self) -> None:
        _note("finish", dict(self.summary))


def setup(settings: Settings) -> None:
    _note("setup", settings)


def init(**options: Any) -> Run:
    _note("init", options)
    return Run()


def _note(what: str, values: Any) -> None:
    calls.append((what, values))
    if fails_at == what:
        raise ConnectionError(f"no {what} here")
