"""The text of `kaggle-face --help`: the commands in the order of work, and two examples of each."""

from __future__ import annotations

from collections.abc import Mapping

from kaggle_face.hints import PROGRAM

_FIRST = "download, init, train, ensemble, submit"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "data": ("competitions", "auth", "download", "init", "check", "cache", "augment"),
    "train": ("run", "train", "launch", "tune", "soup", "evaluate", "report", "runs", "status"),
    "blend": ("predict", "import-predictions", "ensemble", "pseudo-label"),
    "submit": ("submit", "submissions", "leaderboard"),
    "recognise": ("enroll", "verify", "identify", "people", "app"),
    "tools": ("demo", "bundle", "export", "bench"),
}
"""The commands in the order of work; one that is in no group is shown as a tool."""

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "demo": ("", "train.epochs=3"),
    "run": ("-c faces-2026 --minutes 8", "-c faces-2026 --hours 2 --plan"),
    "competitions": ("", "show pair_text"),
    "init": ("faces-2026 --data data/faces-2026", "faces-2026 --data data/faces-2026 --name faces --force"),
    "check": ("-c faces-2026 --pictures", "-c faces-2026 --labels main"),
    "cache": ("-c faces-2026", "-c faces-2026 data.image_size=64"),
    "augment": ("--preview -c faces-2026", "--preview --images 4 -c faces-2026 augment.cutmix.probability=1"),
    "train": ("-c faces-2026", "-c faces-2026 --fold 0 --run small optim.lr=0.05"),
    "launch": (
        "--slurm --gpus 4 --time 12:00:00 -c faces-2026",
        "--slurm --nodes 2 --gpus 8 --partition gpu -c faces-2026 --fold 0",
    ),
    "tune": (
        "--space space.yaml --trials 30 -c faces-2026",
        "--space space.yaml --storage /shared/search.journal --device cuda:1 -c faces-2026",
    ),
    "evaluate": ("-c faces-2026", "main small -c faces-2026"),
    "report": ("-c faces-2026", "main/ensemble small -c faces-2026 --to faces.html"),
    "runs": ("-c faces-2026", "-c faces-2026 --all"),
    "predict": ("-c faces-2026", "-c faces-2026 --run main --folds 0,1"),
    "status": ("-c faces-2026", "-c faces-2026 --run main"),
    "soup": ("-c faces-2026", "-c faces-2026 --run main --checkpoints best_cls,last"),
    "import-predictions": (
        "ann --task classification --oof oof.csv --test test.csv -c faces",
        "ben --task verification --test scores.csv -c faces",
    ),
    "ensemble": ("-c faces-2026", "--run main --run small -c faces-2026"),
    "pseudo-label": ("-c faces-2026", "-c faces-2026 --confidence 0.99 --most 20"),
    "submit": ("-c faces-2026 --dry-run", "-c faces-2026 -m 'five folds'"),
    "submissions": ("-c faces-2026", "faces-2026 --plot scores.svg"),
    "leaderboard": ("-c faces-2026", "faces-2026 --top 20"),
    "download": (
        "faces-2026",
        "https://www.kaggle.com/competitions/faces-2026/data --to data/faces",
    ),
    "export": ("-c faces-2026", "main --blend --outputs both -c faces-2026"),
    "enroll": ("Ann ann.jpg -c faces-2026", "photos --largest -c faces-2026"),
    "verify": ("Ann visitor.jpg -c faces-2026", "one.jpg other.jpg -c faces-2026"),
    "identify": ("visitor.jpg -c faces-2026", "visitor.jpg -k 3 --json"),
    "people": ("list", "rename Ann Anna"),
    "app": ("-c faces-2026", "-c faces-2026 --port 9000"),
    "bundle": ("-c faces-2026", "-c faces-2026 --run main --upload"),
    "bench": ("train -c faces-2026", "predict --quick -c faces-2026"),
    "auth": ("", "--offline"),
}
"""The words behind a command in two different calls of it."""


def overview_lines(summaries: Mapping[str, str]) -> list[str]:
    """The lines of the overview.

    Args:
        summaries: What each command does.
    """
    width = max(map(len, summaries))
    grouped = {name for names in GROUPS.values() for name in names}
    lines = [
        f"usage: {PROGRAM} COMMAND [options] [key=value ...]",
        "",
        "From a face competition's download to a scored submission.",
        f"Most people need five commands: {_FIRST}.",
    ]
    for group, names in GROUPS.items():
        more = [name for name in summaries if name not in grouped] if group == "tools" else []
        lines += ["", f"{group}:"]
        lines += [f"  {name:<{width}}  {summaries[name]}" for name in (*names, *more) if name in summaries]
    return [*lines, "", f"{PROGRAM} COMMAND --help describes one command, with examples."]


def examples_of(command: str) -> str:
    """The end of a command's help; empty for one without examples.

    >>> examples_of("runs").splitlines()
    ['examples:', '  kaggle-face runs -c faces-2026', '  kaggle-face runs -c faces-2026 --all']
    """
    calls = [f"  {PROGRAM} {command} {words}".rstrip() for words in EXAMPLES.get(command, ())]
    return "\n".join(["examples:", *calls]) if calls else ""
