"""From crops to embeddings with a checkpoint of a trained run.

Letters: B crops, S side in pixels, D embedding size.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.errors import GalleryError, InputError, RunError
from kaggle_face.inference.onnx_embedder import OnnxEmbedder, require_cpu
from kaggle_face.inference.onnx_file import SUFFIX
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.pictures import Crop
from kaggle_face.recognition.gallery.model_card import THRESHOLD_NAMES, ModelCard, Threshold, ThresholdName

if TYPE_CHECKING:
    from kaggle_face.artifacts.runs import FoldFolder
    from kaggle_face.config import Config
    from kaggle_face.config.schema import CheckpointName
    from kaggle_face.metrics.trials import SortedTrials
    from kaggle_face.records import PairScores

_FALSE_POSITIVE_RATES: dict[ThresholdName, float] = {"fpr-1e-2": 1e-2, "fpr-1e-3": 1e-3}
_PREPARATION = "arcface-112, bicubic, 1"
"""Changes when crops are cut or resized in another way, since embeddings then differ."""


@dataclass(frozen=True)
class ModelChoice:
    """The checkpoint that embeds faces; without a choice it is the one that made the gallery.

    Attributes:
        settings: Settings (a name or a path) whose runs are meant.
        run: Name of the run; None: the one that is clearly meant.
        fold: Fold of the run; None: the first that is trained.
        folder: Folder of a run or of one of its folds, or an exported `.onnx` file, instead of settings and
            run.
        checkpoint: None: the best one for verification.
        device: `auto`, `cpu`, `cuda` or `mps`.
        default_settings: Settings whose runs are meant where neither choice nor gallery names a model.
    """

    settings: str | None = None
    run: str | None = None
    fold: int | None = None
    folder: Path | None = None
    checkpoint: CheckpointName | None = None
    device: str = "auto"
    default_settings: str = "demo"

    @property
    def is_made(self) -> bool:
        """Whether anything but the device is chosen."""
        given = (self.settings, self.run, self.fold, self.folder, self.checkpoint)
        return any(value is not None for value in given)

    @property
    def onnx_file(self) -> Path | None:
        """The exported file that is chosen; None for a run.

        Raises:
            InputError: A fold, run or checkpoint is named beside it.
            ConfigError: A device other than the CPU is.
        """
        if self.folder is None or self.folder.suffix.lower() != SUFFIX or self.folder.is_dir():
            return None
        if any(value is not None for value in (self.settings, self.run, self.fold, self.checkpoint)):
            raise InputError(f"{self.folder} holds one network; leave -c, --run, --fold and --checkpoint out")
        require_cpu(self.device)
        return self.folder

    def fold_folder(self, progress: Progress) -> FoldFolder:
        """The trained fold.

        Raises:
            InputError: Settings, a run or another fold is named beside a folder.
            RunError: There is no such run, it is not clear which is meant, or the fold was not trained.
        """
        from kaggle_face.artifacts.run_choice import find_named_run
        from kaggle_face.artifacts.runs import FoldFolder, RunFolder

        if self.folder is not None:
            if self.settings is not None or self.run is not None:
                raise InputError(f"the folder {self.folder} names the run already; leave -c and --run out")
            if (self.folder / "run.json").is_file():
                folder = FoldFolder(self.folder)
                if self.fold is not None and self.fold != folder.fold:
                    raise InputError(f"{self.folder} is not fold {self.fold}; leave --fold out")
                return folder
            run = RunFolder(self.folder)
        else:
            from kaggle_face.config import load_config

            run = find_named_run(load_config(self.settings or self.default_settings), self.run, progress.log)
        run.require_networks("to embed with")
        folds = {folder.fold: folder for folder in run.finished_folds() or run.started_folds()}
        if not folds:
            raise RunError(
                f"{run.path} holds no trained run; name the folder of a run or of one of its folds"
            )
        fold = min(folds) if self.fold is None else self.fold
        if fold not in folds:
            raise RunError(
                f"fold {fold} of {run.name} was not trained (trained: {', '.join(map(str, folds))}); "
                f"run: {run.training_command(fold)}"
            )
        return folds[fold]


class Embedder(Protocol):
    """Whatever turns crops into embeddings."""

    @property
    def card(self) -> ModelCard:
        """The card of the model."""

    def embed(self, crops: Sequence[Crop]) -> npt.NDArray[np.float32]:
        """Embeddings (B, D) of length 1 of crops (S, S, 3), which may be of any size."""


class RunEmbedder:
    """A checkpoint of a run, computed in float32 so that every machine gets the same scores.

    Raises:
        RunError: The fold or the checkpoint is missing.
    """

    def __init__(self, folder: FoldFolder, checkpoint: CheckpointName | None = None, device: str = "auto"):
        from kaggle_face.inference.embedder import load_embedder

        self._embedder = load_embedder(folder, checkpoint=checkpoint, device=device)
        size = self._embedder.embedding_size
        self._card = _card_of(folder, self._embedder.checkpoint, self._embedder.config, size)

    @property
    def card(self) -> ModelCard:
        """The card of the model."""
        return self._card

    def embed(self, crops: Sequence[Crop]) -> npt.NDArray[np.float32]:
        """Embeddings (B, D) of length 1 of crops (S, S, 3), which may be of any size."""
        return self._embedder.embed(crops)


class OnnxFileEmbedder:
    """An exported file, computed by onnxruntime; torch is not imported.

    Raises:
        RunError: The file is missing, damaged, not a file of `export`, or gives no embeddings.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._embedder = OnnxEmbedder(path)
        about = self._embedder.description
        if not about.embedding_size:
            raise RunError(f"{path} gives logits alone; export the run with --outputs embeddings")
        self._card = ModelCard(
            fingerprint=about.fingerprint,
            run=about.run,
            fold=about.fold,
            checkpoint=about.checkpoint,
            folder=str(path.resolve()),
            image_size=about.image_size,
            embedding_size=about.embedding_size,
            thresholds=tuple(Threshold(**one) for one in about.thresholds),
        )

    @property
    def card(self) -> ModelCard:
        """The card of the model."""
        return self._card

    def embed(self, crops: Sequence[Crop]) -> npt.NDArray[np.float32]:
        """Embeddings (B, D) of length 1 of crops (S, S, 3), which may be of any size."""
        return self._embedder.embed(crops)


