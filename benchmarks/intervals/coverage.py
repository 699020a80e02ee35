"""Coverage of verification intervals on generated scores, beside that of the old bootstrap.

The old intervals were percentiles of resampled people, a pair of two people counting as often as both were
drawn, multiplied. They are measured in fewer simulations, since each takes hundreds of resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from benchmarks.intervals.pair_populations import PairList, PairOfModels, Population
from kaggle_face.bench.report import Cell, Report
from kaggle_face.errors import InputError
from kaggle_face.metrics.intervals.bootstrap import Resampling, draw_people
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.intervals.verification import difference_between, interval_of
from kaggle_face.metrics.table import higher_is_better
from kaggle_face.metrics.trials import VERIFICATION_METRICS, SortedTrials, VerificationMetric
from kaggle_face.progress import Progress
from kaggle_face.records import FloatArray, IntArray

COLUMNS = (
    "people",
    "genuine pairs",
    "effect",
    "metric",
    "simulations",
    "coverage",
    "width",
    "null rejected",
    "gain found",
    "old: simulations",
    "old: coverage",
    "old: width",
    "old: null rejected",
    "old: gain found",
)

GAIN = 0.15
"""By how much the better system separates genuine from impostor pairs more, in units of the noise."""

_OLD = Resampling(num_resamples=100)
_OLD_SHARE = 5
"""The old intervals are measured in one of so many simulations."""
_LONGEST_OLD = 5_000
"""Longer lists are simulated without the old intervals."""


Ends = tuple[float, float]
"""Low and high end of an interval."""


@dataclass(frozen=True)
class Setting:
    """One list of pairs and one strength of person effects."""

    pairs: PairList
    population: Population


QUICK_SETTINGS = tuple(Setting(PairList(30, each), Population(0.5)) for each in (1, 5, None))

_LISTS = (
    *(PairList(num_people, each) for num_people in (30, 100, 300) for each in (1, 5, None)),
    # few people with many pairs each, where thresholds of low FPR are hardest to know
    PairList(30, 15),
    PairList(30, None, images_each=4),
)
SETTINGS = tuple(Setting(*each) for each in product(_LISTS, (Population(0.1), Population(0.5))))


@dataclass
class Tally:
    """Coverage counts over simulations: of the interval, and of the intervals of the two differences."""

    covered: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    null_rejected: list[bool] = field(default_factory=list)
    gain_found: list[bool] = field(default_factory=list)

    def add(self, truth: float, interval: Ends, null: Ends, gain: Ends) -> None:
        """Counts one simulation; `gain` is the better system less the other, positive = better."""
        self.covered.append(interval[0] <= truth <= interval[1])
        self.widths.append(interval[1] - interval[0])
        self.null_rejected.append(not null[0] <= 0 <= null[1])
        self.gain_found.append(gain[0] > 0)

    def cells(self) -> tuple[Cell, ...]:
        """Simulations, coverage, mean width, and how often a difference was found without and with a gain."""
        if not self.covered:
            return (0, None, None, None, None)
        means = (self.covered, self.widths, self.null_rejected, self.gain_found)
        return (len(self.covered), *(float(np.mean(each)) for each in means))


def bench_intervals(
    simulations: int,
    about: Mapping[str, Cell],
    progress: Progress,
    settings: Sequence[Setting] = SETTINGS,
    with_old: bool = True,
) -> Report:
    """Coverage, width, false alarms and power of the intervals in each setting.

    `with_old` measures the old intervals too, which takes most of the time. A setting draws the same scores
    whatever else is measured.

    Raises:
        InputError: Fewer than two simulations.
    """
    if simulations < 2:
        raise InputError(f"--simulations must be at least 2, got {simulations}")
    rows: list[tuple[Cell, ...]] = []
    with progress.track("simulating", len(settings), "settings") as counter:
        for setting in settings:
            rows += _rows(setting, simulations, with_old)
            counter.advance()
    return Report("intervals", about, COLUMNS, tuple(rows), explain(rows))


def explain(rows: Sequence[tuple[Cell, ...]]) -> str:
    """One sentence: the range of the coverage of new and old intervals."""
    new, old = ([cell for row in rows if isinstance(cell := row[place], float)] for place in (5, 10))
    if not new:
        return "no list has impostor pairs enough"
    words = f"coverage lies between {min(new):.3f} and {max(new):.3f}, and should be 0.95"
    return f"{words}; of the old intervals between {min(old):.3f} and {max(old):.3f}" if old else words


def _rows(setting: Setting, simulations: int, with_old: bool) -> Iterator[tuple[Cell, ...]]:
    listed, effect = setting.pairs, setting.population.effect
    draw = np.random.default_rng([listed.num_people, listed.num_pairs, round(1000 * effect)])
    new, old = ({metric: Tally() for metric in VERIFICATION_METRICS} for _ in range(2))
    for number in range(simulations):
        simulation = _Simulation.draw(setting, draw)
        simulation.count_new(new)
        if with_old and number % _OLD_SHARE == 0 and listed.num_pairs <= _LONGEST_OLD:
            simulation.count_old(old, number)
    for metric in VERIFICATION_METRICS:
        if new[metric].covered:
            of_setting = (listed.num_people, str(listed), effect, metric)
            yield (*of_setting, *new[metric].cells(), *old[metric].cells())


@dataclass(frozen=True, eq=False)
class _Simulation:
    """Scores of a system, of one that is as good, and of one that is better than that by `GAIN`."""

    population: Population
    people: IntArray
    first: ScoredPairs
    second: ScoredPairs
    better: ScoredPairs

    @classmethod
    def draw(cls, setting: Setting, draw: np.random.Generator) -> _Simulation:
        people = setting.pairs.draw(draw)
        is_same = people[:, 0] == people[:, 1]
        pairs = PairsOfPeople.of(people, is_same)
        first, second = PairOfModels(setting.population).scores(people, draw)
        models = (ScoredPairs.of(scores, pairs) for scores in (first, second, second + GAIN * is_same))
        return cls(setting.population, people, *models)

    @property
    def metrics(self) -> list[VerificationMetric]:
        """Those that have an interval."""
        return [name for name in VERIFICATION_METRICS if self.first.has_interval(name)]

    def count_new(self, tallies: Mapping[VerificationMetric, Tally]) -> None:
        for metric in self.metrics:
            interval = interval_of(self.first, metric)
            null, gain = (
                difference_between(system, self.first, metric) for system in (self.second, self.better)
            )
            gain_ends = _as_gain(metric, (gain.low, gain.high))
            truth, ends = self.population.truth(metric), (interval.low, interval.high)
            tallies[metric].add(truth, ends, (null.low, null.high), gain_ends)

    def count_old(self, tallies: Mapping[VerificationMetric, Tally], seed: int) -> None:
        resampling = Resampling(_OLD.num_resamples, seed=seed)
        first, second, better = (
            resampled_metrics(system.scores, self.people, self.metrics, resampling)
            for system in (self.first, self.second, self.better)
        )
        for column, metric in enumerate(self.metrics):
            interval, null, gain = (
                _percentiles(values[:, column]) for values in (first, second - first, better - first)
            )
            tallies[metric].add(self.population.truth(metric), interval, null, _as_gain(metric, gain))


def _as_gain(metric: VerificationMetric, difference: Ends) -> Ends:
    return (-difference[1], -difference[0]) if not higher_is_better(metric) else difference


def resampled_metrics(
    scores: FloatArray, people: IntArray, metrics: Sequence[VerificationMetric], resampling: Resampling
) -> FloatArray:
    """The metrics (R, metrics) of resamples in which a pair comes m(p) m(q) times, one of one person m(p)."""
    is_same = people[:, 0] == people[:, 1]
    order = np.argsort(scores)
    genuine, impostor = people[order][is_same[order]], people[order][~is_same[order]]
    trials = SortedTrials.of(scores[is_same], scores[~is_same])
    places = trials.genuine_places()
    rows = []
    for drawn in draw_people(int(people.max()) + 1, resampling):
        weights = drawn[impostor[:, 0]] * drawn[impostor[:, 1]]
        if weights.any():
            resampled = trials.reweighted(drawn[genuine[:, 0]], weights)
            rows.append([resampled.metric(metric, places) for metric in metrics])
    return np.array(rows)


def _percentiles(values: FloatArray) -> Ends:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
