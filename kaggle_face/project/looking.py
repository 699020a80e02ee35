"""A look at the data before a training: images, the data check, augmentation; a part of `Project`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kaggle_face.arguments import checked_methods
from kaggle_face.errors import DataError, counted
from kaggle_face.project.run import ProjectCalls, Run

if TYPE_CHECKING:
    from PIL.Image import Image

    from kaggle_face.data.cache.image_cache import ImageCache
    from kaggle_face.pipeline.improving.label_noise import DoubtfulLabels
    from kaggle_face.pipeline.inputs.check import DataCheck
    from kaggle_face.records import CompetitionData


class _ProjectWithImages(ProjectCalls, Protocol):
    """The members of a project that these methods use."""

    @property
    def data(self) -> CompetitionData: ...
    @property
    def images(self) -> ImageCache: ...


@checked_methods
class Looking:
    """The methods `show_images`, `check`, `check_labels` and those of augmentation of a project."""

    def show_images(self: _ProjectWithImages, count: int = 10, split: str = "train") -> Image:
        """A contact sheet of the first images of a split, as the network gets them, before augmentation.

        Raises:
            DataError: There is no image of that split.
        """
        from kaggle_face.data.contact_sheet import SheetRow, draw_sheet

        faces = self.data.faces
        ids = faces.image_ids[faces.splits == split][:count]
        if not len(ids):
            known = ", ".join(dict.fromkeys(faces.splits.tolist()))
            raise DataError(f"there are no images of the split '{split}'; there are: {known}")
        return draw_sheet(self.images, [SheetRow(f"{split}: the first {counted(len(ids), 'image')}", (ids,))])

    def check(
        self: _ProjectWithImages, images: bool = True, pictures: bool = False, path: str | Path | None = None
    ) -> DataCheck:
        """The data check: images, samples, rules and disk; its `problems` stop a competition.

        Args:
            images: Whether every image file is read and decoded.
            pictures: Whether an HTML page of the data is written too; it needs the extra `report`.
            path: The page; None: `data.html` in the folder of the settings' runs. A path needs no `pictures`.

        Raises:
            DataError: The folder cannot be read, or has no known layout.
            InputError: A page is requested without decoding images, or its path is a folder.
            MissingExtraError: A page is requested and the extra `report` is not installed.
        """
        from kaggle_face.pipeline.inputs.check import check_competition
        from kaggle_face.pipeline.inputs.data_page import default_page

        page = Path(path) if path is not None else default_page(self.loaded) if pictures else None
        with self.call() as progress:
            return check_competition(self.loaded.config, progress, images, page)

    def check_labels(self: _ProjectWithImages, run: Run | None = None) -> DoubtfulLabels:
        """The training images whose label surprises the networks of a run out of fold.

        Table, list of ids (for `data.exclude_images`) and contact sheet lie in the run's folder.

        Args:
            run: None: the one that is clearly meant.

        Raises:
            RunError: The run has no finished fold or lacks a record, or the settings changed since.
        """
        from kaggle_face.pipeline.improving.label_noise import find_doubtful_labels

        chosen = self.run() if run is None else run
        with self.call() as progress:
            return find_doubtful_labels(self.loaded, chosen.folder, progress)

    def describe_augmentation(self: _ProjectWithImages) -> list[str]:
        """The transforms and mixing of the settings in lines, and where a training here would apply them.

        Raises:
            ConfigError: A transform or an argument is unknown or wrong.
            DataError: The raw folder cannot be read.
        """
        from kaggle_face.pipeline.inputs.augmentation import describe

        with self.call() as progress:
            return describe(self.loaded, progress)

    def preview_augmentation(self: _ProjectWithImages, images: int = 10, versions: int = 5) -> Image:
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