def open_embedder_of(
    card: ModelCard, device: str = "auto", gallery: Path | None = None
) -> RunEmbedder | OnnxFileEmbedder:
    """The model that made a gallery (the file at `gallery`, for errors), from where its run lay then.

    Raises:
        GalleryError: The run was moved, or trained again since.
    """
    folder = Path(card.folder)
    if card.is_exported and folder.is_file():
        require_cpu(device)
        return _same_as(card, OnnxFileEmbedder(folder), gallery)
    if card.is_exported or not folder.is_dir():
        what, where = ("file", "FILE") if card.is_exported else ("folder", "FOLDER")
        raise GalleryError(
            f"the gallery was made by {card.name}, whose {what} {card.folder} is gone; name where it is "
            f"now: --model {where}"
        )
    checkpoint = next((known for known in CHECKPOINTS if known == card.checkpoint), None)
    if checkpoint is None:
        raise InputError(f"there is no checkpoint '{card.checkpoint}'; there are: {', '.join(CHECKPOINTS)}")
    from kaggle_face.artifacts.runs import FoldFolder

    return _same_as(card, RunEmbedder(FoldFolder(folder), checkpoint, device), gallery)


_Opened = TypeVar("_Opened", "RunEmbedder", "OnnxFileEmbedder")


def _same_as(card: ModelCard, embedder: _Opened, gallery: Path | None) -> _Opened:
    """The embedder that lies where a gallery's model lay, if it is that model still.

    Raises:
        GalleryError: It is another.
    """
    if embedder.card.fingerprint != card.fingerprint:
        again = "exported anew from other weights" if card.is_exported else "trained again"
        raise GalleryError(
            f"the gallery was made by {card.name}, but {card.folder} was {again} since; re-embed the "
            f"gallery: {embedder.card.re_embed_command(gallery)}"
        )
    return embedder


