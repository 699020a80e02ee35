"""The blend that was chosen, and the one record of it that `submit` takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.atomic import write_json
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.stored import write_pair_scores, write_prediction_blocks
from kaggle_face.ensemble.blending import ClassSpace, PairSpace, Vote, blend_classes, blend_pairs
from kaggle_face.ensemble.members import Member
from kaggle_face.ensemble.sources import TestLogits, TestScores, open_test_logits, open_test_scores
from kaggle_face.errors import RunError
from kaggle_face.progress import Progress
from kaggle_face.records import FloatArray, PairScores

WeightMethod = Literal["equal", "hill", "constrained"]
WEIGHT_METHODS: tuple[WeightMethod, ...] = ("equal", "hill", "constrained")


@dataclass(frozen=True)
class ClassBlend:
    """Weights (sum 1) and temperatures of the members of a classification blend, and their space."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    space: ClassSpace = "probabilities"

    def __post_init__(self) -> None:
        assert len(self.members) == len(self.weights) == len(self.temperatures)


@dataclass(frozen=True)
class PairBlend:
    """Weights (sum 1) of the members of a verification blend, and the space of their scores."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    space: PairSpace = "scores"

    def __post_init__(self) -> None:
        assert len(self.members) == len(self.weights)


def equal_class_blend(members: Sequence[Member]) -> ClassBlend:
    """The plain mean of probabilities."""
    share = 1 / len(members)
    return ClassBlend(tuple(members), (share,) * len(members), (1.0,) * len(members))


def equal_pair_blend(members: Sequence[Member]) -> PairBlend:
    """The plain mean of scores."""
    return PairBlend(tuple(members), (1 / len(members),) * len(members))


def write_class_blend(blend: ClassBlend, folder: Path, progress: Progress) -> Path:
    """Blends the test predictions and writes them as one; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    used = [member for member, weight in zip(blend.members, blend.weights, strict=True) if weight > 0]
    test = open_test_logits(used)
    votes = _class_votes(blend, test)
    path = folder / "predictions"
    blocks = blend_classes(votes, blend.space, len(test.image_ids))
    write_prediction_blocks(path, test.image_ids, test.class_names, _counted(blocks, test, progress))
    return path


def write_pair_blend(blend: PairBlend, folder: Path) -> Path:
    """Blends the scores of the test pairs and writes them as one; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    used = [member for member, weight in zip(blend.members, blend.weights, strict=True) if weight > 0]
    test: TestScores = open_test_scores(used)
    weights = [weight for weight in blend.weights if weight > 0]
    votes = [
        Vote(source, weight / len(sources))
        for sources, weight in zip(test.members, weights, strict=True)
        for source in sources
    ]
    path = folder / "pairs"
    write_pair_scores(path, PairScores(test.pair_ids, blend_pairs(votes, blend.space, len(test.pair_ids))))
    return path


def describe_members(members: Sequence[Member]) -> list[dict[str, Any]]:
    """What `ensemble.json` says of each member."""
    return [
        {
            "name": member.name,
            "run": member.run.name,
            "checkpoint": member.checkpoint,
            "folds": [fold.fold for fold in member.folds],
            "num_parameters": member.num_parameters,
        }
        for member in members
    ]


def write_summary(run: RunFolder, summary: Mapping[str, Any]) -> Path:
    """Writes `ensemble.json`."""
    path = run.ensemble_folder / "ensemble.json"
    write_json(path, summary)
    return path


def read_summary(run: RunFolder) -> dict[str, Any]:
    """What `write_summary` wrote.

    Raises:
        RunError: The run was not blended.
    """
    path = run.ensemble_folder / "ensemble.json"
    if not path.is_file():
        raise RunError(f"{run.name} has no blend; make it: kaggle-face ensemble --run {run.path.name}")
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def forget_blend(run: RunFolder) -> None:
    """Removes an older blend, so that no record of it is taken for one of the new."""
    shutil.rmtree(run.ensemble_folder, ignore_errors=True)


def _class_votes(blend: ClassBlend, test: TestLogits) -> list[Vote]:
    chosen = [
        (weight, temperature)
        for weight, temperature in zip(blend.weights, blend.temperatures, strict=True)
        if weight > 0
    ]
    return [
        Vote(source, weight / len(sources), temperature)
        for sources, (weight, temperature) in zip(test.members, chosen, strict=True)
        for source in sources
    ]


def _counted(
    blocks: Iterator[tuple[slice, FloatArray]], test: TestLogits, progress: Progress
) -> Iterator[tuple[slice, FloatArray]]:
    with progress.count("blending", len(test.image_ids), "images") as counter:
        for part, block in blocks:
            yield part, block
            counter.advance(part.stop - part.start)
