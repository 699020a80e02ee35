"""A trained network as a function from pictures to embeddings, outside of any competition."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from kaggle_face.arguments import checked
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.files.reading import reading
from kaggle_face.artifacts.run_choice import how_to_get_fold
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import RunError, nearest_hint
from kaggle_face.inference.network_input import Pictures, picture_batches, size_without_search
from kaggle_face.inference.onnx_embedder import OnnxEmbedder, require_cpu
from kaggle_face.inference.onnx_file import SUFFIX
from kaggle_face.metrics.similarity import normalized

if TYPE_CHECKING:
    from kaggle_face.config.schema import CheckpointName
else:
    CheckpointName = str  # settings need pydantic, which an exported file does without

_PREFERRED: tuple[CheckpointName, ...] = ("best_ver", "best", "best_cls", "last")


class Embedder:
    """A checkpoint of a fold, computed in float32 so that every machine gets the same embeddings.

    Attributes:
        folder: The fold.
        checkpoint: The name of the checkpoint.
        config: The settings that the fold was trained with.
        embedding_size: D.
    """

    @checked
    def __init__(self, folder: FoldFolder, checkpoint: CheckpointName, device: str = "auto") -> None:
        """Loads the network.

        Raises:
            RunError: The fold or the checkpoint is missing or damaged.
            ConfigError: The machine has no such device.
        """
        # An ONNX file needs none of this, and torch takes seconds to import.
        from kaggle_face.model.cpu import prepare_cpu
        from kaggle_face.model.device import resolve_device
        from kaggle_face.model.trained import load_trained_network, read_trained_config

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

    def embed(self, images: Pictures) -> npt.NDArray[np.float32]:
        """Embeddings (N, D) of length 1, so that the cosine of two images is the dot product.

        Pictures are read as those of the training were: turned upright, stretched to a square, with RGB
        pixels. No face is looked for: they are aligned crops, as the network was trained on.

        Args:
            images: Paths, arrays uint8 (H, W, 3) in RGB order, PIL images, or one array uint8 (N, H, W, 3).

        Raises:
            DataError: A file is missing or not a picture, or an array has another shape or type.
        """
        from kaggle_face.inference.embedding import embed_all

        size = size_without_search(self.config.predict.batch_size, self.image_size)
        vectors, _ = embed_all(
            self._network,
            picture_batches(images, self.image_size, size),
            len(images),
            self._device,
            flip=self.config.predict.flip,
            with_logits=False,
        )
        return normalized(vectors)


@overload
def load_embedder(
    run: RunFolder | FoldFolder,
    fold: int | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
) -> Embedder: ...


@overload
def load_embedder(
    run: str | PathLike[str],
    fold: int | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
) -> Embedder | OnnxEmbedder: ...


@checked
def load_embedder(
    run: str | PathLike[str] | RunFolder | FoldFolder,
    fold: int | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
) -> Embedder | OnnxEmbedder:
    """The network of a trained run or of an exported file, ready to embed images.

    Args:
        run: The folder of a run (`runs/<config>/<run>`) or of one of its folds, or an `.onnx` file of
            `export`, which is computed without torch.
        fold: Which fold of a run; None is the first that is finished, else the first that was started.
        checkpoint: `last`, `best_cls`, `best_ver`, `best` or `swa`; None is the best one for verification
            that the fold has.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; for an `.onnx` file `auto` or `cpu`.

    Raises:
        RunError: The folder holds no trained run, or not this fold or checkpoint; or the file is damaged.
        ConfigError: The machine has no such device.
        MissingExtraError: An `.onnx` file is named, and onnxruntime is not installed.
    """
    if isinstance(run, str | PathLike) and is_onnx_file(Path(run)):
        if fold is not None or checkpoint is not None:
            raise RunError(f"{Path(run)} holds one network; leave fold and checkpoint out")
        require_cpu(device)
        return OnnxEmbedder(run)
    folder = _fold_of(run, fold)
    if checkpoint is None:
        return Embedder(folder, preferred_checkpoint(folder), device)
    if checkpoint not in CHECKPOINTS:
        hint = nearest_hint(checkpoint, CHECKPOINTS) or f"; there are: {', '.join(CHECKPOINTS)}"
        raise RunError(f"there is no checkpoint '{checkpoint}'{hint}")
    return Embedder(folder, checkpoint, device)


def is_onnx_file(path: Path) -> bool:
    """Whether a path means an exported file and no folder."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


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
        with reading(path):
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
            f"fold {fold} of {run.name} was not trained (trained: {there}); {how_to_get_fold(run, fold)}"
        )
    return folds[fold]
