"""One-shot recognition as single calls: a gallery file, the model of a run, and pictures on disk.

What `identify` and `verify` need of aligned faces is imported here, the rest by the calls that need it: their
start is a large part of their time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.private import make_private_folder, tighten, write_privately
from kaggle_face.errors import DataError, InputError
from kaggle_face.hints import command_line
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.pictures import (
    Choice,
    Face,
    PictureReader,
    crop_size,
    picture_files,
    write_faces,
)
from kaggle_face.recognition.embedder import (
    Embedder,
    ModelChoice,
    OnnxFileEmbedder,
    RunEmbedder,
    open_embedder_of,
)
from kaggle_face.recognition.gallery.database import tighten_gallery
from kaggle_face.recognition.gallery.model_card import DEFAULT_THRESHOLD, ModelCard, Threshold
from kaggle_face.recognition.gallery.names import checked_name
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import OnConflict, Outcome, Person, other_model_error
from kaggle_face.recognition.recognizer import Decision, Identification, Recognizer

if TYPE_CHECKING:
    from kaggle_face.recognition.compared_models import ComparedModel
    from kaggle_face.recognition.evaluation_report import EvaluationOptions, EvaluationReport
    from kaggle_face.recognition.gallery.enrolment import FolderReport


@dataclass(frozen=True, eq=False)
class Enrolled:
    """An enrolled person, with the faces that were used."""

    outcome: Outcome
    faces: tuple[Face, ...]

    def as_json(self) -> dict[str, Any]:
        """The person and where each face was found."""
        return {**self.outcome.person.as_json(), "faces": [face.as_json() for face in self.faces]}


@dataclass(frozen=True, eq=False)
class Verified:
    """Whether the last face shows the same person as the claim: a name, or the first picture."""

    claim: str
    faces: tuple[Face, ...]
    decision: Decision

    def as_json(self) -> dict[str, Any]:
        """Claim, decision and faces."""
        faces = [face.as_json() for face in self.faces]
        return {"claim": self.claim, **self.decision.as_json(), "faces": faces}


@dataclass(frozen=True, eq=False)
class Identified:
    """The identities of the faces.

    Attributes:
        faces: The face of each picture that could be used.
        answers: The most similar people of each face.
        threshold: The lowest score of a known person.
        num_people: How many people each face was compared with.
        false_alarm_rate: The share of unknown people who would get a name; None with fewer than two people.
        problems: Why each other picture could not be used.
    """

    faces: tuple[Face, ...]
    answers: tuple[Identification, ...]
    threshold: Threshold
    num_people: int
    false_alarm_rate: float | None
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The values for JSON, without the problems."""
        pairs = zip(self.faces, self.answers, strict=True)
        return {
            "threshold": self.threshold.as_json(),
            "people": self.num_people,
            "false_alarm_rate": self.false_alarm_rate,
            "pictures": [{**face.as_json(), **answer.as_json()} for face, answer in pairs],
        }


