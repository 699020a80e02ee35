"""Time of a command's `--help`, and the modules that it imports."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from kaggle_face.bench.report import Cell, Report, median
from kaggle_face.bench.throughput import Plan
from kaggle_face.progress import Progress

COLUMNS = ("command", "seconds", "fastest", "slowest", "heavy imports")

MOST_SECONDS = 0.3
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "albumentations",
    "cv2",
    "pandas",
    "sklearn",
    "kaggle",
    "numpy",
    "pydantic",
)

_PROBE = """
import sys
from kaggle_face.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("MODULES", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def bench_start(commands: Sequence[str], plan: Plan, about: Mapping[str, Cell], progress: Progress) -> Report:
    """Runs the `--help` of each command in a process of its own; the empty command is the overview."""
    rows: list[tuple[Cell, ...]] = []
    with progress.track("starting", len(commands), "commands") as counter:
        for command in commands:
            words = [command, "--help"] if command else ["--help"]
            seconds = [_seconds(words) for _ in range(plan.rounds)]
            name = command or "(overview)"
            probe = [sys.executable, "-c", _PROBE, *words]
            done = subprocess.run(probe, capture_output=True, encoding="utf-8", check=True)
            loaded = set(done.stdout.rsplit("MODULES", 1)[1].split())
            heavy = " ".join(library for library in HEAVY if library in loaded)
            rows.append((name, median(seconds), min(seconds), max(seconds), heavy))
            counter.advance(1, name)
    return Report("start", about, COLUMNS, tuple(rows), explain(rows))


def explain(rows: Sequence[tuple[Cell, ...]]) -> str:
    """One sentence: whether every command answers in time without a heavy library."""
    late = [
        f"{row[0]} ({row[1]:.2f} s)" for row in rows if isinstance(row[1], float) and row[1] > MOST_SECONDS
    ]
    heavy = [f"{row[0]} ({row[4]})" for row in rows if row[4]]
    if heavy:
        return f"these commands import heavy libraries to answer --help: {', '.join(heavy)}"
    if late:
        return f"slower than {MOST_SECONDS} s on this machine now: {', '.join(late)}"
    return f"every command answers --help within {MOST_SECONDS} s and imports no heavy library"


def _seconds(words: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "kaggle_face", *words], capture_output=True, check=True)
    return time.perf_counter() - began
