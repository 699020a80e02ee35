"""What `ensemble.json` keeps of a blend: members, weights, figures, and the parameters that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.json_types import BlendSummary
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.competitions.catalogue.known import find_facts
from kaggle_face.ensemble.blended import ClassBlend, used_members
from kaggle_face.ensemble.search.candidates import Candidate, Selection
from kaggle_face.ensemble.selection import BlendChoice
from kaggle_face.errors import RulesError, RunError
from kaggle_face.evaluation.held_out_figures import Figure
from kaggle_face.evaluation.members import Member, Task
from kaggle_face.metrics.score import parse_composite
from kaggle_face.metrics.table import METRICS

FILE_NAME = "ensemble.json"


def count_parameters(members: Sequence[Member]) -> int:
    """The parameters of all networks that a blend runs, each counted once.

    Checkpoints of one fold that were kept at the same epoch are the same network.
    """
    networks: dict[tuple[Path, object], int] = {}
    for member in members:
        for fold in member.folds:
            info = fold.read_info()
            results = info.get("results", {}).get(member.checkpoint, {})
            epoch = results.get("epoch", member.checkpoint)
            networks[(fold.path, epoch)] = int(info.get("num_parameters", 0))
    return sum(networks.values())


def require_few_parameters(slug: str, members: Sequence[Member]) -> None:
    """Checks the competition's limit on the parameters of all networks of a blend.

    Raises:
        RulesError: The networks have more.
    """
    facts = find_facts(slug)
    if facts is None or facts.rules.max_parameters is None or not facts.rules.limit_covers_ensemble:
        return
    count, limit = count_parameters(members), facts.rules.max_parameters
    if count > limit:
        networks = sum(len(member.folds) for member in members)
        raise RulesError(
            f"the {networks} networks of the blend have {count:,} parameters together, but {slug} allows "
            f"{limit:,} for a whole ensemble; choose fewer with --folds, --checkpoints or --run"
        )


def describe_blend(
    formula: str, choices: Mapping[Task, BlendChoice], records: Sequence[Path]
) -> dict[str, Any]:
    """All that is kept of a blend, ready for JSON; `score` is None unless every metric is known."""
    used = dict.fromkeys(member for choice in choices.values() for member in used_members(choice.blend))
    return {
        "formula": formula,
        "score": _score(formula, choices),
        "num_parameters": count_parameters(list(used)),
        "runs": list(dict.fromkeys(member.run.name for member in used)),
        "checkpoints": list(dict.fromkeys(member.checkpoint for member in used)),
        "records": [path.name for path in records],
        "tasks": {task: _describe(choice) for task, choice in choices.items()},
    }


def with_gallery(summary: dict[str, Any], figure: Figure | None) -> dict[str, Any]:
    """The description of a blend whose verification is judged by naming the probes of the dev gallery."""
    if figure is None or "verification" not in summary["tasks"]:
        return summary
    kept = {
        "metric": figure.metric,
        "value": figure.value,
        "higher_is_better": figure.higher_is_better,
    }
    verification = {**summary["tasks"]["verification"], "out_of_fold": kept}
    return {**summary, "tasks": {**summary["tasks"], "verification": verification}}


def write_summary(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Writes `ensemble.json` beside the blended records."""
    write_json(folder / FILE_NAME, summary)
    return folder / FILE_NAME


def read_summary(run: RunFolder) -> dict[str, Any]:
    """What `write_summary` wrote.

    Raises:
        RunError: The run was not blended.
    """
    path = run.ensemble_folder / FILE_NAME
    if not path.is_file():
        raise RunError(f"{run.name} has no blend; make it: {run.command('ensemble')}")
    return read_json(path, BlendSummary)


def _describe(choice: BlendChoice) -> dict[str, Any]:
    blend = choice.blend
    described: dict[str, Any] = {
        "space": blend.space,
        "members": [
            _describe_member(*each) for each in zip(blend.members, blend.weights, strict=True) if each[1]
        ],
        "notes": list(choice.notes),
        "metrics": dict(choice.metrics),
    }
    if isinstance(blend, ClassBlend):
        kept = zip(blend.temperatures, blend.weights, strict=True)
        described["temperatures"] = [temperature for temperature, weight in kept if weight > 0]
    if choice.selection is not None:
        described |= _describe_selection(choice.selection, choice.metrics)
    if choice.tuning is not None:
        described["post_processing"] = asdict(choice.tuning)
    return described


def _describe_member(member: Member, weight: float) -> dict[str, Any]:
    return {
        "name": member.name,
        "run": member.run.name,
        "checkpoint": member.checkpoint,
        "folds": [fold.fold for fold in member.folds],
        "num_parameters": member.num_parameters,
        "weight": weight,
    }


def _describe_selection(selection: Selection, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The selection; `out_of_fold` is the score that a ledger of submissions keeps."""
    return {
        "out_of_fold": {
            "metric": selection.metric,
            "value": metrics[selection.metric],
            "higher_is_better": METRICS[selection.metric].higher_is_better,
        },
        "winner": selection.winner.name,
        "reason": selection.reason,
        "honest": selection.winner.nested,
        "contenders": [_describe_candidate(candidate) for candidate in selection.candidates],
    }


def _describe_candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "kind": candidate.kind,
        "weights": list(candidate.weights),
        "metrics": dict(candidate.metrics),
        "honest": candidate.nested,
        "optimistic_gain": candidate.in_sample_gain,
        "gain": None if candidate.gain is None else asdict(candidate.gain),
        "over_mean": None if candidate.over_mean is None else asdict(candidate.over_mean),
    }


def _score(formula: str, choices: Mapping[Task, BlendChoice]) -> float | None:
    metrics: dict[str, float] = {}
    for choice in choices.values():
        metrics.update(choice.metrics)
    composite = parse_composite(formula)
    return composite.evaluate(metrics) if set(composite.names) <= metrics.keys() else None
