"""One-shot recognition from Python: people are enrolled, then verified or identified."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked, checked_methods
from kaggle_face.errors import counted
from kaggle_face.notebook_progress import usual_progress
from kaggle_face.progress import Progress
from kaggle_face.project.frames import as_html
from kaggle_face.project.run import Run
from kaggle_face.recognition.gallery.model_card import DEFAULT_THRESHOLD
from kaggle_face.recognition.gallery.tables import OnConflict

if TYPE_CHECKING:
    from kaggle_face.recognition.one_shot import Identified, OneShot, Verified


@checked_methods
class PeopleGallery:
    """The enrolled people in a file, and the network that recognises them. Made by `open_gallery`."""

    def __init__(self, one_shot: OneShot, progress: Progress) -> None:
        self._one_shot, self._progress = one_shot, progress

    @property
    def path(self) -> Path:
        """The SQLite file; the first enrolment makes it."""
        return self._one_shot.gallery

    @property
    def people(self) -> pd.DataFrame:
        """A row for each enrolled person: the name and how many images are kept.

        Raises:
            GalleryError: The gallery is damaged.
        """
        if not self.path.exists():
            return pd.DataFrame({"name": [], "images": []})
        found = self._one_shot.open_gallery(self._progress).people()
        return pd.DataFrame([{"name": person.name, "images": person.num_images} for person in found])

    def enroll(
        self,
        name: str,
        pictures: str | Path | Sequence[str | Path],
        on_conflict: OnConflict = "refuse",
        keep_pictures: bool = True,
    ) -> PeopleGallery:
        """Enrolls a person with the face of each picture, or of each picture of folders.

        Args:
            name: Any script, one line.
            pictures: Files or folders.
            on_conflict: What to do where somebody of that name is enrolled.
            keep_pictures: Whether the gallery keeps the crops of the faces, to be looked at and for another
                network.

        Raises:
            GalleryError: The name is taken or cannot be one, or the gallery is of another network.
            DataError: A picture cannot be read, shows no face or several.
        """
        one_shot = replace(self._one_shot, keep_pictures=keep_pictures)
        one_shot.enroll(name, _paths(pictures), self._progress, on_conflict)
        return self

    def pictures(self, name: str) -> pd.DataFrame:
        """A row for each image of a person: number, file name, time, whether it was kept, similarity.

        The similarity is the cosine to the mean of the person's other images; NaN for an only one.

        Raises:
            GalleryError: Nobody of that name is enrolled.
        """
        from kaggle_face.recognition.gallery.images import summarize_images

        _, found = summarize_images(self._one_shot.open_gallery(self._progress), name)
        table = pd.DataFrame([one.as_json() for one in found])
        return table.astype({"similarity": float})

    def remove_pictures(self, name: str, numbers: int | Sequence[int] | AbstractSet[int]) -> PeopleGallery:
        """Removes images of a person, all of them or after an error none.

        Args:
            name: Who is enrolled.
            numbers: The images, as `pictures` numbers them.

        Raises:
            GalleryError: Nobody of that name is enrolled, an image is not theirs, or none would be left.
        """
        from kaggle_face.recognition.gallery.images import remove_images

        chosen = [numbers] if isinstance(numbers, int) else numbers
        remove_images(self._one_shot.open_gallery(self._progress), name, chosen)
        return self

    def verify(self, claim: str, picture: str | Path, threshold: str | float = DEFAULT_THRESHOLD) -> Verified:
        """Whether a picture shows the enrolled person `claim`, or the person of the picture file `claim`.

        Args:
            claim: A name, or a path of a picture.
            picture: The picture to decide on.
            threshold: One of the network's thresholds (`eer`, `fpr-1e-2`, `fpr-1e-3`), or a cosine.

        Raises:
            GalleryError: Nobody of that name is enrolled.
            DataError: A picture cannot be read, shows no face or several.
        """
        return self._one_shot.verify(claim, Path(picture), self._progress, str(threshold))

    def identify(
        self,
        pictures: str | Path | Sequence[str | Path],
        threshold: str | float = DEFAULT_THRESHOLD,
        k: int = 5,
    ) -> Identified:
        """The people whom pictures show, of everyone who is enrolled.

        Args:
            pictures: Files or folders.
            threshold: As for `verify`; somebody below it is unknown.
            k: How many people are named for each picture.

        Raises:
            GalleryError: Nobody is enrolled.
        """
        return self._one_shot.identify(_paths(pictures), self._progress, str(threshold), k)

    def __repr__(self) -> str:
        return f"gallery {self.path}: {counted(len(self.people), 'person')}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.people)


@checked
def open_gallery(
    path: str | Path = "gallery.sqlite",
    run: Run | str | Path | None = None,
    aligned: bool = False,
    progress: Progress | None = None,
) -> PeopleGallery:
    """Opens a gallery for one-shot recognition.

    Args:
        path: The file of the enrolled people; it may not exist yet.
        run: The run whose network embeds, or the folder of a run or fold; None: the network that made the
            gallery.
        aligned: Whether pictures are cropped faces already; else faces are found in them (extra `align`).
        progress: What long work reports to; None as for `open_project`.

    >>> open_gallery("nobody.sqlite")
    gallery nobody.sqlite: 0 people
    """
    from kaggle_face.recognition.embedder import ModelChoice
    from kaggle_face.recognition.one_shot import OneShot

    folder = None if run is None else Path(run) if isinstance(run, str | Path) else run.path
    return PeopleGallery(
        OneShot(Path(path), ModelChoice(folder=folder), aligned=aligned), progress or usual_progress()
    )


def _paths(pictures: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(pictures)] if isinstance(pictures, str | Path) else [Path(each) for each in pictures]
