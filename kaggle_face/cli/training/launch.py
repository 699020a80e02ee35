"""`kaggle-face launch`: prints a job script that starts a training elsewhere, such as by Slurm."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, chosen_folds, load_settings, options_of
from kaggle_face.cli.terminal import Terminal


def add_arguments_launch(parser: CommandParser) -> None:
    """Adds the kind, the resources of the job, and the options of a training."""
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--slurm", action="store_true", help="a job script for sbatch")
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines (default: 1)")
    parser.add_argument(
        "--gpus", type=int, default=1, metavar="N", help="GPUs of each machine (default: 1); 0: none"
    )
    parser.add_argument(
        "--cores", type=int, default=4, metavar="N", help="CPU cores for each GPU (default: 4)"
    )
    parser.add_argument("--time", metavar="TIME", help="longest, such as 12:00:00 (default: the cluster's)")
    parser.add_argument("--partition", metavar="NAME", help="of the cluster (default: its own)")
    parser.add_argument("--account", metavar="NAME", help="what the time is charged to (default: its own)")
    parser.add_argument(
        "--restarts", type=int, default=3, metavar="N", help="of failed processes by torchrun (default: 3)"
    )
    parser.add_fold_argument("numbers of folds, as of train")
    parser.add_argument("--run", metavar="NAME", help="name of the run, as of train")
    parser.add_rules_argument()
    parser.add_config_arguments()


def run_launch(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the script; the settings are read, so that a wrong one is found now and not in the queue."""
    from kaggle_face.pipeline.launch.slurm import SlurmOptions, training_script

    options, folds = options_of(SlurmOptions, arguments), chosen_folds(arguments)
    script = training_script(load_settings(arguments), arguments.run, folds, options, arguments.ignore_rules)
    terminal.lines(script.splitlines())
