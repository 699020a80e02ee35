"""Which networks go into a graph, and which blends no graph can express."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import RunError
from kaggle_face.evaluation.blend_record import MemberRecord, TaskRecord
from kaggle_face.pipeline.export.plan import (
    PlannedNetwork,
    add_network,
    plan_blend,
    plan_network,
    why_not_expressible,
)

MEMBER = MemberRecord("faces/main@best_ver", "faces/main", "best_ver", (0,), 0, 1.0)


def task(space: str, steps: dict[str, object] | None = None) -> TaskRecord:
    return TaskRecord(space, (MEMBER,), post_processing=steps)


@pytest.mark.parametrize(
    ("record", "name", "reason"),
    [
        (task("scores"), "verification", None),
        (task("probabilities"), "classification", None),
        (task("log_probabilities"), "classification", None),
        (task("ranks"), "classification", "averages ranks"),
        (task("ranks"), "verification", "averages ranks"),
        (task("z_scores"), "verification", "averages z-scores"),
        (
            task("scores", {"steps": [{"name": "whitening", "is_on": True}]}),
            "verification",
            "post-processed .whitening",
        ),
        (task("scores", {"steps": [{"name": "whitening", "is_on": False}]}), "verification", None),
        (
            task("probabilities", {"recipe": {"share": 0.3, "count": 5}}),
            "classification",
            "lets neighbours vote",
        ),
        (task("probabilities", {"recipe": {"share": 0.0, "count": 0}}), "classification", None),
    ],
)
def test_what_needs_all_test_data_is_in_no_graph(record: TaskRecord, name: str, reason: str | None) -> None:
    found = why_not_expressible(record, name)  # type: ignore[arg-type]
    if reason is None:
        assert found is None
    else:
        assert found is not None and re.search(reason, found)


def test_a_checkpoint_averages_as_its_settings_say_or_as_is_chosen(exported_once: Path) -> None:
    fold = FoldFolder(exported_once / "runs" / "faces" / "main" / "fold0")
    usual, without = (plan_network(fold, "best_ver", ("embeddings",), flip, None) for flip in (None, False))
    assert usual.averaging == "predict.flip=true predict.crops=false"
    assert without.averaging == "predict.flip=false predict.crops=false"
    assert usual.fingerprint() != without.fingerprint()
    with pytest.raises(RunError, match="has no checkpoint 'last'"):
        plan_network(fold, "last", ("embeddings",), None, None)


def test_checkpoints_with_the_same_weights_are_one_network(exported: Path) -> None:
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    fold.weights_file("last").write_bytes(fold.weights_file("best_ver").read_bytes())
    networks: list[PlannedNetwork] = []
    for checkpoint, pair, classes, temperature in (
        ("best_ver", 0.5, 0.0, 1.0),
        ("last", 0.5, 0.0, 1.0),
        ("last", 0.0, 0.4, 2.0),
        ("last", 0.0, 0.6, 3.0),
    ):
        add_network(networks, PlannedNetwork(fold, checkpoint, True, False, pair, classes, temperature))  # type: ignore[arg-type]
    assert [(each.pair_share, each.class_share, each.temperature) for each in networks] == [
        (1.0, 0.4, 2.0),
        (0.0, 0.6, 3.0),
    ]


def test_a_run_without_a_blend_is_one_line(exported_once: Path) -> None:
    run = RunFolder(exported_once / "runs" / "faces" / "main")
    with pytest.raises(RunError, match="faces/main has no blend; make it"):
        plan_blend(run, ("embeddings",), None, None)
