"""Results of one-shot evaluations, as records, JSON and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.plain_values import plain_values
from kaggle_face.errors import InputError
from kaggle_face.metrics.episodes import EpisodeAccuracy
from kaggle_face.metrics.inputs import require_count
from kaggle_face.metrics.intervals.bootstrap import Interval
from kaggle_face.recognition.compared_models import EmbeddedSet, FaceSet

_LEGEND: Mapping[str, str] = {
    "model": "run, fold and checkpoint",
    "people": "of a gallery",
    "rank-1 %": "probes whose best match is right",
    "rank-5 %": "probes with the right person among the best five",
    "DIR@FPIR 1 %": "probes named right where 1 % of unknown people get a name, mean ± deviation over draws",
    "probes": "of a draw",
    "unknown": "probes of people who are not enrolled",
    "images": "enrolled of each person",
    "their mean (used)": "a person is the mean of the embeddings",
    "the best of them": "a person is the embedding nearest to the probe",
    "episode": "people to choose from",
    "accuracy": "episodes with the right answer",
}


@dataclass(frozen=True)
class SizeResult:
    """One model at one gallery size: intervals over people, DIR at 1 % FPIR with its spread over draws."""

    model: str
    size: int
    draws: int
    probes: int
    unknown: int
    rank1: Interval
    rank5: Interval
    dir_mean: float
    dir_spread: float


@dataclass(frozen=True)
class ShotResult:
    """One model with a number of enrolled images a person: rank-1 by their mean, and by the best of them."""

    model: str
    shots: int
    people: int
    by_mean: Interval
    by_best: Interval


@dataclass(frozen=True)
class EpisodeResult:
    """One model in K-way one-shot episodes."""

    model: str
    ways: int
    accuracy: EpisodeAccuracy


@dataclass(frozen=True)
class Comparison:
    """The difference in rank-1 of two models at a size: interval over people, chance of another sign."""

    first: str
    second: str
    size: int
    value: float
    low: float
    high: float
    other_sign: float

    def __str__(self) -> str:
        gain = f"{100 * self.value:+.2f} points [{100 * self.low:+.2f}, {100 * self.high:+.2f}]"
        return f"{self.first} less {self.second} at {self.size} people: rank-1 {gain}"


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes:
        sizes: People of a gallery; None: all who have two pictures.
        shots: Pictures enrolled of each person.
        ways: People of an episode.
        draws: Galleries of a size.
        seed: Of the draws.
        keep: A folder that keeps the embeddings for the next time.

    Raises:
        InputError: A number is below its least, or no shots are named.
    """

    sizes: tuple[int, ...] | None = None
    shots: tuple[int, ...] = (1, 2, 5)
    ways: tuple[int, ...] = (5, 20)
    draws: int = 10
    seed: int = 0
    keep: Path | None = None

    def __post_init__(self) -> None:
        if not self.shots:
            raise InputError("shots must be one number or more, such as 1,2,5; got none")
        for name, numbers, least in (
            ("sizes", self.sizes or (), 1),
            ("shots", self.shots, 1),
            ("ways", self.ways, 2),
            ("draws", (self.draws,), 1),
            ("seed", (self.seed,), 0),
        ):
            for number in numbers:
                require_count(number, name, least)


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """The one-shot accuracy of each model on a face set."""

    faces: FaceSet
    models: tuple[EmbeddedSet, ...]
    sizes: list[SizeResult]
    comparisons: list[Comparison]
    shots: list[ShotResult]
    episodes: list[EpisodeResult]

    def as_json(self) -> dict[str, Any]:
        """All figures in plain values; a number that was not measured is None."""
        models = [
            {"name": one.model.name, "fingerprint": one.model.fingerprint, "ms_per_face": one.milliseconds}
            for one in self.models
        ]
        parts = {name: getattr(self, name) for name in ("sizes", "comparisons", "shots", "episodes")}
        values: dict[str, Any] = plain_values({"models": models, **parts})
        return values

    def tables(self) -> list[EvaluationTable]:
        """Galleries with one image enrolled, more images enrolled, and episodes."""
        sizes = [
            (
                one.model,
                f"{one.size}",
                _percent(one.rank1),
                _percent(one.rank5),
                f"{100 * one.dir_mean:.2f} ± {100 * one.dir_spread:.2f}",
                f"{one.probes // one.draws}",
                f"{one.unknown}",
            )
            for one in self.sizes
        ]
        title = f"One image enrolled, mean of {self.sizes[0].draws} draws, [95 % interval over people]"
        header: tuple[str, ...] = (
            "model",
            "people",
            "rank-1 %",
            "rank-5 %",
            "DIR@FPIR 1 %",
            "probes",
            "unknown",
        )
        tables = [EvaluationTable(title, header, sizes, tuple(map(str, self.comparisons)), _LEGEND)]
        if self.shots:
            people = self.shots[0].people
            title = f"Images enrolled of each of {people} people, the same probes: rank-1 %"
            header = ("model", "images", "their mean (used)", "the best of them")
            shots = [
                (one.model, f"{one.shots}", _percent(one.by_mean), _percent(one.by_best))
                for one in self.shots
            ]
            tables.append(EvaluationTable(title, header, shots, legend=_LEGEND))
        title = "One-shot episodes: accuracy % [95 % interval over episodes]"
        episodes = [(one.model, f"{one.ways}-way", _percent(one.accuracy)) for one in self.episodes]
        header = ("model", "episode", "accuracy")
        return [*tables, EvaluationTable(title, header, episodes, legend=_LEGEND)]


@dataclass(frozen=True)
class EvaluationTable:
    """A title, the columns' names, rows of text, lines to stand below, and what columns mean."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: tuple[str, ...] = ()
    legend: Mapping[str, str] = field(default_factory=dict)


def _percent(found: Interval | EpisodeAccuracy) -> str:
    return f"{100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]"