@dataclass(frozen=True)
class OneShot:
    """A gallery with the model and the way pictures are read; each call opens both anew.

    Attributes:
        gallery: The SQLite file of who is enrolled; the first enrolment makes it.
        model: Which model embeds.
        choice: Which face of a picture that shows several.
        aligned: The pictures are cropped faces already.
        faces_folder: Where the faces that were used are written as PNG files, those of `enroll_folder` in a
            folder for each person; `evaluate` writes none. None: nowhere.
        keep_pictures: Whether the gallery keeps the crops of who is enrolled; without them nobody sees them
            again, and no other model can re-embed the gallery.
    """

    gallery: Path = Path("gallery.sqlite")
    model: ModelChoice = field(default_factory=ModelChoice)
    choice: Choice = "only"
    aligned: bool = False
    faces_folder: Path | None = None
    keep_pictures: bool = True

    def open_gallery(self, progress: Progress, create: bool = False) -> Gallery:
        """The gallery, taken from other users of this machine with a warning.

        Raises:
            GalleryError: There is none and `create` is False, or it is damaged.
        """
        if tighten_gallery(self.gallery):
            progress.warn(f"other users of this machine could read {self.gallery}; now its owner alone can")
        return Gallery(self.gallery, create)

    def open_model(self, gallery: Gallery | None, progress: Progress) -> RunEmbedder | OnnxFileEmbedder:
        """The chosen model, or the one of the gallery, or that of the default run.

        Raises:
            RunError: There is no such run.
            GalleryError: The run that made the gallery is gone or was trained again.
        """
        card = gallery.model() if gallery is not None else None
        if card is not None and not self.model.is_made:
            return open_embedder_of(card, self.model.device, self.gallery)
        if (file := self.model.onnx_file) is not None:
            return OnnxFileEmbedder(file)
        folder = self.model.fold_folder(progress)
        return RunEmbedder(folder, self.model.checkpoint, self.model.device)

    def open_reader(self, image_size: int) -> PictureReader:
        """A reader that finds the faces of pictures for a network of that image size.

        Raises:
            MissingExtraError: Faces are to be found, and the detector is not installed.
        """
        if self.aligned:
            return PictureReader(None, crop_size(image_size), self.choice)
        from kaggle_face.recognition.detection.mtcnn import MtcnnDetector

        return PictureReader(MtcnnDetector(), crop_size(image_size), self.choice)

    def open_recognizer(self, progress: Progress) -> Recognizer:
        """Model and gallery together; the gallery is made where there is none.

        Raises:
            RunError: There is no such run.
            GalleryError: The run that made the gallery is gone or was trained again.
        """
        old = self._existing(progress)
        embedder = self.open_model(old, progress)
        gallery = old or self.open_gallery(progress, create=True)
        return Recognizer(embedder, gallery, keep_pictures=self.keep_pictures)

    def enroll(
        self, name: str, pictures: Sequence[Path], progress: Progress, on_conflict: OnConflict = "refuse"
    ) -> Enrolled:
        """Enrolls a person with pictures, or with those of folders.

        Raises:
            InputError: Name and pictures are folders side by side, as a shell writes them for `*`.
            GalleryError: The name is taken or not allowed, or another model made the gallery.
            DataError: A picture cannot be used; then nothing is enrolled.
        """
        checked_name(name)
        _require_one_person(Path(name), pictures, self.gallery)
        old = self._existing(progress)
        embedder = self.open_model(old, progress)
        reader = self.open_reader(embedder.card.image_size)
        # The pictures come first: where none can be used, no gallery is made.
        faces = tuple(reader.read(path) for path in _files_of(pictures, progress))
        gallery = old or self.open_gallery(progress, create=True)
        self._save(faces)
        outcome = Recognizer(embedder, gallery).enroll(name, faces, on_conflict, self.keep_pictures)
        return Enrolled(outcome, faces)

    def enroll_folder(
        self, folder: Path, progress: Progress, on_conflict: OnConflict = "refuse"
    ) -> FolderReport:
        """Enrolls everyone of a folder of `<name>/<picture>`; see `enroll_folder`."""
        from kaggle_face.recognition.gallery.enrolment import enroll_folder

        recognizer = self.open_recognizer(progress)
        reader = self.open_reader(recognizer.embedder.card.image_size)
        return enroll_folder(recognizer, folder, reader, on_conflict, progress, self.faces_folder)

    def verify(
        self, first: str, image: Path, progress: Progress, threshold: str = DEFAULT_THRESHOLD
    ) -> Verified:
        """Whether a picture shows the named person, or the person of another picture.

        Args:
            first: An enrolled person's name, or the path of a picture.
            image: The picture to compare with.
            progress: Receives warnings.
            threshold: A name of a threshold of the run, or a score.

        Raises:
            InputError: The first word names both a person and a file, or the threshold is not known.
            DataError: A picture cannot be used, or the first word is neither a person nor a picture.
        """
        gallery = self._existing(progress)
        claimed = _claimed_person(gallery, first)
        embedder = self.open_model(gallery, progress)
        recognizer = Recognizer(embedder, gallery)
        limit = recognizer.threshold(threshold)
        reader = self.open_reader(embedder.card.image_size)
        files = [image] if claimed else [Path(first), image]
        faces = tuple(reader.read(path) for path in files)
        self._save(faces)
        if claimed is None:
            return Verified(str(files[0]), faces, recognizer.verify_faces(faces[0], faces[1], limit))
        person, decision = recognizer.verify_person(claimed.name, faces[0], limit)
        return Verified(person.name, faces, decision)

    def identify(
        self,
        images: Sequence[Path],
        progress: Progress,
        threshold: str = DEFAULT_THRESHOLD,
        k: int = 5,
        exact: bool = False,
    ) -> Identified:
        """Identifies the enrolled people in pictures.

        Args:
            images: Picture files, or folders of them.
            progress: Receives warnings.
            threshold: A name of a threshold of the run, or a score.
            k: How many candidates each face gets.
            exact: Exact search also among more than a million people.

        Raises:
            GalleryError: Nobody is enrolled, or another model made the gallery.
            InputError: The threshold is not known, or k is below 1.
        """
        gallery = self.open_gallery(progress)
        recognizer = Recognizer(self.open_model(gallery, progress), gallery, exact)
        limit = recognizer.threshold(threshold)
        reader = self.open_reader(recognizer.embedder.card.image_size)
        faces: list[Face] = []
        problems: list[str] = []
        for path in _files_of(images, progress):
            try:
                faces.append(reader.read(path))
            except DataError as error:
                problems.append(str(error))
        self._save(faces)
        if not faces:
            return Identified((), (), limit, 0, None, tuple(problems))
        answers = recognizer.identify(faces, limit, k)
        counts = (recognizer.num_people(), recognizer.false_alarm_rate(limit))
        return Identified(tuple(faces), tuple(answers), limit, *counts, tuple(problems))

    def import_people(
        self, source: Path, progress: Progress, on_conflict: OnConflict = "refuse"
    ) -> list[Outcome]:
        """Adds the people of an export; see `import_gallery`. The export is taken from other users too.

        Raises:
            InputError: There is no such file.
            GalleryError: The gallery is of another model than the chosen one, or see `import_gallery`.
        """
        from kaggle_face.recognition.gallery.export import import_gallery

        if not source.is_file():
            raise InputError(f"there is no export at {source}")
        chosen = self.open_model(None, progress) if self.model.is_made else None
        gallery = self.open_gallery(progress, create=True)
        known = gallery.model()
        if chosen and known and gallery.count_people() and known.fingerprint != chosen.card.fingerprint:
            raise other_model_error(self.gallery, known, chosen.card)
        open_model: Callable[[], Embedder] = lambda: self.open_model(gallery, progress)  # noqa: E731
        outcomes = import_gallery(gallery, source, open_model, on_conflict, progress, chosen)
        if tighten(source):
            progress.warn(f"other users of this machine could read {source}; now its owner alone can")
        return outcomes

    def re_embed(self, progress: Progress) -> tuple[int, ModelCard]:
        """Makes the gallery one of the chosen model; the number of images, and the model.

        Raises:
            InputError: No model is chosen.
            GalleryError: A picture was not kept, so it cannot be embedded again.
        """
        from kaggle_face.recognition.gallery.reembedding import re_embed

        gallery = self.open_gallery(progress)
        if not self.model.is_made:
            raise InputError("people re-embed needs the new model: --model FOLDER, or -c and --run")
        embedder = self.open_model(None, progress)
        known = gallery.model()
        kept_px = crop_size(known.image_size) if known else 0
        if known and crop_size(embedder.card.image_size) > kept_px:
            progress.warn(
                f"the faces were kept at {kept_px} pixels, the new model takes {embedder.card.image_size}; "
                "enroll the people again for sharper ones"
            )
        return re_embed(gallery, embedder, progress), embedder.card

    def evaluate(
        self,
        folder: Path,
        options: EvaluationOptions,
        progress: Progress,
        others: Sequence[ComparedModel] = (),
    ) -> EvaluationReport:
        """Evaluates the chosen model, and others, on the people of a folder of `<name>/<picture>`.

        Raises:
            DataError: The folder holds no pictures.
            InputError: There is no such folder, or it holds too few people.
        """
        from kaggle_face.recognition.compared_models import RunModel, read_face_set
        from kaggle_face.recognition.evaluation import evaluate_models

        embedder = self.open_model(None, progress)
        faces = read_face_set(folder, self.open_reader(embedder.card.image_size), progress)
        return evaluate_models([RunModel(embedder), *others], faces, options, progress)

    def save_pictures(self, gallery: Gallery, person: Person) -> None:
        """Writes the kept pictures of an enrolled person as PNG files to `faces_folder`."""
        if self.faces_folder is None:
            return
        make_private_folder(self.faces_folder)
        for image in gallery.images(person):
            png = gallery.picture(image.number)
            if png is not None:
                write_privately(self.faces_folder / f"{image.number:07}.png", png)

    def _existing(self, progress: Progress) -> Gallery | None:
        return self.open_gallery(progress) if self.gallery.exists() else None

    def _save(self, faces: Sequence[Face]) -> None:
        """Writes the faces that were used; see `write_faces`."""
        if self.faces_folder is not None:
            write_faces(self.faces_folder, faces)


