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
from kaggle_face.ensemble.search.candidates import Contender, Contest
from kaggle_face.ensemble.selection import Decision
from kaggle_face.errors import RulesError, RunError
from kaggle_face.evaluation.held_out_figures import Figure
from kaggle_face.evaluation.members import Member
from kaggle_face.metrics.score import parse_composite
from kaggle_face.tasks import Task

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
    formula: str, decisions: Mapping[Task, Decision], records: Sequence[Path]
) -> dict[str, Any]:
    """All that is kept of a blend, ready for JSON; `score` is None unless every metric is known."""
    used = dict.fromkeys(member for decision in decisions.values() for member in used_members(decision.blend))
    return {
        "formula": formula,
        "score": _score(formula, decisions),
        "num_parameters": count_parameters(list(used)),
        "runs": list(dict.fromkeys(member.run.name for member in used)),
        "checkpoints": list(dict.fromkeys(member.checkpoint for member in used)),
        "records": [path.name for path in records],
        "tasks": {task: _describe(decision) for task, decision in decisions.items()},
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


def _describe(decision: Decision) -> dict[str, Any]:
    blend = decision.blend
    described: dict[str, Any] = {
        "space": blend.space,
        "members": [
            _describe_member(*each) for each in zip(blend.members, blend.weights, strict=True) if each[1]
        ],
        "notes": list(decision.notes),
        "metrics": dict(decision.metrics),
    }
    if isinstance(blend, ClassBlend):
        kept = zip(blend.temperatures, blend.weights, strict=True)
        described["temperatures"] = [temperature for temperature, weight in kept if weight > 0]
    if decision.contest is not None:
        described |= _describe_contest(decision.contest, decision.metrics)
    if decision.tuning is not None:
        described["post_processing"] = asdict(decision.tuning)
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


def _describe_contest(contest: Contest, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The contest; `out_of_fold` is the score that a ledger of submissions keeps."""
    return {
        "out_of_fold": {
            "metric": contest.metric,
            "value": metrics[contest.metric],
            "higher_is_better": contest.metric != "eer",
        },
        "winner": contest.winner.name,
        "reason": contest.reason,
        "honest": contest.winner.honest,
        "contenders": [_describe_contender(contender) for contender in contest.contenders],
    }


def _describe_contender(contender: Contender) -> dict[str, Any]:
    return {
        "name": contender.name,
        "kind": contender.kind,
        "weights": list(contender.weights),
        "metrics": dict(contender.metrics),
        "honest": contender.honest,
        "optimistic_gain": contender.optimistic_gain,
        "gain": None if contender.gain is None else asdict(contender.gain),
        "over_mean": None if contender.over_mean is None else asdict(contender.over_mean),
    }


def _score(formula: str, decisions: Mapping[Task, Decision]) -> float | None:
    metrics: dict[str, float] = {}
    for decision in decisions.values():
        metrics.update(decision.metrics)
    composite = parse_composite(formula)
    return composite.evaluate(metrics) if set(composite.names) <= metrics.keys() else None
