"""Options that the commands of one-shot recognition share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.arguments import default_config, default_gallery
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.cli.arguments import DEFAULT_RUN
from kaggle_face.extras import require_extra

if TYPE_CHECKING:
    from kaggle_face.recognition.detection.pictures import Choice
    from kaggle_face.recognition.one_shot import OneShot


def add_gallery_argument(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Adds `--gallery` and `--json`; `options` replace those of argparse, such as the default."""
    usual = default_gallery()
    parser.add_argument(
        "--gallery",
        type=Path,
        metavar="FILE",
        help=f"who is enrolled (now: {usual}; KAGGLE_FACE_GALLERY chooses another)",
        **{"default": Path(usual), **options},
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of lines", **{"default": False, **options}
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that choose a checkpoint of a trained run."""
    group = parser.add_argument_group("model (default: the one that made the gallery, else that of --run)")
    group.add_argument("-c", "--config", metavar="NAME_OR_PATH", help="settings whose runs are meant")
    group.add_argument("--run", metavar="NAME", help=f"name of the run ({DEFAULT_RUN})")
    group.add_argument("--fold", type=int, metavar="K", help="fold of the run (default: the first trained)")
    group.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="folder of a run or fold, or an exported .onnx file, instead",
    )
    group.add_argument("--checkpoint", choices=CHECKPOINTS, help="default: best_ver, where there is one")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def add_picture_arguments(parser: argparse.ArgumentParser, saves_faces: bool = True) -> None:
    """Adds the options that choose a face of a picture, and `--save-faces` for what writes them."""
    group = parser.add_argument_group("pictures")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--largest", action="store_true", help="of several faces take the largest")
    which.add_argument("--face", type=int, metavar="NUMBER", help="of several faces take this, from the left")
    which.add_argument("--aligned", action="store_true", help="the pictures are cropped faces already")
    if saves_faces:
        group.add_argument(
            "--save-faces", type=Path, metavar="DIR", help="write the faces used there, as PNG"
        )


def add_conflict_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options for people who are enrolled already."""
    group = parser.add_argument_group("people who are enrolled already (default: an error)")
    which = group.add_mutually_exclusive_group()
    for option, meaning in (
        ("add", "get more images"),
        ("replace", "get these images instead of the old ones"),
        ("skip", "stay as they are, as after an interrupted command"),
    ):
        which.add_argument(
            f"--{option}",
            dest="on_conflict",
            action="store_const",
            const=option,
            default="refuse",
            help=meaning,
        )


def one_shot_of(arguments: argparse.Namespace) -> OneShot:
    """Gallery, model and pictures as the options name them; what a command has no option for is as usual.

    Raises:
        MissingExtraError: The pictures or the model need an extra that is not installed.
    """
    given = vars(arguments)
    aligned = bool(given.get("aligned"))
    if "aligned" in given and not aligned:
        require_extra("align")
    if (file := given.get("model")) is not None and file.suffix == ".onnx":
        require_extra("onnx", "onnxruntime")
    from kaggle_face.recognition.embedder import ModelChoice
    from kaggle_face.recognition.one_shot import OneShot

    model = ModelChoice(
        settings=given.get("config"),
        run=given.get("run"),
        fold=given.get("fold"),
        folder=given.get("model"),
        checkpoint=given.get("checkpoint"),
        device=given.get("device", "auto"),
        default_settings=default_config(),
    )
    face = given.get("face")
    choice: Choice = "largest" if given.get("largest") else "only" if face is None else int(face)
    keep_pictures = not given.get("no_pictures")
    return OneShot(arguments.gallery, model, choice, aligned, given.get("save_faces"), keep_pictures)