def _require_one_person(name: Path, pictures: Sequence[Path], gallery: Path) -> None:
    """Refuses what a shell writes for `*` in a folder of people: the first would be the name of all."""
    given = {name, *pictures}
    folders = [path for path in (name, *pictures) if path.parent == Path() and path.is_dir()]
    if len(given) < 2 or len(folders) < 2:
        return
    here = {path for path in Path().iterdir() if not path.name.startswith(".")}
    if given in (here, {path for path in here if path.is_dir()}):
        raise InputError(
            f"{folders[0]} and {folders[1]} are both folders, and a name takes the pictures of one person; "
            f"for a folder of people: {command_line('enroll', '.', '--gallery', str(gallery))}"
        )


def _files_of(paths: Sequence[Path], progress: Progress) -> list[Path]:
    """Picture files; a folder stands for those in it."""
    files: list[Path] = []
    for path in paths:
        inside = picture_files(path, progress) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"the folder {path} holds no pictures")
        files += inside
    return files


def _claimed_person(gallery: Gallery | None, word: str) -> Person | None:
    """The enrolled person that a word means; None for a picture."""
    person = gallery.find(word) if gallery is not None else None
    if Path(word).is_file():
        if person is not None:
            raise InputError(f"'{word}' is both a person and a file; write ./{word} for the file")
        return None
    if person is None:
        if gallery is None or Path(word).suffix or "/" in word:
            raise DataError(f"{word} is not a picture file" + ("" if gallery else ", and nobody is enrolled"))
        return gallery.person(word)
    return person
