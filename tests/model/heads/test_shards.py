"""Parts of the classes that processes hold."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.model.heads import ArcFace, CurricularFace, Head, LinearHead
from kaggle_face.model.heads.class_sampling import ClassSample, sample_classes
from kaggle_face.model.heads.shards import ClassShard

LABELS = torch.tensor([3, 7, 7, 0])


def shard(first: int, stop: int, num_classes: int = 10) -> ClassShard:
    return ClassShard(first, stop, num_classes, lambda tensor: None)


def test_a_shard_holds_its_labels_and_rows() -> None:
    head = LinearHead(10, 4)
    whole = {name: parameter.clone() for name, parameter in head.named_parameters()}
    head.keep_classes(shard(3, 7))
    assert all(torch.equal(p, whole[name][3:7]) for name, p in head.named_parameters())
    assert shard(3, 7).holds(LABELS).tolist() == [True, False, False, False]
    assert head.num_parameters == 50


@pytest.mark.parametrize("make", [LinearHead, ArcFace])
def test_parts_of_a_head_give_the_columns_of_the_whole(make: type[Head]) -> None:
    embeddings_BD = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    whole = make(10, 8)
    expected = whole.margin_logits(whole.similarity(embeddings_BD), LABELS, embeddings_BD.norm(dim=1))
    for first, stop in ((0, 3), (3, 3), (3, 8), (8, 10)):
        part = make(10, 8)
        part.load_state_dict(whole.state_dict())
        part.keep_classes(shard(first, stop))
        classes = part.choose_classes(LABELS, torch.Generator())
        found = part.margin_logits(part.similarity(embeddings_BD, classes), LABELS, None, classes)
        torch.testing.assert_close(found, expected[:, first:stop])


def test_what_the_negatives_need_is_brought_together() -> None:
    embeddings_BD = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    whole = CurricularFace(10, 8)
    cosines_B = whole.similarity(embeddings_BD).gather(1, LABELS[:, None])[:, 0].detach()
    expected = whole.margin_logits(whole.similarity(embeddings_BD), LABELS)
    part = CurricularFace(10, 8)
    part.load_state_dict({**whole.state_dict(), "t": torch.tensor(0.0)})
    part.keep_classes(ClassShard(0, 5, 10, lambda tensor: tensor.copy_(cosines_B)))  # as of all processes
    classes = part.choose_classes(LABELS, torch.Generator())
    found = part.margin_logits(part.similarity(embeddings_BD, classes), LABELS, None, classes)
    torch.testing.assert_close(found, expected[:, :5])
    torch.testing.assert_close(part.t, whole.t)


def test_parts_of_a_sample_make_up_the_sample() -> None:
    sample = sample_classes(LABELS, 10, 0.5, torch.Generator().manual_seed(1))
    assert sample.indices is not None
    parts = [sample.part_of(shard(*bounds), 4) for bounds in ((0, 4), (4, 4), (4, 10))]
    found = [index + part.shard.first for part in parts for index in part.indices]  # type: ignore[union-attr]
    assert torch.stack(found).tolist() == sample.indices.tolist()
    assert [part.total for part in parts] == [5, 5, 5]


@pytest.mark.parametrize("size", [1, 3, 6])
def test_a_part_of_a_known_length_marks_what_only_fills_it(size: int) -> None:
    sample = ClassSample(torch.tensor([0, 3, 5, 7, 9]))
    for bounds, rows in (((3, 8), [0, 2, 4]), ((1, 3), []), ((9, 10), [0])):
        held = shard(*bounds)
        first, stop = torch.searchsorted(sample.indices, torch.tensor(bounds))  # type: ignore[arg-type]
        part = sample._filled_part(held, size, first, stop)
        assert part.indices is not None and part.filled is not None
        assert len(part.indices) == size and part.indices.tolist() == sorted(part.indices.tolist())
        assert part.indices[part.filled].tolist() == rows[:size]
        assert ((part.indices >= 0) & (part.indices < held.size)).all()


def test_the_likely_length_suffices_for_every_draw() -> None:
    held, most = shard(0, 250, 1000), 0
    length = held.likely_most(300, 4)
    assert 75 < length < 250
    for seed in range(200):
        sample = sample_classes(LABELS, 1000, 0.3, torch.Generator().manual_seed(seed))
        assert sample.indices is not None
        most = max(most, int((sample.indices < 250).sum()))
    assert 75 < most < length
    assert held.likely_most(1000, 4) == 250 and shard(5, 5).likely_most(300, 4) == 0