def read_thresholds(folder: FoldFolder, checkpoint: CheckpointName) -> tuple[Threshold, ...]:
    """The thresholds of a checkpoint on the fold's held-out pairs; none where it has no labelled pairs.

    Raises:
        RunError: The record of the pairs is damaged, or of other weights than the checkpoint's.
    """
    from kaggle_face.artifacts.provenance import require_current
    from kaggle_face.artifacts.record_io import read_pair_scores

    record = folder.record_folder("oof", checkpoint, "pairs")
    if not record.is_dir():
        return ()
    require_current(folder, "oof", checkpoint, "pairs")
    return thresholds_of(read_pair_scores(record))


def thresholds_of(scores: PairScores) -> tuple[Threshold, ...]:
    """The thresholds at a false positive rate of 1e-2 and 1e-3, and at the equal error rate.

    Where no pair of the same person scores above the refused ones, the threshold lies just above them.
    """
    from kaggle_face.metrics.trials import sort_trials

    if not {0, 1} <= set(np.unique(scores.labels).tolist()):
        return ()
    known = scores.labels >= 0
    trials = sort_trials(scores.scores[known], scores.labels[known])
    return tuple(_threshold(name, trials) for name in THRESHOLD_NAMES)


def _threshold(name: ThresholdName, trials: SortedTrials) -> Threshold:
    if name == "eer":
        value = trials.equal_error_rate().threshold
    else:
        value = trials.tpr_at_fpr(_FALSE_POSITIVE_RATES[name]).threshold
    if not math.isfinite(value):
        value = float(np.nextafter(trials.impostor.scores[-1], np.float32(2)))
    rates = trials.error_rates(value)
    return Threshold(name, value, rates.fpr, rates.fnr, trials.impostor.total, trials.genuine.total)


def _card_of(
    folder: FoldFolder, checkpoint: CheckpointName, config: Config, embedding_size: int
) -> ModelCard:
    run = folder.path.resolve().parent
    return ModelCard(
        fingerprint=fingerprint_of(folder, checkpoint, config),
        run=f"{run.parent.name}/{run.name}",
        fold=folder.fold,
        checkpoint=checkpoint,
        folder=str(folder.path.resolve()),
        image_size=config.data.image_size,
        embedding_size=embedding_size,
        thresholds=read_thresholds(folder, checkpoint),
    )


def fingerprint_of(
    folder: FoldFolder,
    checkpoint: CheckpointName,
    config: Config,
    flip: bool | None = None,
    crops: bool | None = None,
) -> str:
    """The digest of a checkpoint's weights and of all settings that change an embedding.

    `flip` and `crops` stand for those of the settings where embeddings are averaged in another way.

    Raises:
        RunError: The checkpoint is missing or damaged.
    """
    from kaggle_face.artifacts.checkpoint_file import weights_digest
    from kaggle_face.model.trained import model_of_fold

    content = weights_digest(folder.weights_file(checkpoint))
    of_fold = model_of_fold(folder, config)
    left_out = {"weights", "pretrained", "further_center_crops"}
    if of_fold.center_crop == 1.0:
        left_out.add("center_crop")  # so that galleries of before it was a setting are of the same network
    settings = {
        "model": of_fold.model_dump(mode="json", exclude=left_out),
        "image_size": config.data.image_size,
        "flip": config.predict.flip if flip is None else flip,
        "crops": config.predict.crops if crops is None else crops,
        "preparation": _PREPARATION,
    }
    text = content + json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
