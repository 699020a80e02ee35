"""Opening projects: settings that are there, settings that are written now, and generated faces to try."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from kaggle_face.arguments import checked, default_config
from kaggle_face.config import load_config
from kaggle_face.config.yaml_text import parse_yaml
from kaggle_face.errors import ConfigError
from kaggle_face.notebook_progress import usual_progress
from kaggle_face.progress import Progress
from kaggle_face.project.project import Project

Overrides = Mapping[str, object] | Sequence[str]


@checked
def open_project(
    config: str | Path | None = None, overrides: Overrides = (), progress: Progress | None = None
) -> Project:
    """Opens the settings of a competition; its data is read when it is first needed.

    Args:
        config: The name of settings (`configs/<name>.yaml`, or one of the package), or a path; None: those of
            the environment variable `KAGGLE_FACE_CONFIG`, or `demo`.
        overrides: Settings that differ: `{"optim.lr": 0.05}`, or `["optim.lr=0.05"]` as on the command line.
        progress: What long work reports to; None: bars in a notebook, lines in a terminal, else nothing.

    Raises:
        ConfigError: The settings are missing or wrong.

    >>> open_project("demo", {"train.epochs": 3})
    project demo (settings that differ: train.epochs=3)
    """
    word = default_config() if config is None else str(config)
    return Project(load_config(word, _as_texts(overrides)), word, progress or usual_progress())


@checked
def init_project(
    slug: str,
    data: str | Path,
    replace: bool = False,
    progress: Progress | None = None,
    own_data: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Project:
    """Detects the layout of a competition's unpacked files and writes `configs/<slug>.yaml` or `<name>.yaml`.

    Args:
        slug: The competition's name in its address.
        data: The folder of the unpacked files.
        replace: Whether settings that are there already are replaced.
        progress: As for `open_project`.
        own_data: What files of no known layout mean, as by the options of `kaggle-face init`:
            `{"image_column": "id", "pairs": ("dev.csv:a,b,same",)}`; an empty mapping is `--own`.
        name: What the settings, and the folder of their runs, are called; None: as the competition.

    Returns:
        The project of these settings.

    Raises:
        ConfigError: The settings exist already, or two readings of own data are equally likely.
        DataError: The folder has no known layout, or is broken.
    """
    from kaggle_face.competitions.own_data.answers import Answers
    from kaggle_face.pipeline.inputs.init import estimate_on_gpus, init_competition
    from kaggle_face.summaries.data import describe_detection

    shown = progress or usual_progress()
    answers = None if own_data is None else Answers.of_mapping(own_data)
    written = init_competition(slug, Path(data), replace=replace, answers=answers, name=name)
    lines = [str(line) for line in describe_detection(written)]
    for line in lines:
        shown.log(line)
    for note in dict.fromkeys(written.inspection.notes):
        if note not in lines:
            shown.warn(note)
    if estimate := estimate_on_gpus(written):
        shown.log(estimate)
    return open_project(written.path, progress=shown)


def known_competitions() -> pd.DataFrame:
    """The competitions whose files, formats, metrics and rules are known.

    >>> frame = known_competitions()
    >>> sorted(frame.columns)[:3], "demo" in set(frame["competition"])
    (['competition', 'layout', 'metric'], True)
    """
    from kaggle_face.competitions.catalogue.known import competition_spec, known_slugs

    return pd.DataFrame(
        [
            {
                "competition": spec.slug,
                "title": spec.title,
                "layout": spec.layout,
                "tasks": " + ".join(spec.tasks),
                "metric": spec.metric,
                "pixels": spec.image_size,
            }
            for spec in map(competition_spec, known_slugs())
        ]
    )


@checked
def describe_competition(name: str) -> str:
    """What is known of a competition or of a layout: files, CSVs, metric and rules, as lines to print.

    Args:
        name: A slug of `known_competitions`, or a layout such as `pair_text`.

    Raises:
        ConfigError: Neither is known here; the nearest slugs are offered.

    >>> print(describe_competition("demo").splitlines()[0])
    demo: generated faces that come with the package
    """
    from kaggle_face.competitions.catalogue.descriptions import describe

    return str(describe(name))


@checked
def generate_faces(
    folder: str | Path = "data/faces", num_identities: int = 32, seed: int = 0, size_px: int = 64
) -> Path:
    """Draws a small competition of generated faces, to try things on without a download.

    As many further identities, who are not in the training set, are in the verification trials.

    Args:
        folder: Where it is written; it is left alone if exactly this one is there already.
        num_identities: Identities of the classification task, at least 4.
        seed: Another one draws other faces.
        size_px: Side of the images.

    Returns:
        The folder, for `open_project("demo", {"data.root": ...})`.

    Raises:
        DataError: The folder holds anything else, or a number is out of range.
    """
    from kaggle_face.errors import DataError
    from kaggle_face.synthetic.dataset import write_embedded_dataset
    from kaggle_face.synthetic.dataset_plan import EmbeddedSize

    if num_identities < 4:
        raise DataError(f"a competition of generated faces has at least 4 identities, got {num_identities}")
    size = EmbeddedSize(
        num_identities=num_identities,
        num_verification_identities=max(8, num_identities),
        num_val_pairs=min(600, 8 * num_identities),
        num_test_pairs=min(1200, 16 * num_identities),
        image_size_px=size_px,
    )
    write_embedded_dataset(Path(folder), size, seed)
    return Path(folder)


def _as_texts(overrides: Overrides) -> list[str]:
    """Overrides as on the command line.

    >>> _as_texts({"optim.lr": 0.05, "model.pretrained": False, "augment.transforms": []})
    ['optim.lr=0.05', 'model.pretrained=false', 'augment.transforms=[]']
    """
    if isinstance(overrides, Mapping):
        return [f"{key}={_as_yaml(value)}" for key, value in overrides.items()]
    return list(overrides)


def _as_yaml(value: object) -> str:
    """A value as YAML that reads back equal; a plain word stays as people write it."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return value if _reads_back(value) else json.dumps(value)
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"a setting is a text, number, list or mapping, got {type(value).__name__}"
        ) from error


def _reads_back(text: str) -> bool:
    try:
        return bool(parse_yaml(text) == text)
    except (ConfigError, yaml.YAMLError):
        return False
