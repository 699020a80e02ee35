"""The start of a competition: its folder is inspected, and settings that fit it are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.competitions.inspection import (
    Inspection,
    inspect_folder,
    pairs_are_trained,
    settings_text,
)
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.sizing import Machine
from kaggle_face.config import parse_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.schema import FoldsConfig
from kaggle_face.data.folds.split import can_hold_out_identities
from kaggle_face.errors import ConfigError, InputError
from kaggle_face.file_names import why_not_portable
from kaggle_face.hardware import available_cpus
from kaggle_face.kaggle.download import plain_slug
from kaggle_face.progress import in_words

_ESTIMATED_ON = ("T4", "P100")
"""GPUs of Kaggle's notebooks."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")


@dataclass(frozen=True, eq=False)
class WrittenSettings:
    """Settings of a competition: where they were written, their text, and the inspection that they follow."""

    path: Path
    text: str
    inspection: Inspection


def init_competition(
    slug: str,
    root: Path,
    folder: Path = Path("configs"),
    replace: bool = False,
    answers: Answers | None = None,
    machine: Machine | None = None,
    name: str | None = None,
) -> WrittenSettings:
    """Inspects the unpacked files of a competition and writes `<folder>/<slug>.yaml`, or `<name>.yaml`.

    Args:
        slug: The competition's name in its address, or that address.
        root: The folder of the unpacked files.
        folder: Where settings are kept.
        replace: Whether settings that are there already are replaced.
        answers: What the files of own data are, where it is not clear; None: the layout is detected.
        machine: What the training is sized for; None: this machine.
        name: What the settings, and the folder of their runs, are called; None: as the competition.

    Raises:
        ConfigError: The settings exist already, or two readings of own data are equally likely.
        InputError: The slug or the name cannot name a file, or settings of the package have that name.
        DataError: The folder has no known layout, not that of the slug, or is broken.
    """
    slug = plain_slug(slug)
    path = folder / f"{slug if name is None else settings_name(name)}.yaml"
    if path.exists() and not replace:
        raise ConfigError(f"{path} exists already; --force replaces it")
    inspection = inspect_folder(slug, root, answers)
    kind: Literal["auto", "identities"] = "identities" if pairs_are_trained(inspection) else "auto"
    holds_out = can_hold_out_identities(inspection.data, FoldsConfig(verification=kind))
    text = settings_text(inspection, machine or this_machine(), holds_out)
    parse_config(text.replace("extends: base\n", ""), str(path))  # what is written can be read
    write_text(path, text)
    return WrittenSettings(path, text, inspection)


def estimate_on_gpus(written: WrittenSettings, machine: Machine | None = None) -> str:
    """One line about a fold's least time on Kaggle's GPUs, calculated; empty where this machine has a GPU.

    What a machine does is measured by `check`; of a GPU that is not here nothing can be.

    Args:
        written: The settings, which are sized for a CPU; the line names those for a GPU.
        machine: What the training is sized for; None: this machine.
    """
    from kaggle_face.train.speed.estimate import FoldSize
    from kaggle_face.train.speed.gpus import gpu_named
    from kaggle_face.train.speed.roofline import least_fold_seconds

    if (machine or this_machine()).gpu:
        return ""
    inspection = written.inspection
    text = settings_text(inspection, Machine("a GPU", available_cpus()))
    config = parse_config(text.replace("extends: base\n", ""), str(written.path))
    labelled = sum(len(inspection.data.faces.of_split(split)) for split in ("train", "dev"))
    held_out = labelled // config.folds.count
    size = FoldSize(len(inspection.data.classes), labelled - held_out, held_out)
    times = [
        f"{in_words(least_fold_seconds(config, size, gpu_named(name)))} on a {name}" for name in _ESTIMATED_ON
    ]
    settings = f"model.backbone={config.model.backbone}, data.image_size={config.data.image_size}"
    return (
        f"with {settings}, train.epochs={config.train.epochs} a fold takes at least {' and '.join(times)}: "
        "calculated, not measured"
    )


def settings_name(name: str) -> str:
    """The name, if settings can be called so.

    Raises:
        InputError: It is not a plain file name on every system, or that of settings of the package.
    """
    if not _NAME.match(name) or name.endswith((".yaml", ".yml")):
        raise InputError(f"settings are called by letters, digits, . _ and -, without .yaml; got '{name}'")
    reason = why_not_portable(name)
    if reason is not None:
        raise InputError(f"'{name}' {reason}; choose another --name")
    if (packaged_configs() / f"{name}.yaml").is_file():
        raise InputError(f"'{name}' is the name of settings of the package; choose another --name")
    return name


def this_machine() -> Machine:
    """The device that `device: auto` trains on here."""
    import torch

    from kaggle_face.model.device import resolve_device

    device = resolve_device("auto")
    if device.type == "cuda":
        return Machine(torch.cuda.get_device_name(device), available_cpus())
    return Machine("Apple's GPU" if device.type == "mps" else "", available_cpus())
