"""The pace of a training: nothing jumps when it is re-fitted, and everything comes to its planned end."""

from __future__ import annotations

import pytest

from kaggle_face.config import ScheduleConfig
from kaggle_face.train.optim.pace import Pace
from kaggle_face.train.optim.schedule import learning_rate

PLANNED = Pace.of([], 16)


def test_a_planned_pace_changes_no_bit_of_a_moment() -> None:
    moments = [epoch + step / 37 for epoch in range(16) for step in range(37)]
    assert [PLANNED.position(moment) for moment in moments] == moments


def test_a_planned_pace_has_all_steps_of_all_epochs() -> None:
    assert PLANNED.num_epochs == 16 and PLANNED.is_last(15) and not PLANNED.is_last(14)
    assert [PLANNED.steps_of_epoch(epoch, 37) for epoch in range(16)] == [37] * 16


@pytest.mark.parametrize("length", [5.5, 9.0, 30.0])
def test_the_learning_rate_is_continuous_and_ends_where_it_was_planned_to(length: float) -> None:
    pace, schedule = PLANNED.refitted(5.0, length), ScheduleConfig(name="one_cycle")

    def rate(moment: float) -> float:
        return learning_rate(schedule, 0.1, pace.position(moment), 16)

    assert rate(5.0) == learning_rate(schedule, 0.1, 5.0, 16)
    assert rate(5.0 + 1e-6) == pytest.approx(rate(5.0), abs=1e-5)
    assert rate(length) == pytest.approx(0.0, abs=1e-12)
    # Halfway through what is left in time is halfway through what is left of the schedule.
    assert rate((5.0 + length) / 2) == pytest.approx(learning_rate(schedule, 0.1, 10.5, 16))


def test_a_pace_that_is_refitted_twice_keeps_what_was_trained() -> None:
    pace = PLANNED.refitted(4.0, 10.0).refitted(7.0, 8.0)  # 7 of 10 epochs: half of the 12 left from 4 on
    assert [pace.position(moment) for moment in (3.0, 4.0, 7.0, 8.0)] == [3.0, 4.0, 10.0, 16.0]


def test_a_pace_may_be_refitted_before_the_first_step() -> None:
    assert PLANNED.refitted(0.0, 8.0).position(4.0) == 8.0


def test_the_last_epoch_may_be_a_part_of_one_and_ends_with_a_whole_update() -> None:
    pace = PLANNED.refitted(4.0, 6.3)
    assert pace.num_epochs == 7 and pace.is_last(6)
    assert [pace.steps_of_epoch(6, 50, accumulate) for accumulate in (1, 4)] == [15, 16]
    assert PLANNED.refitted(4.0, 6.001).steps_of_epoch(6, 50, 4) == 4


@pytest.mark.parametrize("points", [[[1.0, 0.0], [2.0, 3.0]], [[0.0, 0.0]], [[0.0, 0.0], [0.0, 4.0]]])
def test_points_that_are_no_pace_are_refused(points: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="a pace"):
        Pace.of(points, 16)
