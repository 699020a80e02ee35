"""The two tasks of a face competition."""

from __future__ import annotations

from typing import Literal

Task = Literal["classification", "verification"]
"""Who of N people an image shows (closed set), or whether two images show one person (open set)."""

Purpose = Literal["accuracy", "verification", "both"]
"""What a run within a time budget is to be good at."""

TASKS: tuple[Task, ...] = ("classification", "verification")
