"""Training to a deadline: the measured rate is compared with the time left, and the pace re-fitted to it.

A training that is cut off at a high learning rate is worth little. One that will be late goes through the
rest of its schedule faster instead, so that learning rate, margin and image size still come to their end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from kaggle_face.config import TrainConfig
from kaggle_face.train.optim.image_sizes import image_size_at
from kaggle_face.train.optim.pace import Pace

WORTH_HAVING = 0.6
"""The share of its schedule below which a training is worth less than no training at all beside others."""
_LATE = 1.02
"""A training is shortened when it would take this much longer than there is time."""
_EARLY = 0.9
"""It is lengthened when it would take less than this share of the time."""
_LEAST_MORE = 0.05
"""... and only by this share of its planned steps or more."""
_PART_USED = 0.96
"""Of the time that is there, after a training was lengthened."""
_LAST_TO_LENGTHEN = 0.8
"""The share of the schedule after which nothing is lengthened: there is little left to go through slower."""
LONGEST = 2.0
"""A training has at most so many times its planned epochs."""
_LEAST_REST = 0.02
"""The share of the planned steps in which the rate comes down when no time is left at all."""
_LEAST_STEPS, _SHARE_OF_TIME_LEFT = 6, 0.01
"""Between two looks at the clock so many steps pass, and this share of the time left, ..."""
_LARGEST_SHARE = 0.05
"""... or this share of it with fewer steps."""
_WINDOWS = 6
"""The rate is that of so many last windows between looks: a slow moment is not taken for a slow machine."""
_PARTS = 64
"""In so many parts the rest of a schedule is taken to find its mean image size."""


@dataclass(frozen=True)
class Deadline:
    """The deadline of a training, its records included.

    Attributes:
        at: The moment, in seconds of `now`.
        now: The clock.
        reserve_seconds: What measuring and writing the records take after the last step.
        may_lengthen: Whether a training that is faster than planned gets more epochs.
        later: Later moments, ascending, that cost what else was planned until then. The first of them that
            suffices is taken where less than `WORTH_HAVING` of a training would be left of it.
    """

    at: float
    now: Callable[[], float]
    reserve_seconds: float = 0.0
    may_lengthen: bool = True
    later: tuple[float, ...] = ()

    @property
    def seconds_left(self) -> float:
        """The seconds left for steps; may be negative."""
        return self.at - self.now() - self.reserve_seconds

    def put_off(self) -> Deadline:
        """The next of the later moments as the deadline."""
        return replace(self, at=self.later[0], later=self.later[1:])


class PaceKeeper:
    """Measures the steps of a training and re-fits its pace to the deadline."""

    def __init__(self, deadline: Deadline, train: TrainConfig, full_size: int, steps: int) -> None:
        """Begins to measure after the next step: the first is slower than all others.

        Args:
            deadline: When the training is to be over.
            train: Epochs, image sizes and steps of an update.
            full_size: Pixels of a side at the end.
            steps: Steps of a whole epoch.
        """
        self._deadline, self._train = deadline, train
        self._full_size, self._steps = full_size, steps
        self._marks: deque[tuple[float, float]] = deque(maxlen=1 + _WINDOWS)
        self._cost, self._last_step, self._first_mark = 0.0, 0, 0.0
        self._step_of_mark: int | None = None

    def leave_out(self, seconds: float) -> None:
        """Leaves time that was spent otherwise out of the rate: that of a measurement."""
        self._marks = deque(((moment + seconds, cost) for moment, cost in self._marks), self._marks.maxlen)
        self._first_mark += seconds

    def check(self, pace: Pace, epoch: int, step: int, validation_seconds: float) -> Pace | None:
        """The re-fitted pace where the training will be late or has time to spare; for after a step.

        Args:
            pace: The pace so far.
            epoch: The epoch (from 0).
            step: Its steps that are done.
            validation_seconds: Of each measurement to come; 0 where none was made yet.
        """
        moment, steps_done = epoch + step / self._steps, epoch * self._steps + step
        left = self._deadline.seconds_left - validation_seconds * self._measurements_left(pace, epoch)
        seconds = self._seconds_of_full_step(pace.position(moment - 1.0 / self._steps), steps_done, left)
        steps_left = (pace.length - moment) * self._steps
        if seconds is None or seconds <= 0.0 or steps_left < self._least_rest:
            return None
        position = pace.position(moment)
        seconds *= self._mean_cost(position)
        possible = left / seconds
        planned_rest = (pace.planned - position) * self._steps
        while self._deadline.later and possible < WORTH_HAVING * planned_rest:
            put_off = self._deadline.put_off()
            possible += (put_off.at - self._deadline.at) / seconds
            self._deadline = put_off
        if steps_left > possible * _LATE:
            return self._with_rest(pace, moment, possible)
        if not self._deadline.may_lengthen or position >= _LAST_TO_LENGTHEN * pace.planned:
            return None
        # A fast moment is not taken for a fast machine: nor is a whole training that was slow until now.
        overall = (self._marks[-1][0] - self._first_mark) / max(self._cost, 1e-9) * self._mean_cost(position)
        possible = min(possible, left / max(overall, 1e-9))
        longest = (LONGEST * pace.planned - moment) * self._steps
        rest = min(_PART_USED * possible, longest)
        least = max(_LATE * steps_left, steps_left + _LEAST_MORE * pace.planned * self._steps)
        if steps_left < _EARLY * possible and rest > least:
            return self._with_rest(pace, moment, rest)
        return None

    def _seconds_of_full_step(self, position: float, steps_done: int, left: float) -> float | None:
        """The time of a step at full size, at the rate of the last windows; None until a window is over."""
        now = self._deadline.now()
        if self._step_of_mark is None:
            self._marks.append((now, 0.0))
            self._first_mark = now
            self._step_of_mark = self._last_step = steps_done
            return None
        self._cost += (steps_done - self._last_step) * self._cost_at(position)
        self._last_step = steps_done
        since = now - self._marks[-1][0]
        is_short = steps_done - self._step_of_mark < _LEAST_STEPS or since < _SHARE_OF_TIME_LEFT * left
        if is_short and since < _LARGEST_SHARE * left:
            return None
        self._marks.append((now, self._cost))
        self._step_of_mark = steps_done
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        return (ended - began) / max(after - before, 1e-9)

    @property
    def _least_rest(self) -> float:
        planned = self._train.epochs * self._steps
        return max(float(self._train.accumulate_steps), _LEAST_REST * planned)

    def _with_rest(self, pace: Pace, moment: float, steps: float) -> Pace | None:
        """The pace with another number of remaining steps, but never fewer than bring the rate down."""
        length = moment + max(steps, self._least_rest) / self._steps
        return None if abs(length - pace.length) * self._steps < 1.0 else pace.refitted(moment, length)

    def _cost_at(self, position: float) -> float:
        """The work of a step as a share of one at full size: pixels."""
        size_px = image_size_at(self._train, self._full_size, int(max(position, 0.0)))
        return (size_px / self._full_size) ** 2

    def _mean_cost(self, position: float) -> float:
        """The mean work of the steps from a position to the end of the schedule."""
        rest = max(self._train.epochs - position, 0.0)
        parts = [position + rest * (part + 0.5) / _PARTS for part in range(_PARTS)]
        return sum(map(self._cost_at, parts)) / _PARTS

    def _measurements_left(self, pace: Pace, epoch: int) -> int:
        """The measurements before the last epoch's, which the deadline's reserve covers."""
        every = self._train.measure_every_epochs
        return sum((finished % every) == 0 for finished in range(epoch + 1, pace.num_epochs))
