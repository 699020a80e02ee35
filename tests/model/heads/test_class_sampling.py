"""Samples of the classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.model.heads.class_sampling import EVERY_CLASS, sample_classes


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    labels=st.lists(st.integers(0, 49), min_size=1, max_size=40),
    fraction=st.floats(0.02, 0.99),
    seed=st.integers(0, 1000),
)
def test_every_label_is_among_the_sampled_classes(labels: list[int], fraction: float, seed: int) -> None:
    labels_B = torch.tensor(labels)
    sample = sample_classes(labels_B, 50, fraction, generator(seed))
    assert sample.indices is not None
    assert torch.equal(sample.indices[sample.positions(labels_B)], labels_B)
    assert len(sample.indices.unique()) == len(sample.indices)
    assert bool((sample.indices.diff() > 0).all())


def test_the_sample_has_the_wanted_size() -> None:
    sample = sample_classes(torch.tensor([3, 3, 7]), 50, 0.25, generator(0))
    assert sample.indices is not None
    assert len(sample.indices) == 13  # ceil(12.5)


def test_a_seed_gives_one_sample() -> None:
    labels = torch.tensor([1, 2])
    first, again, other = (sample_classes(labels, 1000, 0.1, generator(seed)) for seed in (5, 5, 6))
    assert first.indices is not None
    assert again.indices is not None
    assert other.indices is not None
    assert torch.equal(first.indices, again.indices)
    assert not torch.equal(first.indices, other.indices)


def test_the_negatives_are_drawn_evenly() -> None:
    counts = torch.zeros(20)
    draws = generator(0)
    for _ in range(2000):
        sample = sample_classes(torch.tensor([0]), 20, 0.5, draws)
        assert sample.indices is not None
        counts[sample.indices] += 1
    # 9 of the 19 others in each draw: 947 expected, standard deviation 22.
    assert counts[0] == 2000
    assert counts[1:].min() > 947 - 110
    assert counts[1:].max() < 947 + 110


def test_the_whole_fraction_takes_every_class() -> None:
    labels = torch.tensor([4, 1])
    assert sample_classes(labels, 10, 1.0, generator(0)) is EVERY_CLASS
    assert torch.equal(EVERY_CLASS.positions(labels), labels)
    rows = torch.rand(10, 2)
    assert torch.equal(EVERY_CLASS.rows(rows), rows)


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_labels_may_have_any_shape(shape: tuple[int, ...]) -> None:
    sample = sample_classes(torch.arange(6).reshape(shape), 50, 0.02, generator(0))
    assert sample.indices is not None
    assert sample.indices.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_count_of_different_labels_changes_nothing_but_who_counts() -> None:
    labels = torch.tensor([3, 3, 7, 8])
    counted, known = (sample_classes(labels, 50, 0.02, generator(2), count) for count in (None, 3))
    assert counted.indices is not None and known.indices is not None
    assert counted.indices.tolist() == known.indices.tolist() == [3, 7, 8]
