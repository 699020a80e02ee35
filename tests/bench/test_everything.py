"""All benchmarks in one table."""

from __future__ import annotations

from kaggle_face.bench.everything import NOT_MEASURED, Part, bench_all
from kaggle_face.bench.report import Report
from kaggle_face.progress import SilentProgress

RATES = Report(
    "train",
    {},
    ("way", "images/s", "of the limit"),
    (("limit", 200.0, 1.0), ("end to end", 190.0, 0.95), ("notebook way", 100.0, 0.5)),
    "the network is the bottleneck",
)
SECONDS = Report("metrics", {}, ("metric", "size", "seconds"), (("EER", "10 scores", 0.25),), "in time")


class Clock:
    """Moves on by a number of minutes at each part."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def part(self, name: str, report: Report, minutes: float) -> Part:
        def measure() -> Report:
            self.now += 60.0 * minutes
            return report

        return Part(name, measure)


def test_rates_and_seconds_stand_in_one_table() -> None:
    clock = Clock()
    parts = [clock.part("train, 32 px", RATES, 3.0), clock.part("metrics", SECONDS, 1.0)]
    report, behind = bench_all(parts, {"cores": 2}, SilentProgress(), "notebook way", clock=clock)
    assert report.rows == (
        ("train, 32 px", "limit", 200.0, "images/s", 1.0, 2.0),
        ("train, 32 px", "end to end", 190.0, "images/s", 0.95, 1.9),
        ("train, 32 px", "notebook way", 100.0, "images/s", 0.5, 1.0),
        ("metrics", "EER", 0.25, "s", None, None),
    )
    assert behind == [RATES, SECONDS]
    assert report.sentence == "the network is the bottleneck. in time. Measured in 4.0 minutes"


def test_what_the_time_does_not_suffice_for_is_named() -> None:
    clock = Clock()
    parts = [clock.part("train, 32 px", RATES, 8.0), clock.part("metrics", SECONDS, 1.0)]
    report, behind = bench_all(parts, {}, SilentProgress(), "notebook way", clock=clock)
    assert report.rows[-1] == ("metrics", NOT_MEASURED, None, "", None, None)
    assert behind == [RATES] and report.sentence.endswith("no time was left for metrics")
