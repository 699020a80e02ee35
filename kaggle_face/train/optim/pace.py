"""The pace of a training: where in its schedule each moment stands, also after its length was changed.

Everything that grows or falls over a training (learning rate, margin, image size) is a function of a position
in the schedule that was planned. Normally position and epochs trained are the same number. A training that
has to end earlier, or may end later, goes through the rest of its schedule faster or slower from there on: no
value jumps, and each comes to its planned end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NEARLY = 1e-9


@dataclass(frozen=True)
class Pace:
    """A line through points (epochs trained, position), both growing, from (0, 0) to (length, `planned`)."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        pairs = list(zip(self.points, self.points[1:], strict=False))
        if len(self.points) < 2 or self.points[0] != (0.0, 0.0):
            raise ValueError(f"a pace begins at (0, 0) and has an end, got {self.points}")
        if not all(x < later_x and y <= later_y for (x, y), (later_x, later_y) in pairs):
            raise ValueError(f"a pace grows, got {self.points}")

    @classmethod
    def of(cls, points: Sequence[Sequence[float]], epochs: int) -> Pace:
        """The pace that a state keeps; without points the planned one, of `epochs`.

        Raises:
            ValueError: The points do not make a pace.
        """
        if not points:
            return cls(((0.0, 0.0), (float(epochs), float(epochs))))
        return cls(tuple((float(x), float(y)) for x, y in points))

    @property
    def length(self) -> float:
        """Epochs that the training has, with their fraction."""
        return self.points[-1][0]

    @property
    def planned(self) -> float:
        """The position at the end: the epochs of the schedule."""
        return self.points[-1][1]

    @property
    def num_epochs(self) -> int:
        """Epochs that the training begins; the last one may be a part of one."""
        return math.ceil(self.length - _NEARLY)

    def position(self, moment: float) -> float:
        """The position in the schedule after a number of epochs.

        >>> pace = Pace.of([], 10).refitted(4.0, 7.0)
        >>> [pace.position(moment) for moment in (2.0, 4.0, 5.5, 7.0)]
        [2.0, 4.0, 7.0, 10.0]
        """
        for (x, y), (later_x, later_y) in zip(self.points, self.points[1:], strict=False):
            if moment <= later_x:
                return y + (moment - x) * ((later_y - y) / (later_x - x))
        return self.planned

    def steps_of_epoch(self, epoch: int, steps: int, accumulate: int = 1) -> int:
        """The steps that an epoch has, of `steps` whole ones; whole updates of `accumulate` steps.

        >>> pace = Pace.of([], 10).refitted(4.0, 6.5)
        >>> [pace.steps_of_epoch(epoch, steps=100) for epoch in (0, 5, 6)]
        [100, 100, 50]
        """
        left = self.length - epoch
        if left >= 1.0 - _NEARLY:
            return steps
        updates = max(1, math.ceil(left * steps / accumulate - _NEARLY))
        return min(steps, updates * accumulate)

    def is_last(self, epoch: int) -> bool:
        """Whether the training ends with this epoch (from 0)."""
        return epoch + 1 >= self.num_epochs

    def refitted(self, moment: float, length: float) -> Pace:
        """The pace unchanged up to `moment`, and the rest of the schedule fitted into `length` epochs."""
        here = (moment, self.position(moment))
        kept = tuple(point for point in self.points[:-1] if point[0] < moment)
        points = (
            (*kept, here, (length, self.planned)) if moment > 0.0 else ((0.0, 0.0), (length, self.planned))
        )
        return Pace(points)
