"""`kaggle-face evaluate`: all metrics of runs with intervals, runs compared, and their thresholds."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import DEFAULT_RUN, CommandParser, options_of, progress_of, split_list
from kaggle_face.cli.terminal import Terminal
from kaggle_face.hints import settings_given_as


def add_arguments_evaluate(parser: CommandParser) -> None:
    """Declares the options of `evaluate`."""
    parser.add_folds_argument("folds to measure (default: all finished)")
    parser.add_checkpoints_argument("best_cls for classification, best_ver for verification")
    parser.add_argument(
        "--fpr",
        type=rates,
        metavar="RATE,...",
        help="false positive rates to find a threshold for (default: 0.01,0.001)",
    )
    parser.add_json_argument("all figures")
    parser.add_config_arguments("RUN", f"runs ({DEFAULT_RUN}), and settings as key=value")


def run_evaluate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the metrics of each run, its thresholds, and its difference from the first run."""
    from kaggle_face.artifacts.plain_values import plain_values
    from kaggle_face.artifacts.run_choice import find_named_run, sort_words
    from kaggle_face.config import load_config
    from kaggle_face.ensemble.run_thresholds import WANTED_FPRS
    from kaggle_face.summaries.evaluation import describe_evaluation

    words = sort_words(arguments.config, arguments.overrides)
    loaded = load_config(arguments.config, words.overrides)
    progress = progress_of(arguments, terminal)
    # A run that is called like a setting is none of the settings of this call.
    with settings_given_as(arguments.config, words.overrides):
        wanted: list[str | None] = [*words.runs] or [None]
        runs = [find_named_run(loaded, name, progress.log, "evaluate") for name in wanted]
        from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs

        options = options_of(EvaluateOptions, arguments, fprs=arguments.fpr or WANTED_FPRS)
        result = evaluate_runs(runs, options, progress)
    terminal.result(arguments.json, lambda: plain_values(result), lambda: describe_evaluation(result))


def rates(text: str) -> list[float]:
    """Rates separated by commas.

    >>> rates("0.1,1e-3")
    [0.1, 0.001]

    Raises:
        InputError: A word is not a number between 0 and 1.
    """
    refusal = "a rate is a number between 0 and 1, got '{word}' in --fpr {text}"
    return list(map(float, split_list(text, _is_rate, refusal)))


def _is_rate(word: str) -> bool:
    try:
        return 0 < float(word) < 1
    except ValueError:
        return False
