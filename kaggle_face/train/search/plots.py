"""A page of a search's trials: one HTML file without external parts."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.plotly_script import plotly_script

if TYPE_CHECKING:
    import optuna

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 1rem auto; max-width: 70rem; }}</style></head>
<body><script>{script}</script><h1>{title}</h1><p>{note}</p>
"""


def can_plot() -> bool:
    """Whether plotly is installed."""
    from importlib.util import find_spec

    return find_spec("plotly") is not None


def write_trials_page(path: Path, study: optuna.Study, title: str, note: str, score: str) -> None:
    """Writes the history of the scores, the importance of settings, and all trials as parallel coordinates.

    A plot for which there are too few trials is left out, with the reason in its place.

    Args:
        path: The page.
        study: With at least one finished trial.
        title: Its heading.
        note: A sentence below it.
        score: What an axis of scores is called.
    """
    parts = [_HEAD.format(title=html.escape(title), note=html.escape(note), script=plotly_script())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of plots that are called experimental
        for heading, plot in _plots(study, score).items():
            parts.append(f"<h2>{html.escape(heading)}</h2>\n")
            try:
                parts.append(plot().to_html(full_html=False, include_plotlyjs=False))
            except (ValueError, RuntimeError) as error:
                parts.append(f"<p>left out: {html.escape(' '.join(str(error).split()))}</p>\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts) + "</body></html>\n")


def _plots(study: optuna.Study, score: str) -> Mapping[str, Callable[[], Any]]:
    from optuna import visualization
    from optuna.importance import FanovaImportanceEvaluator

    return {
        "Score of each trial": lambda: visualization.plot_optimization_history(study, target_name=score),
        "Importance of each setting": lambda: visualization.plot_param_importances(
            study, evaluator=FanovaImportanceEvaluator(seed=0), target_name=score
        ),
        "All trials": lambda: visualization.plot_parallel_coordinate(study, target_name=score),
    }
