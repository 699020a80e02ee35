"""The record of a blend (`ensemble.json`), and the parameters of its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.ensemble.blended import ClassBlend, used_members
from kaggle_face.ensemble.search.candidates import Candidate
from kaggle_face.ensemble.selection import BlendChoice
from kaggle_face.errors import RulesError, counted
from kaggle_face.evaluation.blend_record import BlendRecord, MemberRecord, SelectionRecord, TaskRecord
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.evaluation.members import Member
from kaggle_face.metrics.score import parse_composite
from kaggle_face.tasks import Task


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
            is_imported = member.run.imported_task is not None  # its parameters are those of all folds
            networks[(member.run.path if is_imported else fold.path, epoch)] = int(
                info.get("num_parameters", 0)
            )
    return sum(networks.values())


def require_few_parameters(slug: str, members: Sequence[Member]) -> None:
    """Checks the competition's limit on the parameters of all networks of a blend.

    Raises:
        RulesError: The networks have more.
    """
    spec = find_spec(slug)
    if spec is None or spec.rules.max_parameters is None or not spec.rules.limit_covers_ensemble:
        return
    uncounted = [member for member in members if member.run.imported_task and not member.num_parameters]
    if uncounted:
        raise RulesError(
            f"{slug} limits the parameters of an ensemble, and those of {uncounted[0].name} are not known; "
            f"import it again with --parameters N, as: {uncounted[0].run.import_command()}"
        )
    count, limit = count_parameters(members), spec.rules.max_parameters
    if count > limit:
        networks = sum(len(member.folds) for member in members)
        raise RulesError(
            f"{counted(networks, 'network of the blend', 'have')} {count:,} parameters together, but {slug} "
            f"allows {limit:,} for a whole ensemble; choose fewer with --folds, --checkpoints or --run"
        )


def describe_blend(formula: str, choices: Mapping[Task, BlendChoice], records: Sequence[Path]) -> BlendRecord:
    """The record of a blend: the choice of each task, and the files that hold its predictions."""
    used = dict.fromkeys(member for choice in choices.values() for member in used_members(choice.blend))
    known = {name: value for choice in choices.values() for name, value in choice.metrics.items()}
    composite = parse_composite(formula)
    return BlendRecord(
        formula=formula,
        score=composite.evaluate(known) if set(composite.names) <= known.keys() else None,
        num_parameters=count_parameters(list(used)),
        runs=tuple(dict.fromkeys(member.run.name for member in used)),
        checkpoints=tuple(dict.fromkeys(member.checkpoint for member in used)),
        records=tuple(path.name for path in records),
        tasks={task: _describe(choice) for task, choice in choices.items()},
    )


def with_gallery(record: BlendRecord, figure: Estimate | None) -> BlendRecord:
    """The record of a blend whose verification is judged by naming the probes of the dev gallery."""
    verification = record.tasks.get("verification")
    if figure is None or verification is None:
        return record
    return replace(record, tasks={**record.tasks, "verification": replace(verification, out_of_fold=figure)})


def _describe(choice: BlendChoice) -> TaskRecord:
    blend, metrics, out_of_fold, selected = choice.blend, dict(choice.metrics), None, None
    temperatures = None
    if isinstance(blend, ClassBlend):
        kept = zip(blend.temperatures, blend.weights, strict=True)
        temperatures = tuple(temperature for temperature, weight in kept if weight > 0)
    if choice.selection is not None:
        metric, winner = choice.selection.metric, choice.selection.winner
        out_of_fold = Estimate(metric, metrics[metric], choice.interval)
        candidates = tuple(_candidate_values(candidate) for candidate in choice.selection.candidates)
        selected = SelectionRecord(winner.name, choice.selection.reason, winner.nested, candidates)
    members = tuple(
        MemberRecord(
            name=member.name,
            run=member.run.name,
            checkpoint=member.checkpoint,
            folds=tuple(fold.fold for fold in member.folds),
            num_parameters=member.num_parameters,
            weight=weight,
        )
        for member, weight in zip(blend.members, blend.weights, strict=True)
        if weight
    )
    steps = None if choice.tuning is None else choice.tuning.as_json()
    return TaskRecord(blend.space, members, choice.notes, metrics, temperatures, out_of_fold, selected, steps)


def _candidate_values(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "kind": candidate.kind,
        "weights": list(candidate.weights),
        "metrics": dict(candidate.metrics),
        "nested": candidate.nested,
        "in_sample_gain": candidate.in_sample_gain,
        "gain": None if candidate.gain is None else asdict(candidate.gain),
        "over_mean": None if candidate.over_mean is None else asdict(candidate.over_mean),
    }
