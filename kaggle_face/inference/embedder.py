"""A trained network as a function from pictures to embeddings, outside of any competition."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import DataError, RunError, nearest_hint
from kaggle_face.inference.batch_size import size_without_search
from kaggle_face.inference.embedding import embed_all
from kaggle_face.metrics.similarity import normalized
from kaggle_face.model.amp import resolve_device
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.trained import load_trained_network, read_trained_config
from kaggle_face.pictures import decode_rgb, read_picture, resized, square_pixels

Picture = str | PathLike[str] | npt.NDArray[np.uint8] | Image.Image
"""A path, RGB pixels (H, W, 3) in uint8, or a PIL image."""

_PREFERRED: tuple[CheckpointName, ...] = ("best_ver", "best", "best_cls", "last")


class Embedder:
    """A checkpoint of a fold, computed in float32 so that every machine gets the same embeddings.

    Attributes:
        folder: The fold.
        checkpoint: The name of the checkpoint.
        config: The settings that the fold was trained with.
        embedding_size: D.
    """

    def __init__(self, folder: FoldFolder, checkpoint: CheckpointName, device: str = "auto") -> None:
        """Loads the network.

        Raises:
            RunError: The fold or the checkpoint is missing or damaged.
            ConfigError: The machine has no such device.
        """
        self._device = resolve_device(device)
        prepare_cpu(self._device)
        self._network = load_trained_network(folder, checkpoint, self._device)
        self.folder, self.checkpoint = folder, checkpoint
        self.config = read_trained_config(folder)
        self.embedding_size = self._network.embedding_size
        self._network.averages_crops = self.config.predict.crops

    @property
    def image_size(self) -> int:
        """The side in pixels to which every picture is stretched."""
        return self.config.data.image_size

    def __repr__(self) -> str:
        return (
            f"Embedder({self.folder.path}, {self.checkpoint}, {self.image_size} px -> "
            f"{self.embedding_size} numbers, {self._device})"
        )

    def embed(self, images: Sequence[Picture] | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embeddings (N, D) of length 1, so that the cosine of two images is the dot product.

        Pictures are read as those of the training were: turned upright, stretched to a square, with RGB
        pixels. No face is looked for: they are aligned crops, as the network was trained on.

        Args:
            images: Paths, arrays uint8 (H, W, 3) in RGB order, PIL images, or one array uint8 (N, H, W, 3).

        Raises:
            DataError: A file is missing or not a picture, or an array has another shape or type.
        """
        if isinstance(images, str | PathLike | Image.Image):
            raise DataError(f"embed takes a list of images, got one {type(images).__name__}; write [image]")
        count = len(images)
        size = size_without_search(self.config.predict.batch_size, self.image_size)
        batches = (
            np.stack([_pixels(images[n], self.image_size, n) for n in range(start, min(start + size, count))])
            for start in range(0, count, size)
        )
        vectors, _ = embed_all(
            self._network,
            batches,
            count,
            self._device,
            flip=self.config.predict.flip,
            with_logits=False,
        )
        return normalized(vectors)


def load_embedder(
    run: str | PathLike[str] | RunFolder | FoldFolder,
    fold: int | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
) -> Embedder:
    """The network of a trained run, ready to embed images.

    Args:
        run: The folder of a run (`runs/<config>/<run>`) or of one of its folds.
        fold: Which fold of a run; None is the first that is finished, else the first that was started.
        checkpoint: `last`, `best_cls`, `best_ver`, `best` or `swa`; None is the best one for verification
            that the fold has.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        RunError: The folder holds no trained run, or not this fold or checkpoint.
        ConfigError: The machine has no such device.
    """
    folder = _fold_of(run, fold)
    if checkpoint is None:
        return Embedder(folder, preferred_checkpoint(folder), device)
    if checkpoint not in CHECKPOINTS:
        hint = nearest_hint(checkpoint, CHECKPOINTS) or f"; there are: {', '.join(CHECKPOINTS)}"
        raise RunError(f"there is no checkpoint '{checkpoint}'{hint}")
    return Embedder(folder, checkpoint, device)


def preferred_checkpoint(folder: FoldFolder) -> CheckpointName:
    """The best checkpoint for verification that the fold has.

    Raises:
        RunError: It has none.
    """
    folder.run.require_networks("to embed with")
    for name in _PREFERRED:
        if folder.weights_file(name).is_file():
            return name
    how = folder.run.training_command(folder.fold)
    raise RunError(f"{folder.path} has no checkpoint; train it first: {how}")


def _fold_of(run: str | PathLike[str] | RunFolder | FoldFolder, fold: int | None) -> FoldFolder:
    if isinstance(run, str | PathLike):
        path = Path(run)
        run = FoldFolder(path) if (path / "run.json").is_file() else RunFolder(path)
    if isinstance(run, FoldFolder):
        if fold is not None and run.path.name != f"fold{fold}":
            raise RunError(f"{run.path} is one fold and not fold {fold}; name the folder of the run")
        return run
    folds = {folder.fold: folder for folder in run.finished_folds() or run.started_folds()}
    if not folds:
        raise RunError(f"{run.path} holds no trained run; name the folder of a run or of one of its folds")
    if fold is None:
        fold = min(folds)
    if fold not in folds:
        there = ", ".join(map(str, folds))
        raise RunError(
            f"fold {fold} of {run.name} was not trained (trained: {there}); run: {run.training_command(fold)}"
        )
    return folds[fold]


def _pixels(image: object, size_px: int, number: int) -> npt.NDArray[np.uint8]:
    """The picture as the network takes it: RGB, uint8 (size_px, size_px, 3); `number` names it in errors."""
    if isinstance(image, str | PathLike):
        return decode_rgb(read_picture(Path(image)), size_px, str(image))
    if isinstance(image, Image.Image):
        return square_pixels(image, size_px, f"images[{number}]")
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
            return resized(image, size_px)
        what = f"{image.dtype} of shape {image.shape}"
    else:
        what = f"a {type(image).__name__}"
    raise DataError(f"images[{number}] must be a path, a PIL image or uint8 of shape (H, W, 3), got {what}")
