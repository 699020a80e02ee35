"""One-shot recognition from Python: people are enrolled, then verified or identified."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked, checked_methods, default_config, default_gallery
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import counted
from kaggle_face.notebook_progress import usual_progress
from kaggle_face.progress import Progress
from kaggle_face.project.frames import as_html
from kaggle_face.project.run import Run
from kaggle_face.recognition.detection.pictures import Choice
from kaggle_face.recognition.gallery.model_card import DEFAULT_THRESHOLD
from kaggle_face.recognition.gallery.tables import OnConflict

if TYPE_CHECKING:
    from kaggle_face.recognition.gallery.enrolment import FolderReport
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

    def enroll_folder(
        self, folder: str | Path, on_conflict: OnConflict = "refuse", keep_pictures: bool = True
    ) -> FolderReport:
        """Enrolls everyone of a folder of `<name>/<picture>`.

        Args:
            folder: A folder for each person.
            on_conflict: As for `enroll`; `skip` goes on after an interrupted call.
            keep_pictures: As for `enroll`.

        Returns:
            How many people and images were enrolled, and why each other picture was left out.

        Raises:
            GalleryError: A name is taken; nobody is enrolled then.
            DataError: The folder holds no folders with pictures, or two of them for one name.
        """
        one_shot = replace(self._one_shot, keep_pictures=keep_pictures)
        return one_shot.enroll_folder(Path(folder), self._progress, on_conflict)

    def rename(self, name: str, new: str) -> PeopleGallery:
        """Gives a person another name.

        Raises:
            GalleryError: Nobody is called `name`, or somebody is called `new`.
        """
        self._one_shot.open_gallery(self._progress).rename(name, new)
        return self

    def remove(self, names: str | Sequence[str]) -> PeopleGallery:
        """Removes people with pictures, embeddings and names in the audit; after an error nobody.

        Raises:
            GalleryError: Nobody of a name is enrolled.
        """
        self._one_shot.open_gallery(self._progress).remove_all([names] if isinstance(names, str) else names)
        return self

    def audit(self) -> pd.DataFrame:
        """A row for each thing that was done and decided: `time`, `action`, `person`, `name`, `details`."""
        found = self._one_shot.open_gallery(self._progress).audit()
        columns = ["time", "action", "person", "name", "details"]
        return pd.DataFrame([[getattr(row, name) for name in columns] for row in found], columns=columns)

    def export(self, file: str | Path) -> int:
        """Writes everyone as a ZIP file, to carry to another machine; returns the number of people.

        Raises:
            GalleryError: Nobody is enrolled.
            InputError: The file cannot be written.
        """
        from kaggle_face.recognition.gallery.export import export_gallery

        return export_gallery(self._one_shot.open_gallery(self._progress), Path(file))

    def import_people(self, file: str | Path, on_conflict: OnConflict = "refuse") -> PeopleGallery:
        """Adds the people of an export.

        Raises:
            GalleryError: It is not an export, is of another network without pictures, or a name is taken.
        """
        self._one_shot.import_people(Path(file), self._progress, on_conflict)
        return self

    def re_embed(self) -> PeopleGallery:
        """Makes the gallery one of the network that `open_gallery` was called with.

        Raises:
            InputError: It was called without a network.
            GalleryError: A picture was not kept, so it cannot be embedded again.
        """
        self._one_shot.re_embed(self._progress)
        return self

    def evaluate(
        self,
        folder: str | Path,
        sizes: Sequence[int] | None = None,
        shots: Sequence[int] = (1, 2, 5),
        ways: Sequence[int] = (5, 20),
        draws: int = 10,
        seed: int = 0,
        keep: str | Path | None = None,
    ) -> dict[str, pd.DataFrame]:
        """How well the network knows the people of `<name>/<picture>` from few pictures each.

        Args:
            folder: A folder for each person; at least two have two pictures.
            sizes: People of a gallery; None: all who have two pictures.
            shots: Pictures enrolled of each person.
            ways: People of an episode.
            draws: Galleries of a size.
            seed: Of the draws.
            keep: A folder that keeps the embeddings for the next time.

        Returns:
            The tables `sizes`, `shots` and `episodes`; accuracies with 95 % intervals.

        Raises:
            InputError: There is no such folder, it holds too few people, or a number is out of range.
        """
        from kaggle_face.recognition.evaluation_report import EvaluationOptions

        options = EvaluationOptions(
            None if sizes is None else tuple(sizes),
            tuple(shots),
            tuple(ways),
            draws,
            seed,
            None if keep is None else Path(keep),
        )
        values = self._one_shot.evaluate(Path(folder), options, self._progress).as_json()
        return {name: pd.json_normalize(values[name]) for name in ("sizes", "shots", "episodes")}

    def pictures(self, name: str) -> pd.DataFrame:
        """A row for each image of a person: number, file name, time, whether it was kept, similarity.

        The similarity is the cosine to the mean of the person's other images; NaN for an only one. With
        `save_faces` of `open_gallery` the pictures that were kept are written there.

        Raises:
            GalleryError: Nobody of that name is enrolled.
        """
        from kaggle_face.recognition.gallery.images import summarize_images

        gallery = self._one_shot.open_gallery(self._progress)
        person, found = summarize_images(gallery, name)
        self._one_shot.save_pictures(gallery, person)
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

    def verify(
        self, claim: str | Path, picture: str | Path, threshold: str | float = DEFAULT_THRESHOLD
    ) -> Verified:
        """Whether a picture shows the enrolled person `claim`, or the person of the picture file `claim`.

        Args:
            claim: A name, or a path of a picture.
            picture: The picture to decide on.
            threshold: One of the network's thresholds (`eer`, `fpr-1e-2`, `fpr-1e-3`), or a cosine.

        Raises:
            GalleryError: Nobody of that name is enrolled.
            DataError: A picture cannot be read, shows no face or several.
        """
        return self._one_shot.verify(str(claim), Path(picture), self._progress, str(threshold))

    def identify(
        self,
        pictures: str | Path | Sequence[str | Path],
        threshold: str | float = DEFAULT_THRESHOLD,
        k: int = 5,
        exact: bool = False,
    ) -> Identified:
        """The people whom pictures show, of everyone who is enrolled.

        Args:
            pictures: Files or folders.
            threshold: As for `verify`; somebody below it is unknown.
            k: How many people are named for each picture.
            exact: Whether the search is exact also among more than a million people.

        Raises:
            GalleryError: Nobody is enrolled.
        """
        return self._one_shot.identify(_paths(pictures), self._progress, str(threshold), k, exact)

    def __repr__(self) -> str:
        return f"gallery {self.path}: {counted(len(self.people), 'person')}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.people)


@checked
def open_gallery(
    path: str | Path | None = None,
    run: Run | str | Path | None = None,
    aligned: bool = False,
    progress: Progress | None = None,
    fold: int | None = None,
    checkpoint: CheckpointName | None = None,
    device: str = "auto",
    face: Choice = "only",
    save_faces: str | Path | None = None,
) -> PeopleGallery:
    """Opens a gallery for one-shot recognition.

    Args:
        path: The file of the enrolled people; it may not exist yet. None: that of the environment variable
            `KAGGLE_FACE_GALLERY`, or `gallery.sqlite`.
        run: The run whose network embeds, the folder of a run or fold, or an exported `.onnx` file; None: the
            network that made the gallery, or else that of a run of the settings that `open_project()` opens.
        aligned: Whether pictures are cropped faces already; else faces are found in them (extra `align`).
        progress: What long work reports to; None as for `open_project`.
        fold: Fold of the run; None: the first that is trained.
        checkpoint: None: the best for verification.
        device: `auto`, `cpu`, `cuda` or `mps`.
        face: Which face of a picture that shows several: `only` refuses it, `largest`, or its number from
            the left.
        save_faces: A folder for the faces that were used, as PNG files, those of `enroll_folder` in a folder
            for each person; `evaluate` writes none. None: nowhere.

    >>> open_gallery("nobody.sqlite")
    gallery nobody.sqlite: 0 people
    """
    from kaggle_face.recognition.embedder import ModelChoice
    from kaggle_face.recognition.one_shot import OneShot

    folder = None if run is None else Path(run) if isinstance(run, str | Path) else run.path
    model = ModelChoice(
        folder=folder, fold=fold, checkpoint=checkpoint, device=device, default_settings=default_config()
    )
    file = Path(default_gallery() if path is None else path)
    faces = None if save_faces is None else Path(save_faces)
    return PeopleGallery(OneShot(file, model, face, aligned, faces), progress or usual_progress())


def _paths(pictures: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(pictures)] if isinstance(pictures, str | Path) else [Path(each) for each in pictures]
