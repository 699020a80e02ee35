"""Random numbers from counters alone."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.data.augmentation.counter_random import philox, uniform_draws

NUMBERS = torch.arange(2000)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the known answers of philox4x32-10 that its authors publish with Random123 (kat_vectors)
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_authors_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    first, second, third, fourth = (torch.tensor([word]) for word in counter)
    assert tuple(int(word) for word in philox((first, second, third, fourth), key)) == expected


def test_an_image_draws_the_same_whatever_its_batch() -> None:
    whole = uniform_draws(7, 3, NUMBERS, 9)
    assert torch.equal(uniform_draws(7, 3, NUMBERS[[50, 4]], 9), whole[[50, 4]])
    assert torch.equal(uniform_draws(7, 3, NUMBERS, 5), whole[:, :5])


def test_seed_epoch_image_and_showing_all_change_the_draws() -> None:
    shown_again = NUMBERS[:1] + (1 << 32)
    drawn = [
        uniform_draws(seed, epoch, numbers, 4)
        for seed, epoch, numbers in (
            (0, 0, NUMBERS[:1]),
            (1, 0, NUMBERS[:1]),
            (1 << 40, 0, NUMBERS[:1]),
            (0, 1, NUMBERS[:1]),
            (0, 0, NUMBERS[1:2]),
            (0, 0, shown_again),
        )
    ]
    assert len({tuple(row.flatten().tolist()) for row in drawn}) == 6


def test_draws_are_uniform_and_independent() -> None:
    drawn = uniform_draws(0, 0, NUMBERS, 8).double()
    assert bool((drawn >= 0).all() and (drawn < 1).all())
    # Mean 1/2 and variance 1/12, each to five standard deviations of 2000 draws.
    assert float((drawn.mean(0) - 0.5).abs().max()) < 5 * (1 / 12 / 2000) ** 0.5
    assert float((drawn.var(0) - 1 / 12).abs().max()) < 5 * (1 / 180 / 2000) ** 0.5
    correlation = torch.corrcoef(drawn.T) - torch.eye(8)
    assert float(correlation.abs().max()) < 5 / 2000**0.5
