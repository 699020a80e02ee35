"""An evaluation: metrics with intervals, mistakes, thresholds, and differences from the first run."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from kaggle_face.summaries.legends import meanings
from kaggle_face.summaries.summary import Summary, TextTable, interval, number

if TYPE_CHECKING:
    from kaggle_face.pipeline.evaluation_rows import EvaluationResult, TaskEvaluation

_METRICS = {
    "member": "run@checkpoint, all of its folds",
    "value": "on all held-out data",
    "mean": "of the folds, or of the ten sets of the ten-fold accuracy",
    "deviation": "between these; none of a single one",
}
_THRESHOLDS = {
    "threshold": "the rule that it is found by",
    "cosine": "pairs from it on are the same person",
    "95 % interval": "where it would lie with other people",
    "FPR": "impostor pairs accepted",
    "FNR": "genuine pairs rejected",
    "accuracy": "pairs, or probes of a gallery, answered right",
}
_DIFFERENCES = {
    "difference": "first less second",
    "95 % interval": "of the difference, with other people",
    "verdict": "noise where the interval holds 0",
}


def describe_evaluation(result: EvaluationResult) -> Summary:
    """The results of an evaluation, by task."""
    from kaggle_face.inference.labelled_test import TestAccuracy

    lines: list[str | TextTable] = []
    for evaluation in result.tasks:
        lines += describe_metrics(evaluation)
        notes = notes_on_task(evaluation)
        lines += [*notes, ""] if notes else []
        lines += [
            *describe_mistakes(evaluation),
            *describe_thresholds(evaluation),
            *describe_differences(evaluation),
        ]
    for row in result.labelled_tests:
        lines.append(f"{row.name}: {TestAccuracy(row.accuracy, row.num_images)}; nothing is chosen by it")
    return lines


def notes_on_task(evaluation: TaskEvaluation) -> list[str]:
    """What is imbalanced about the held-out data, and the metrics that mean nothing on them."""
    task = evaluation.task
    left_out = [f"{task}: {each.name} is left out: {each.reason}" for each in evaluation.left_out]
    return [*(f"{task}: {line}" for line in evaluation.imbalances), *left_out]


def notes_on_evaluation(result: EvaluationResult) -> list[str]:
    """The notes on each task, and the thresholds of each member that mean nothing."""
    notes = [line for evaluation in result.tasks for line in notes_on_task(evaluation)]
    for evaluation in result.tasks:
        for member, rules in evaluation.thresholds_left_out.items():
            notes += [f"{member}: threshold {each.name} is left out: {each.reason}" for each in rules]
    return notes


def describe_metrics(evaluation: TaskEvaluation) -> Summary:
    """The metrics of each member with their intervals, and why some have none."""
    header = ["member", "metric", "value", "95 % interval", "mean", "deviation"]
    rows = [
        [
            each.member,
            each.metric,
            number(each.value),
            interval(each.low, each.high),
            number(each.mean),
            number(each.deviation),
        ]
        for each in evaluation.metrics
    ]
    notes = [
        f"{each.member}: {each.metric} has no interval; {each.note}"
        for each in evaluation.metrics
        if each.note
    ]
    table = TextTable(meanings(header, _METRICS), rows)
    return [f"{evaluation.task}, held out of training:", table, *notes, ""]


def describe_mistakes(evaluation: TaskEvaluation) -> list[str]:
    """Tables of each member's class errors."""
    lines = []
    for row in evaluation.mistakes:
        weakest = ", ".join(f"{name} {accuracy:.2f}" for name, accuracy in row.weakest)
        confused = ", ".join(f"{true} as {predicted} {count}x" for true, predicted, count in row.confusions)
        lines.append(f"{row.member}: calibration error {row.calibration_error:.4f}")
        if weakest:
            lines.append(f"{row.member}: lowest accuracies of classes: {weakest}")
        if confused:
            lines.append(f"{row.member}: most frequent confusions: {confused}")
    return [*lines, ""] if lines else []


def describe_thresholds(evaluation: TaskEvaluation) -> Summary:
    """The thresholds of each member with their error rates, and where they are kept."""
    lines: list[str | TextTable] = []
    for member, found in groupby(evaluation.thresholds, lambda row: row.member):
        rows = [
            [
                each.rule,
                number(each.threshold),
                interval(each.low, each.high),
                *map(number, (each.fpr, each.fnr, each.accuracy)),
            ]
            for each in found
        ]
        lines += [f"thresholds of {member}:", TextTable(_THRESHOLDS, rows)]
        for each in evaluation.thresholds_left_out.get(member, ()):
            lines.append(f"{each.name} is left out: {each.reason}")
        lines += [f"kept in {evaluation.threshold_files[member]}", ""]
    return lines


def describe_differences(evaluation: TaskEvaluation) -> Summary:
    """Tables of each other member's differences from the first one."""
    first, *others = evaluation.members
    legend = meanings(["metric", *_DIFFERENCES], _DIFFERENCES)
    lines: list[str | TextTable] = []
    for member in others:
        rows = [
            [each.metric, f"{each.value:+z.4f}", interval(each.low, each.high, "+"), each.verdict]
            for each in evaluation.differences
            if each.member == member
        ]
        if rows:
            lines += [f"{member} less {first}:", TextTable(legend, rows), ""]
        else:
            lines.append(f"{member} and {first}: too few people to compare them")
    return lines
