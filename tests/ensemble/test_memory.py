"""Records may be far larger than memory: they are read block by block."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd  # noqa: F401 - imported before memory is counted
import pytest

from kaggle_face.artifacts.record_io import write_prediction_blocks
from kaggle_face.ensemble.blending import WeightedTerm, blend_classes
from kaggle_face.ensemble.search.class_logits import gather_likely_classes
from kaggle_face.ensemble.search.temperature import fit_temperatures
from kaggle_face.evaluation.member_scores import HeldOutLogits, MemberScores
from kaggle_face.progress import SilentProgress

NUM_MEMBERS, NUM_IMAGES, NUM_CLASSES = 5, 4000, 1000
ONE_MEMBER_BYTES = NUM_IMAGES * NUM_CLASSES * 4


@pytest.fixture
def member_scores(tmp_path: Path) -> tuple[MemberScores, ...]:
    rng = np.random.default_rng(0)
    opened = []
    for number in range(NUM_MEMBERS):
        path = tmp_path / f"{number}.npy"
        np.save(path, rng.standard_normal((NUM_IMAGES, NUM_CLASSES), np.float32).astype(np.float16))
        opened.append(MemberScores(f"m{number}", np.load(path, mmap_mode="r"), rng.permutation(NUM_IMAGES)))
    return tuple(opened)


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_blend_of_many_members_needs_less_memory_than_one_of_them(
    member_scores: tuple[MemberScores, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaggle_face.metrics.inputs.BLOCK_BYTES", 1 << 18)
    ids = np.array([str(i) for i in range(NUM_IMAGES)])
    names = np.array([str(i) for i in range(NUM_CLASSES)])

    def blend() -> None:
        blocks = blend_classes(
            [WeightedTerm(source, 1.0) for source in member_scores], "probabilities", NUM_IMAGES
        )
        write_prediction_blocks(tmp_path / "blend", ids, names, blocks)

    assert peak_bytes(blend) < ONE_MEMBER_BYTES / 2


def test_the_search_for_weights_needs_less_memory_than_one_member(
    member_scores: tuple[MemberScores, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaggle_face.metrics.inputs.BLOCK_BYTES", 1 << 18)
    monkeypatch.setattr("kaggle_face.ensemble.search.temperature.MOST_IMAGES", 200)
    ids = np.array([f"{i:05d}" for i in range(NUM_IMAGES)])
    labels = np.arange(NUM_IMAGES) % NUM_CLASSES
    held_out = [HeldOutLogits(0, ids, labels, member_scores)]
    everything = [np.ones(NUM_IMAGES, np.bool_)]

    def search() -> None:
        temperatures = fit_temperatures(held_out, everything)
        gather_likely_classes(held_out, [temperatures], SilentProgress())

    assert peak_bytes(search) < ONE_MEMBER_BYTES


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells")
def test_pages_of_a_record_are_let_go_of(member_scores: tuple[MemberScores, ...]) -> None:
    def resident_file_bytes() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("RssFile")).split()[1])

    before = resident_file_bytes()
    for start in range(0, NUM_IMAGES, 500):
        member_scores[0].block(slice(start, start + 500))
    assert resident_file_bytes() - before < NUM_IMAGES * NUM_CLASSES * 2 / 4
