"""A clock, a trial and a progress for runs within a budget, all of which only pretend that time passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kaggle_face.config import Config
from kaggle_face.pipeline.budget.demand import Demand
from kaggle_face.pipeline.budget.plan import Plan
from kaggle_face.pipeline.budget.trial import NetworkRates
from kaggle_face.progress import Counter
from tests.support.progress import Told


@dataclass
class FakeClock:
    """A clock that moves when it is moved."""

    seconds: float = 1_000_000.0

    def now(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class FakeTrial:
    """Rates by pixels: a training image takes so many seconds a megapixel, whatever the network."""

    seconds_a_megapixel: float = 0.5
    decoding: float = 0.001
    parameters: int = 1_000_000
    clock: FakeClock = field(default_factory=FakeClock)
    tried: list[str] = field(default_factory=list)
    too_large: frozenset[str] = frozenset()

    def decoding_seconds(self, size_px: int) -> float:
        return self.decoding

    def network_rates(self, config: Config, seconds: float) -> NetworkRates | None:
        self.tried.append(config.model.backbone)
        self.clock.move(1.0)
        if config.model.backbone in self.too_large:
            return None
        full = self.seconds_a_megapixel * config.data.image_size**2 / 1e6
        first = config.train.start_image_size or config.data.image_size
        share = (first / config.data.image_size) ** 2
        return NetworkRates(full * share, full, full / 4, self.parameters)

    def as_context(self, *arguments: object) -> FakeTrial:
        """What stands for `real_trial`."""
        return self

    def __enter__(self) -> FakeTrial:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class Ticking(Told):
    """A progress whose counters move a clock by so many seconds a unit."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__()
        self.clock, self.unit_seconds, self.units = clock, seconds, 0

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.units += steps
        self.clock.move(steps * self.unit_seconds)


PINS = Demand(
    num_classes=389,
    all_images=34_000,
    train_images=18_301,
    held_out_images=11_000,
    test_images=13_000,
    trials=12_000,
    num_folds=1,
    side_px=112,
)
"""About what docs/recipes.md measures on."""


def seconds_of(plan: Plan, name: str) -> float:
    """The planned time of a stage; 0 where it is not planned."""
    return sum(stage.seconds for stage in plan.stages if stage.name == name)
