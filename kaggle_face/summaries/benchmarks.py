"""The legend of the benchmarks' tables."""

from __future__ import annotations

from collections.abc import Mapping

BENCHMARK_LEGEND: Mapping[str, str] = {
    "way": "what ran",
    "command": "what was started",
    "metric": "what was computed",
    "size": "of its input",
    "images/s": "median of the turns",
    "seconds": "median of the turns",
    "slowest": "turn",
    "fastest": "turn",
    "of the limit": "share of the rate of the slowest part alone",
    "of the decoder per core": "share of the decoder's own rate",
    "memory MB": "the most that was taken",
    "device MB": "the most of the device's memory",
    "must take at most s": "the aim",
    "part": "of the benchmark",
    "of the notebook way": "share of the rate of a plain notebook",
    "what": "was measured",
    "figure": "its value, in the unit",
    "unit": "of the figure",
    "setting": "that changes it",
    "GPU or part": "a GPU by its data sheet, or a part of the loader on so many cores like those here",
    "precision": "of train.amp=auto",
    "by arithmetic": "images/s, by the peak of its units",
    "by memory": "images/s, by the bandwidth of its memory",
    "at most images/s": "the smaller of both",
    "held by": "what is slower, and parts of the loader that would be",
    "MB/s": "of images as bytes, which a loader has to deliver",
    "memory GB": "that a step needs at least",
    "heavy imports": "libraries that --help must not import",
}
