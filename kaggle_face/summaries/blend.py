"""Summary of a blend: members and other blends, post-processing, and the choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.summaries.legends import meanings
from kaggle_face.summaries.summary import Summary, TextTable, interval, number, signed

if TYPE_CHECKING:
    from kaggle_face.ensemble.result_rows import CandidateRow, TaskBlend
    from kaggle_face.pipeline.ensemble import BlendResult

_MOST_WEIGHTS_SHOWN = 5
_LEGEND = {
    "blend": "'>' is chosen",
    "95 % interval": "of the gain, with other people",
    "weights": "of the members, in their order",
    "post-processing": "a step and its best setting",
    "use": "on where the whole interval is above 0",
}
_ALWAYS_SHOWN = ("accuracy", "top5", "eer", "auc", "tpr@1e-2", "tpr@1e-3")


def describe_blend(result: BlendResult) -> Summary:
    """Tables of every member and blend, and the files that were written."""
    lines: list[str | TextTable] = []
    for blend in result.tasks:
        lines += [f"{blend.task}: {note}" for note in blend.notes]
        lines += describe_choice(blend) if blend.candidates else [members_table(blend)]
        lines += describe_steps(blend)
    if result.gallery_accuracy is not None:
        lines.append(
            f"dev gallery: accuracy {result.gallery_accuracy:.4f} of naming the probes with this blend"
        )
    if result.labelled_test is not None:
        lines.append(f"this blend: {result.labelled_test}; nothing is chosen by it")
    lines.append(_parameters(result))
    return [*lines, *map(str, result.paths)]


def _parameters(result: BlendResult) -> str:
    """The parameters of all networks, as far as they are known."""
    known = f"{counted(result.num_parameters, 'parameter')} in all networks of the blend"
    if not result.uncounted:
        return known
    first, *others = dict.fromkeys(result.uncounted)
    whose = f"{first} and {counted(len(others), 'other')}" if others else first
    if not result.num_parameters:
        why = f"{whose} {'were' if others else 'was'} imported without --parameters"
        return f"parameters in all networks of the blend: not known; {why}"
    return f"{known}, and those of {whose}, which are not known"


def members_table(blend: TaskBlend) -> TextTable:
    """The members of a blend that was not chosen among others."""
    legend = {
        "member": f"a network of each fold, for {blend.task}",
        "folds": "their numbers",
        "weight": "share, sum 1",
    }
    return TextTable(
        legend,
        [[each.member, " ".join(map(str, each.folds)), f"{each.weight:.3f}"] for each in blend.members],
    )


def describe_choice(blend: TaskBlend) -> Summary:
    """The candidates with their figures out of fold, the gains of blends, and the reason of the choice."""
    columns = _shown(blend.candidates[0].metrics, blend.metric)
    nested = f"nested {blend.metric}"
    legend = meanings(["blend", *columns, nested], {**_LEGEND, nested: "by weights found on other people"})
    rows = [
        [_marked(each), *(number(each.metrics[name]) for name in columns), number(each.nested)]
        for each in blend.candidates
    ]
    lines: list[str | TextTable] = [f"{blend.task}, out of fold:", TextTable(legend, rows)]
    blends = [each for each in blend.candidates if each.kind != "single"]
    if blends:
        legend = meanings(["blend", "gain", "95 % interval", "in-sample", "weights"], _LEGEND)
        rows = [
            [
                _marked(each),
                signed(each.gain),
                interval(each.low, each.high, "+") if each.gain is not None else "-",
                signed(each.in_sample_gain),
                _weights(each),
            ]
            for each in blends
        ]
        lines += ["", TextTable(legend, rows)]
    folds = blend.members[0].folds
    of_folds = f"{'fold' if len(folds) == 1 else 'folds'} {' '.join(map(str, folds))}"
    return [*lines, f"{blend.task}: {blend.chosen} ({of_folds}), because {blend.reason}", ""]


def describe_steps(blend: TaskBlend) -> Summary:
    """The steps of post-processing that were tried, and the figures with those that are on."""
    if blend.tuned_metrics is None:
        return []
    rows = [
        [
            each.setting,
            "on" if each.is_on else "off",
            signed(each.gain),
            interval(each.low, each.high, "+"),
            signed(each.in_sample_gain),
        ]
        for each in blend.steps
    ]
    header = ["post-processing", "use", "gain", "95 % interval", "in-sample"]
    legend = meanings(header, {**_LEGEND, "gain": "over the steps before, nested"})
    metrics = blend.tuned_metrics
    figures = ", ".join(f"{name} {metrics[name]:.4f}" for name in _shown(metrics, blend.metric))
    return [TextTable(legend, rows), f"with what is on: {figures}", ""]


def _marked(candidate: CandidateRow) -> str:
    return f"{'> ' if candidate.is_chosen else '  '}{candidate.name}"


def _shown(metrics: Mapping[str, float], main: str) -> list[str]:
    """The metrics worth a column: the usual ones, and the one that the blend is chosen by."""
    return [name for name in metrics if name in (main, *_ALWAYS_SHOWN)]


def _weights(candidate: CandidateRow) -> str:
    weights = candidate.weights
    if len(weights) <= _MOST_WEIGHTS_SHOWN:
        return " ".join(f"{weight:.2f}" for weight in weights)
    return f"{sum(weight > 0 for weight in weights)} of {counted(len(weights), 'member')}"
