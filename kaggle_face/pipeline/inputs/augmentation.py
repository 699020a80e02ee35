"""A sheet of the settings' augmentation of a few training images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.errors import DataError, InputError
from kaggle_face.pipeline.inputs.preparing import open_competition, open_images
from kaggle_face.records import UNKNOWN

if TYPE_CHECKING:
    from PIL.Image import Image

    from kaggle_face.config import LoadedConfig
    from kaggle_face.progress import Progress

FILE_NAME = "augmentation.png"
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_MOST_IMAGES, _MOST_VERSIONS = 100, 30
_TILE_PX = 112
_LEGEND = (
    "one by one: by albumentations, as worker processes do; in batches: their batched forms, on the device",
    "63+37 %: shares of the row's image and of the other, which the row names; the label is divided alike",
)


@dataclass(frozen=True)
class PreviewOptions:
    """The number of training images, and of versions of each in each group."""

    images: int = 10
    versions: int = 5


def describe(loaded: LoadedConfig, progress: Progress) -> list[str]:
    """The transforms and mixing of the settings in lines, and where a training here would apply them.

    Raises:
        ConfigError: A transform or an argument is unknown or wrong.
        DataError: The raw folder cannot be read.
    """
    from kaggle_face.data.augmentation.per_image import Augmenter
    from kaggle_face.data.augmentation.preview import describe_augmentation
    from kaggle_face.data.loading.placement import plan_loading
    from kaggle_face.model.device import resolve_device

    config = loaded.config
    augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
    data = open_competition(config, progress)
    image_bytes = len(data.faces.of_split("train", "dev")) * 3 * config.data.image_size**2
    plan = plan_loading(config.data, augmenter, image_bytes, resolve_device(config.device))
    return [*describe_augmentation(config.augment, config.seed), f"in a training here {plan.describe()}"]


def draw_augmentation(loaded: LoadedConfig, options: PreviewOptions, progress: Progress) -> Image:
    """The sheet: a row for each image with the image, versions of it, and mixed ones; the same for one seed.

    Raises:
        InputError: The numbers are out of range.
        ConfigError: A transform or an argument is unknown or wrong.
        DataError: The raw folder cannot be read, or has no training image.
    """
    import numpy as np

    from kaggle_face.data.augmentation.per_image import Augmenter
    from kaggle_face.data.augmentation.preview import PreviewedImages, preview_rows
    from kaggle_face.data.picture_grid import draw_grid
    from kaggle_face.model.device import resolve_device
    from kaggle_face.report.pictures import evenly

    for name, value, most in (
        ("images", options.images, _MOST_IMAGES),
        ("versions", options.versions, _MOST_VERSIONS),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{name} must be 1 to {most}, got {value}")
    heading, config = describe(loaded, progress), loaded.config
    data = open_competition(config)
    cache = open_images(config, data, progress)
    faces = data.faces.of_split("train", "dev")
    faces = faces.where((faces.labels != UNKNOWN) & cache.valid[cache.rows_of(faces.image_ids)])
    if not len(faces):
        raise DataError(f"there is no training image in {config.data.root}")
    order = np.argsort(faces.labels, kind="stable")
    chosen = order[evenly(len(order), options.images)]
    images = PreviewedImages(
        np.ascontiguousarray(cache.images[cache.rows_of(faces.image_ids[chosen])]),
        tuple(data.classes.names[faces.labels[chosen]].tolist()),
        tuple(faces.image_ids[chosen].tolist()),
    )
    augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
    device = resolve_device(config.device)
    rows = preview_rows(images, config.augment, augmenter, options.versions, device)
    return draw_grid(rows, _TILE_PX, [*heading, *_LEGEND])


def default_sheet(loaded: LoadedConfig) -> Path:
    """The sheet beside the runs of some settings."""
    return Path(loaded.config.paths.runs) / loaded.name / FILE_NAME


def require_sheet_is_possible(path: Path) -> None:
    """Checks the name of the file before the work.

    Raises:
        InputError: The path is a folder, or its ending is not that of a picture.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file, such as {path / FILE_NAME}")
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path} must end in one of {', '.join(_FORMATS)}")


def write_augmentation(loaded: LoadedConfig, path: Path, options: PreviewOptions, progress: Progress) -> Path:
    """Writes the sheet for its owner alone, for it shows people; errors are those of `draw_augmentation`."""
    from kaggle_face.artifacts.files.private import replacing_privately

    require_sheet_is_possible(path)
    sheet = draw_augmentation(loaded, options, progress)
    with replacing_privately(path) as temporary:
        sheet.save(temporary, format=_FORMATS[path.suffix.lower()])
    return path
