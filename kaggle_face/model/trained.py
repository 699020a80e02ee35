"""A trained network back from its run folder."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from kaggle_face.artifacts.record_io import read_classes
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, ModelConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.model.amp import CpuAmp, resolve_amp
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.model.weights.checkpoints import load_weights

_NOT_OF_USE = {
    *("pretrained", "weights", "weights_key", "init_from", "dropout", "drop_path", "head"),
    "further_center_crops",
}
"""Settings that change no output of trained weights; the head is known by the shapes of its own."""


def read_trained_config(folder: FoldFolder) -> Config:
    """The settings that a fold was trained with.

    Raises:
        RunError: The fold was never trained here.
    """
    folder.read_info()
    return folder.read_config()


def trained_amp(folder: FoldFolder, device: torch.device) -> torch.dtype | None:
    """The precision of a trained network on a device: on a CPU as it was trained there.

    Raises:
        RunError: The fold was never trained here.
        ConfigError: The device cannot compute with these settings.
    """
    on_cpu: CpuAmp = folder.read_info().get("cpu_amp") or "off"
    return resolve_amp(read_trained_config(folder).train.amp, device, on_cpu)


def model_of_fold(folder: FoldFolder, config: Config) -> ModelConfig:
    """The network of a trained fold, by the number that its record has: a copied folder may have any name.

    Raises:
        RunError: The fold was never trained here, or its record has no number where folds differ.
    """
    if not config.model.further_center_crops:
        return config.model
    number = folder.read_info().get("fold")
    if not isinstance(number, int):
        raise RunError(
            f"{folder.info_file} does not say which fold it is of, and model.further_center_crops differs "
            "between folds; copy the fold with its run.json again, or train it again"
        )
    return config.model.of_fold(number)


def use_of_weights(config: Config, model: ModelConfig) -> dict[str, object]:
    """The settings by which a network uses weights of given shapes, by full name.

    Args:
        config: All settings.
        model: Those of the network, which may be its fold's own.
    """
    found: dict[str, object] = {"data.image_size": config.data.image_size}
    for key, value in model.model_dump(mode="json", exclude=_NOT_OF_USE).items():
        found[f"model.{key}"] = value
    # What follows the point names the data that published weights were trained on.
    found["model.backbone"] = model.backbone.partition(".")[0]
    found["model.backbone_options"] = {
        key: value for key, value in model.backbone_options.items() if not key.startswith("drop")
    }
    if model.head != "linear" or model.normalize_features:
        found["margin.scale"] = config.margin.scale
    return found


def use_of_trained(folder: FoldFolder) -> dict[str, object]:
    """The settings by which a trained fold's network uses its weights, by full name.

    Raises:
        RunError: The fold was never trained here, or its record has no number where folds differ.
    """
    config = read_trained_config(folder)
    return use_of_weights(config, model_of_fold(folder, config))


def differing_use(
    ours: Mapping[str, object], theirs: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """The settings in which two uses of weights differ, with both values.

    >>> differing_use({"model.center_crop": 1.0, "model.pooling": "avg"}, {"model.center_crop": 0.5})
    {'model.center_crop': (1.0, 0.5), 'model.pooling': ('avg', None)}
    """
    pairs = {key: (ours.get(key), theirs.get(key)) for key in dict.fromkeys((*ours, *theirs))}
    return {key: (own, other) for key, (own, other) in pairs.items() if own != other}


def load_trained_network(folder: FoldFolder, checkpoint: CheckpointName, device: torch.device) -> FaceNetwork:
    """The network of a checkpoint, in evaluation mode; its backbone needs neither hub nor weight file.

    Raises:
        RunError: The fold or the checkpoint is missing.
    """
    folder.run.require_networks("to load")
    config = read_trained_config(folder)
    file = folder.require_checkpoint(checkpoint)
    num_classes = len(read_classes(folder.classes_file))
    model = model_of_fold(folder, config)
    network = create_network(model, config.margin, num_classes, config.data.image_size, load_weights=False)
    load_weights(network, file)
    if config.train.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network.to(device).eval()
