"""Names for the probes of a gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import write_embeddings, write_matches
from kaggle_face.errors import DataError
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Embeddings,
    FaceTable,
    Gallery,
    no_pairs,
    no_rows,
)
from kaggle_face.submission.columns import name_probes

IDS = np.array(["ann", "bob", "x", "y", "z"])


def competition() -> CompetitionData:
    known = (np.array(["ann", "bob"]), np.array(["n1", "n2"]))
    dev = Gallery(*known, np.array(["0", "1"]), np.array(["x", "z"]), np.array(["n1", "n0"]), "n0")
    test = Gallery(*known, np.array(["0", "1"]), np.array(["y", "z"]), np.array(["", ""]), "n0")
    empty = np.array([], np.str_)
    return CompetitionData(
        FaceTable(IDS, np.full(5, -1, np.int64), np.full(5, "verification")),
        ClassTable(empty, empty),
        no_rows(),
        no_pairs(),
        no_pairs(),
        dev,
        test,
    )


@pytest.fixture
def records(tmp_path: Path) -> Path:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.2, 0.8], [-1.0, -1.0]])
    write_embeddings(tmp_path / "embeddings", Embeddings(IDS, vectors))
    return tmp_path / "embeddings"


def test_a_probe_is_the_person_of_the_highest_cosine(records: Path) -> None:
    named = name_probes(competition(), records)
    assert named.names.tolist() == ["n2", "n0"] and named.dev_accuracy == 1.0


def test_matches_beside_the_embeddings_come_before_them(records: Path) -> None:
    """As post-processing left them, in another order: y is n1 now, and z is above the threshold of dev."""
    dev = (np.array(["1", "0"]), np.array(["n2", "n1"]), np.array([0.3, 0.7]))
    write_matches(records.parent / "gallery_dev.csv", *dev)
    test = (np.array(["1", "0"]), np.array(["n2", "n1"]), np.array([0.9, 0.8]))
    write_matches(records.parent / "gallery_test.csv", *test)
    named = name_probes(competition(), records)
    assert named.names.tolist() == ["n1", "n2"]
    assert named.threshold == pytest.approx(0.5, abs=0.2)


def test_a_probe_without_a_match_is_named(records: Path) -> None:
    write_matches(records.parent / "gallery_test.csv", np.array(["0"]), np.array(["n1"]), np.array([0.8]))
    with pytest.raises(DataError, match="first: 1"):
        name_probes(competition(), records)
