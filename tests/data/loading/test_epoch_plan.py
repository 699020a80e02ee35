"""What an epoch shows."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.data.loading.epoch_plan import EpochPlan, sample_keys


def plan(images: int, batch_size: int) -> EpochPlan:
    rows = np.arange(images)
    return EpochPlan(2, rows, rows + 100, batch_size)


def test_requests_are_the_batches_in_order() -> None:
    requests = plan(6, 2).requests()
    assert [request.rows.tolist() for request in requests] == [[0, 1], [2, 3], [4, 5]]
    assert requests[1].sample_keys.tolist() == [102, 103]


def test_blocks_are_several_batches_and_the_rest() -> None:
    assert plan(10, 2).blocks(2) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert plan(0, 2).blocks(2) == []


def test_a_part_of_a_batch_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="whole batches"):
        plan(5, 2)


def test_an_image_that_is_shown_again_has_another_number() -> None:
    numbers = sample_keys(np.array([7, 8, 7, 7]))
    assert len(set(numbers.tolist())) == 4 and numbers[1] == 8 and numbers[0] == 7
