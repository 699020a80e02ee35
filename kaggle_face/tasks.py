"""The two tasks of a face competition."""

from __future__ import annotations

from typing import Literal

Task = Literal["classification", "verification"]
"""Who of N people an image shows (closed set), or whether two images show one person (open set)."""

TASKS: tuple[Task, ...] = ("classification", "verification")
