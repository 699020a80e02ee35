"""A look at the data before a training: the data check and what augmentation does; a part of `Project`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from kaggle_face.config import LoadedConfig
    from kaggle_face.pipeline.inputs.check import DataCheck
    from kaggle_face.progress import Progress


class _Calls(Protocol):
    """What these methods need of a project."""

    @property
    def loaded(self) -> LoadedConfig: ...
    def call(self) -> AbstractContextManager[Progress]: ...


class Looking:
    """The methods `check` and `preview_augmentation` of a project."""

    def check(
        self: _Calls, images: bool = True, pictures: bool = False, path: str | Path | None = None
    ) -> DataCheck:
        """The data check: images, samples, rules and disk; its `problems` stop a competition.

        Args:
            images: Whether every image file is read and decoded.
            pictures: Whether an HTML page of the data is written too; it needs the extra `report`.
            path: The page; None: `data.html` in the folder of the settings' runs. A path asks for a page.

        Raises:
            DataError: The folder cannot be read, or has no known layout.
            InputError: A page is wished without decoding images, or its path is a folder.
            MissingExtraError: A page is wished and the extra `report` is not installed.
        """
        from kaggle_face.pipeline.inputs.check import check_competition
        from kaggle_face.pipeline.inputs.data_page import default_page

        page = Path(path) if path is not None else default_page(self.loaded) if pictures else None
        with self.call() as progress:
            return check_competition(self.loaded.config, progress, images, page)

    def preview_augmentation(self: _Calls, images: int = 10, versions: int = 5) -> Image:
        """A sheet of what the settings do to training images, the same for the same seed.

        A row for each image: the image, versions by albumentations one by one, versions by the batched forms
        on the device, and versions that are mixed with another of the images.

        Args:
            images: Of the training set, evenly chosen over the identities.
            versions: In each group.

        Raises:
            InputError: The numbers are out of range.
            ConfigError: A transform or an argument is unknown or wrong.
        """
        from kaggle_face.pipeline.inputs.augmentation import PreviewOptions, draw_augmentation

        with self.call() as progress:
            return draw_augmentation(self.loaded, PreviewOptions(images, versions), progress)
