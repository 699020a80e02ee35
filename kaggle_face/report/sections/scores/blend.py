"""The blend: weights, gains with intervals, and rejected post-processing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaggle_face.evaluation.blend_record import TaskRecord
from kaggle_face.metrics.table import title_of
from kaggle_face.report.blocks import Block, Cell, Column, Paragraph, Table
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section


def build(facts: ReportFacts) -> Content:
    """For each task its members' weights, the candidates with nested gains, and the steps that were tried."""
    if facts.blend is None:
        return LeftOut(facts.missing.get("blend", "the run is not blended"))
    blocks: list[Block] = []
    if facts.blend.score is not None:
        blocks.append(Paragraph(f"Score {facts.blend.formula} = {facts.blend.score:.4f}, out of fold."))
    not_measured = (facts.missing.get(f"blended {what}") for what in ("classes", "pairs"))
    blocks += [Paragraph(reason) for reason in not_measured if reason]
    for task, record in facts.blend.tasks.items():
        blocks += _task(task, record)
    blocks += [Paragraph(f"A rule was ignored: {rule}") for rule in facts.blend.ignored_rules]
    return tuple(blocks)


def _task(task: str, record: TaskRecord) -> list[Block]:
    blocks: list[Block] = [_weights(task, record)]
    if record.selection is not None:
        blocks.append(_candidates(task, record))
        blocks.append(Paragraph(f"Chosen: {record.selection.winner}, because {record.selection.reason}."))
    steps = steps_of(record.post_processing)
    if steps:
        columns = (
            Column("step"),
            Column("on"),
            Column("nested gain", 4, "number"),
            Column("low", 4, "number"),
            Column("high", 4, "number"),
            Column("in-sample gain", 4, "number"),
        )
        on = frozenset(number for number, row in enumerate(steps) if row[1] is True)
        note = "A step is on only if its nested gain is positive with its whole interval."
        blocks.append(Table(f"{task}: post-processing that was tried", columns, tuple(steps), note, on))
    blocks += [Paragraph(note) for note in record.notes]
    return blocks


def _weights(task: str, record: TaskRecord) -> Table:
    rows = []
    temperatures = record.temperatures or (None,) * len(record.members)
    for member, temperature in zip(record.members, temperatures, strict=True):
        folds = ", ".join(map(str, member.folds))
        rows.append((member.name, folds, member.weight, temperature, member.num_parameters or None))
    columns = (
        Column("member"),
        Column("folds"),
        Column("weight", 3, "number"),
        Column("temperature", 3, "number"),
        Column("parameters", 0, "number"),
    )
    space = f"averaged as {record.space.replace('_', ' ')}" if record.space else ""
    return Table(f"{task}: weights", columns, tuple(rows), space)


def _candidates(task: str, record: TaskRecord) -> Table:
    assert record.selection is not None
    names = list(
        dict.fromkeys(name for each in record.selection.candidates for name in each.get("metrics", {}))
    )
    rows: list[tuple[Cell, ...]] = []
    chosen = set()
    for number, each in enumerate(record.selection.candidates):
        gain = each.get("gain") or {}
        if each.get("name") == record.selection.winner:
            chosen.add(number)
        rows.append(
            (
                str(each.get("name", "")),
                str(each.get("kind", "")),
                *(_number(each.get("metrics", {}).get(name)) for name in names),
                _number(each.get("nested")),
                *(_number(gain.get(end)) for end in ("value", "low", "high")),
                _number(each.get("in_sample_gain")),
            )
        )
    columns = (
        Column("candidate"),
        Column("kind"),
        *(Column(title_of(name), 4, "number") for name in names),
        Column("nested", 4, "number"),
        Column("nested gain", 4, "number"),
        Column("low", 4, "number"),
        Column("high", 4, "number"),
        Column("in-sample gain", 4, "number"),
    )
    note = "Gains over the best single member, positive is better; the highlighted row was chosen."
    return Table(
        f"{task}: candidates, those that were left off too", columns, tuple(rows), note, frozenset(chosen)
    )


def has_steps(record: TaskRecord) -> bool:
    """Whether a step of post-processing is on."""
    return any(step[1] is True for step in steps_of(record.post_processing))


def steps_of(values: Mapping[str, Any] | None) -> list[tuple[Cell, ...]]:
    """The steps of post-processing that a record keeps: setting, on or off, gain, its interval, in-sample
    gain."""
    if not values:
        return []
    if "steps" not in values:
        gain, recipe, best = values.get("gain"), values.get("recipe"), values.get("best")
        if not isinstance(gain, Mapping) or not isinstance(best, Mapping):
            return []
        setting = "neighbours: " + ", ".join(f"{key} {value}" for key, value in best.items())
        if not best.get("count") and not best.get("share"):
            setting = "neighbours: none helps"
        is_on = recipe == best and bool(best.get("share"))
        return [_step(setting, is_on, gain, values.get("in_sample_gain"))]
    return [
        _step(
            str(each.get("setting", "")),
            bool(each.get("is_on")),
            each.get("gain") or {},
            each.get("in_sample_gain"),
        )
        for each in values["steps"]
        if isinstance(each, Mapping)
    ]


def _step(setting: str, is_on: bool, gain: Mapping[str, Any], in_sample: Any) -> tuple[Cell, ...]:
    ends = (_number(gain.get(end)) for end in ("value", "low", "high"))
    return (setting, is_on, *ends, _number(in_sample))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


SECTION = Section(
    "blend",
    "Blend",
    "Weights and steps are chosen on held-out identities; nested gains are measured on others than they were "
    "chosen on, in-sample gains on the same and so too rosy.",
    build,
)
