"""Summaries of trainings, soups, searches, and the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.summaries.summary import Summary, TextTable

if TYPE_CHECKING:
    from kaggle_face.metrics.intervals.bootstrap import Difference
    from kaggle_face.pipeline.demo import DemoResult, Figures
    from kaggle_face.pipeline.improving.soup import SoupResult
    from kaggle_face.pipeline.improving.tune import TuneResult
    from kaggle_face.pipeline.train import TrainResult

_SOUPS = {
    "fold": "number from 0",
    "score": "of the soup on held-out data",
    "best alone": "of the best checkpoint alone",
    "soup of": "what is averaged",
}
_DEMO = {
    "network": "checkpoint, or the blend",
    "held-out accuracy": "of images held out of training",
    "EER": "equal error rate of held-out pairs",
    "AUC": "area under the ROC curve of held-out pairs",
    "test accuracy": "of the test images, whose labels the demo has",
    "test EER": "of the test pairs",
    "test AUC": "of the test pairs",
}


def describe_trained_folds(result: TrainResult) -> Summary:
    """The command that goes on where a fold was stopped, the folder of the run, and the time."""
    stopped = [
        f"fold {fold}: stopped by train.max_hours with a checkpoint; go on with: {result.next_command}"
        for fold, outcome in result.outcomes.items()
        if outcome == "stopped"
    ]
    return [*stopped, f"{result.run.path}: {result.seconds:.0f} s"]


def describe_soups(result: SoupResult) -> Summary:
    """The soup of each fold, the data of its scores, its gain, and the next command."""
    rows = [
        [str(fold), f"{soup.score:.5f}", f"{soup.best_alone:.5f}", " + ".join(soup.names)]
        for fold, soup in result.soups.items()
    ]
    next_step = f"{result.run.path}: go on with: {result.run.command('predict')}"
    return [TextTable(_SOUPS, rows), *soup_lines(result), next_step]


def soup_lines(result: SoupResult) -> list[str]:
    """The data of a soup's scores, and its gain, in lines."""
    soups = result.soups
    measured_on = "; ".join(dict.fromkeys(soup.measured_on for soup in soups.values()))
    lines = [
        f"score: {result.formula}, higher is better, out-of-fold, on {measured_on}, which chose the soup"
    ]
    if len(soups) > 1:
        lines += [
            f"fold {fold}: gain over the best alone: {gain_in_words(soup.gain, soup.note)}"
            for fold, soup in soups.items()
        ]
    gain = gain_in_words(result.gain, result.note)
    return [*lines, f"gain over the best alone, on the half of the people that did not choose: {gain}"]


def gain_in_words(gain: Difference | None, note: str) -> str:
    """A gain with its interval, and whether there is one.

    >>> from kaggle_face.metrics.intervals.bootstrap import Difference
    >>> gain_in_words(Difference(0.01, -0.02, 0.04, 0.2), "")
    '+0.0100 (95 %: -0.0200 to +0.0400), so none'
    >>> gain_in_words(None, "the people are too few")
    'not known: the people are too few'
    """
    if gain is None:
        return f"not known: {note}"
    verdict = ", so none" if gain.low <= 0 <= gain.high else ", a loss" if gain.high < 0 else ""
    return f"{gain.value:+z.4f} (95 %: {gain.low:+z.4f} to {gain.high:+z.4f}){verdict}"


def describe_tuning(result: TuneResult, fold: int) -> Summary:
    """The best trial of a search on that fold, its plots, and the next command."""
    best = result.best
    found = (
        f"best of {counted(result.num_trials, 'trial')}: {result.score} = {best.score:.5f} on what fold "
        f"{fold} holds out, in trial {best.number}: {', '.join(best.overrides)}"
    )
    plots = [] if result.page is None else [f"plots of the trials: {result.page}"]
    return [found, *plots, f"{result.config_file}: go on with: {result.next_command}"]


def describe_demo(result: DemoResult) -> Summary:
    """The figures of each fold and of the blend, on held-out data and against the truth, and the CSVs."""
    rows = [
        [row.name, *(_cells(row.held_out) if row.held_out else [""] * 3), *_cells(row.test)]
        for row in result.rows
    ]
    end = f"{' and '.join(map(str, result.paths))}; all in {result.seconds:.0f} s"
    return ["", TextTable(_DEMO, rows), "", end]


def _cells(figures: Figures) -> list[str]:
    return [f"{100 * figures.accuracy:.1f} %", f"{100 * figures.eer:.1f} %", f"{figures.auc:.4f}"]
