"""Bytes by formula, against counts of real steps and sums by hand."""

from __future__ import annotations

from benchmarks.scaling.formula import RESNET_18, Step, rows


def step(processes: int, images: int, is_sharded: bool, classes: int = 8631) -> Step:
    return Step(**RESNET_18, classes=classes, images=images, processes=processes, is_sharded=is_sharded)


def test_a_whole_head_sends_what_was_counted() -> None:
    # `torchrun --nproc-per-node 2 -m benchmarks.scaling model.head=arcface` at commit a2eaf7d, batch 64.
    assert step(2, 64, is_sharded=False).all_reduced_bytes == 63_579_904
    assert step(2, 64, is_sharded=False).sent_bytes == 63_579_904


def test_a_divided_head_sends_what_was_counted() -> None:
    # The same with margin.sharded=on at commit de65b2d: an all-gather and a reduce-scatter of 131,072 bytes.
    divided = step(2, 64, is_sharded=True)
    assert (divided.all_reduced_bytes, divided.gathered_bytes) == (45_774_344, 2 * 131_072)


def test_a_divided_head_sends_embeddings_in_place_of_its_gradient() -> None:
    whole, divided = step(8, 1024, is_sharded=False), step(8, 1024, is_sharded=True)
    head, embeddings, scalars = 8631 * 512, 1024 * 512, 7 * 1024
    assert whole.all_reduced_bytes - divided.all_reduced_bytes == 4 * (head + embeddings - scalars) - 8
    assert divided.gathered_bytes == 2 * 4 * embeddings
    assert divided.head_operations * 8 == whole.head_operations == 6 * 1024 * 512 * 8631
    assert whole.weight_bytes - divided.weight_bytes == 12 * 512 * 8631 * 7 / 8


def test_the_table_has_both_heads_for_each_number_of_processes() -> None:
    table = rows()
    assert len(table) == 12
    assert table[0][:3] == ("8,631", "2", "whole") and table[-1][:3] == ("300,000", "64", "divided")
