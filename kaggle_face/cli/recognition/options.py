"""What the commands of one-shot recognition share: the gallery, the model, and how pictures are read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.private import make_private_folder, write_privately
from kaggle_face.artifacts.run_choice import find_named_run
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.cli.arguments import DEFAULT_RUN, default_config
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, RunError

if TYPE_CHECKING:
    from kaggle_face.recognition.detection.pictures import Choice, Face
    from kaggle_face.recognition.embedder import RunEmbedder
    from kaggle_face.recognition.gallery.enrolment import PictureReader
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.gallery.tables import IfThere

ACCEPTED, REJECTED = 0, 3
"""The exit codes of a decision; 2 says that the input was wrong, as everywhere."""


def add_gallery_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--gallery`."""
    default = os.environ.get("KAGGLE_FACE_GALLERY", "gallery.sqlite")
    parser.add_argument(
        "--gallery",
        type=Path,
        default=Path(default),
        metavar="FILE",
        help=f"who is enrolled (now: {default}; KAGGLE_FACE_GALLERY chooses another)",
    )


def keep_private(gallery: Path, terminal: Terminal) -> None:
    """Takes a gallery from other users of this machine, and says so."""
    from kaggle_face.recognition.gallery.database import tighten_gallery

    if tighten_gallery(gallery):
        terminal.warn(f"other users of this machine could read {gallery}; now its owner alone can")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that choose a checkpoint of a trained run."""
    group = parser.add_argument_group("model (default: the one that made the gallery, else that of --run)")
    group.add_argument("-c", "--config", metavar="NAME_OR_PATH", help="settings whose runs are meant")
    group.add_argument("--run", metavar="NAME", help=f"name of the run ({DEFAULT_RUN})")
    group.add_argument("--fold", type=int, metavar="K", help="fold of the run (default: the first trained)")
    group.add_argument("--model", type=Path, metavar="FOLDER", help="folder of a run or fold, instead")
    group.add_argument("--checkpoint", choices=CHECKPOINTS, help="default: best_ver, where there is one")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which face of a picture is meant."""
    group = parser.add_argument_group("pictures")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--largest", action="store_true", help="of several faces take the largest")
    which.add_argument("--face", type=int, metavar="NUMBER", help="of several faces take this, from the left")
    which.add_argument("--aligned", action="store_true", help="the pictures are cropped faces already")
    group.add_argument("--save-faces", type=Path, metavar="DIR", help="write the faces used there, as PNG")


def add_threshold_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--threshold`."""
    parser.add_argument(
        "--threshold",
        default="fpr-1e-3",
        metavar="NAME_OR_NUMBER",
        help="fpr-1e-2, fpr-1e-3 or eer, as measured on the run's held-out pairs, or a score "
        "(default: fpr-1e-3, one of 1000 pairs of different people is accepted)",
    )


def add_if_there_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what is done with people who are enrolled already."""
    group = parser.add_argument_group(
        "who is enrolled already (default: an error)"
    ).add_mutually_exclusive_group()
    group.add_argument("--add", action="store_true", help="gets more images")
    group.add_argument("--replace", action="store_true", help="gets these images instead of the old ones")
    group.add_argument("--skip", action="store_true", help="stays as is, as after an interrupted command")


def if_there(arguments: argparse.Namespace) -> IfThere:
    """What is done with people who are enrolled already."""
    if arguments.add:
        return "add"
    if arguments.replace:
        return "replace"
    return "skip" if arguments.skip else "refuse"


def open_model(arguments: argparse.Namespace, gallery: Gallery | None, terminal: Terminal) -> RunEmbedder:
    """The checkpoint that is asked for, or the one that made the gallery, or that of the run that is meant.

    Raises:
        RunError: There is no such run.
        GalleryError: The run that made the gallery is gone or was trained again.
    """
    from kaggle_face.recognition.embedder import RunEmbedder, open_embedder_of

    asked = (arguments.config, arguments.run, arguments.fold, arguments.model, arguments.checkpoint)
    card = gallery.model() if gallery is not None else None
    if card is not None and all(value is None for value in asked):
        return open_embedder_of(card, arguments.device, arguments.gallery)
    return RunEmbedder(_fold_folder(arguments, terminal), arguments.checkpoint, arguments.device)


def _fold_folder(arguments: argparse.Namespace, terminal: Terminal) -> FoldFolder:
    from kaggle_face.config import load_config

    if arguments.model is not None:
        if (arguments.model / "run.json").is_file():
            return FoldFolder(arguments.model)
        run = RunFolder(arguments.model)
    else:
        loaded = load_config(arguments.config or default_config())
        # A document on standard output stays one.
        tell = terminal.warn if getattr(arguments, "json", False) else terminal.say
        run = find_named_run(loaded, arguments.run, tell)
    folds = {folder.fold: folder for folder in run.finished_folds() or run.started_folds()}
    if not folds:
        raise RunError(f"{run.path} holds no trained run; name the folder of a run or of one of its folds")
    fold = min(folds) if arguments.fold is None else arguments.fold
    if fold not in folds:
        there = ", ".join(map(str, folds))
        raise RunError(
            f"fold {fold} of {run.name} was not trained (trained: {there}); run: {run.training_command(fold)}"
        )
    return folds[fold]


def open_reader(arguments: argparse.Namespace, image_size: int) -> PictureReader:
    """How the faces of pictures are found.

    Raises:
        MissingExtraError: Faces are to be found, and the detector is not installed.
    """
    from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
    from kaggle_face.recognition.detection.pictures import crop_size
    from kaggle_face.recognition.gallery.enrolment import PictureReader

    detector = None if arguments.aligned else MtcnnDetector()
    return PictureReader(detector, crop_size(image_size), _choice(arguments))


def _choice(arguments: argparse.Namespace) -> Choice:
    if arguments.largest:
        return "largest"
    return "only" if arguments.face is None else int(arguments.face)


def save_faces(faces: Sequence[Face], folder: Path | None) -> None:
    """Writes the faces that were used as PNG files named after their pictures.

    Raises:
        InputError: The folder cannot be written.
    """
    from kaggle_face.recognition.detection.pictures import png_of

    if folder is None:
        return
    try:
        make_private_folder(folder)
        for number, face in enumerate(faces, start=1):
            write_privately(folder / f"{number:03}-{Path(face.source).stem}.png", png_of(face.crop))
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


def face_json(face: Face) -> dict[str, Any]:
    """Which face of a picture was used."""
    place = face.place
    box = None if place is None else [place.left, place.top, place.width, place.height]
    confidence = None if place is None else round(place.confidence, 4)
    return {"picture": face.source, "box": box, "confidence": confidence, "aligned": place is None}


def face_line(face: Face) -> str:
    """Which face of a picture was used, for people."""
    if face.place is None:
        return f"{face.source}: taken as an aligned face"
    return f"{face.source}: face of {face.place}, confidence {face.place.confidence:.3f}"


def say_json(terminal: Terminal, values: Any) -> None:
    """Prints one JSON document."""
    terminal.json(values)
