"""The network of a gallery's embeddings, and the threshold from which two faces are one person."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.files.reading import json_object
from kaggle_face.artifacts.model_fields import CARD, check_fields
from kaggle_face.errors import GalleryError, InputError, RunError
from kaggle_face.hints import command_line

ThresholdName = Literal["fpr-1e-2", "fpr-1e-3", "eer"]
THRESHOLD_NAMES: tuple[ThresholdName, ...] = ("fpr-1e-2", "fpr-1e-3", "eer")
DEFAULT_THRESHOLD: ThresholdName = "fpr-1e-3"


@dataclass(frozen=True)
class Threshold:
    """The lowest score that is accepted, and where it comes from.

    `fpr` and `fnr` are the rates of wrongly accepted and wrongly rejected pairs there, on `num_different` and
    `num_same` out-of-fold pairs; NaN and 0 for a threshold that was given by hand.
    """

    name: str
    value: float
    fpr: float = math.nan
    fnr: float = math.nan
    num_different: int = 0
    num_same: int = 0

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.name})"

    def as_json(self) -> dict[str, Any]:
        """Its values; a rate that was not measured is None."""
        values = dataclasses.asdict(self)
        return {name: None if value != value else value for name, value in values.items()}


@dataclass(frozen=True)
class ModelCard:
    """A checkpoint of a run: fingerprint of weights and settings, where it lies, its sizes and thresholds.

    `run` is `<config>/<run>`, `folder` that of the fold, or the path of an exported ONNX file.
    """

    fingerprint: str
    run: str
    fold: int
    checkpoint: str
    folder: str
    image_size: int
    embedding_size: int
    thresholds: tuple[Threshold, ...] = ()

    @property
    def name(self) -> str:
        """The name of the checkpoint in messages."""
        which = "" if self.checkpoint == "blend" else f"fold {self.fold} "
        return f"{self.run} {which}{self.checkpoint} [{self.fingerprint[:8]}]"

    @property
    def is_exported(self) -> bool:
        """Whether it is an exported ONNX file."""
        return self.folder.lower().endswith(".onnx")

    def re_embed_command(self, gallery: Path | None) -> str:
        """The command line that makes a gallery one of this checkpoint; None is the usual gallery."""
        named = () if gallery is None else ("--gallery", str(gallery))
        checkpoint = () if self.is_exported else ("--checkpoint", self.checkpoint)
        return command_line("people", "re-embed", "--model", self.folder, *checkpoint, *named)

    def threshold(self, wanted: str) -> Threshold:
        """The threshold of a name, or a number as one.

        Raises:
            InputError: Neither a known name nor a number in [-1, 1].
            GalleryError: The run has no scored pairs, so no threshold is known by name.
        """
        found = [threshold for threshold in self.thresholds if threshold.name == wanted]
        if found:
            return found[0]
        if wanted in THRESHOLD_NAMES:
            raise GalleryError(
                f"no threshold '{wanted}' is known: {self.run} has no labelled out-of-fold pairs; give a "
                "number instead, such as --threshold 0.4"
            )
        try:
            value = float(wanted)
        except ValueError:
            value = math.nan
        if not -1.0 <= value <= 1.0:
            raise InputError(
                f"a threshold is {', '.join(THRESHOLD_NAMES)} or a number from -1 to 1, got '{wanted}'"
            )
        return Threshold("given", value)

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(
            {**dataclasses.asdict(self), "thresholds": [one.as_json() for one in self.thresholds]}
        )


def card_from_text(text: str) -> ModelCard:
    """The card that `to_text` wrote.

    Raises:
        GalleryError: The text is not a model card.
    """
    try:
        values = json_object(text)
        check_fields(values, CARD, "a model card", "export or enroll again")
    except (ValueError, RecursionError, RunError) as error:
        raise GalleryError(f"the description of the gallery's model is damaged: {error}") from error
    found: list[dict[str, Any]] = values.pop("thresholds")
    measured: list[dict[str, Any]] = [
        {name: math.nan if each is None else each for name, each in one.items()} for one in found
    ]
    thresholds = tuple(Threshold(**one) for one in measured)
    return ModelCard(**values, thresholds=thresholds)
