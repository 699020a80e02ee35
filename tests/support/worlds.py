"""Synthetic runs: members that agree in part, written as train and predict write them."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.predicted_tables import TestTables, write_test_tables
from kaggle_face.artifacts.provenance import inputs_beside, records_of
from kaggle_face.artifacts.runs import RunFolder, run_folder
from kaggle_face.artifacts.seals import write_seal
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.evaluation.held_out_pairs import FoldTrials, HeldOutPairs
from kaggle_face.evaluation.member_scores import HeldOutLogits, MemberScores
from kaggle_face.evaluation.nested_split import people_of_pairs, sides_of_pairs
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Embeddings,
    FaceTable,
    IntArray,
    Pairs,
    PairScores,
    Predictions,
    RowList,
    StrArray,
    no_pairs,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """People, their images and trials; every run of a test lives in one world.

    `people` classes with `images` each, dealt to `folds` folds; person p is held out of fold p % (2 folds)
    for verification where that is a fold.
    """

    runs: Path
    config_name: str = "demo"
    people: int = 12
    images: int = 6
    folds: int = 2
    test_images: int = 30
    seed: int = 0
    embedding_size: int = 8
    centres: Floats = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        object.__setattr__(self, "centres", rng.normal(size=(self.people, self.embedding_size)))

    @property
    def class_names(self) -> StrArray:
        return np.array([f"n{person:03d}" for person in range(self.people)])

    def fold_labels(self, fold: int) -> IntArray:
        """The classes of the images that a fold holds out."""
        return np.repeat(np.arange(self.people), self.images // self.folds)[self._known_to(fold)]

    def held_out_people(self, fold: int) -> list[int]:
        """People whom the fold's training never saw."""
        return [person for person in range(self.people) if person % (2 * self.folds) == fold]

    def fold_ids(self, fold: int) -> StrArray:
        count = self.images // self.folds
        ids = [f"p{p}/f{fold}_{i}.jpg" for p in range(self.people) for i in range(count)]
        return np.array(ids)[self._known_to(fold)]

    def pairs(self, fold: int) -> Pairs:
        """Trials between the images of the people whom the fold held out."""
        images = [(p, f"p{p}/v{fold}_{i}.jpg") for p in self.held_out_people(fold) for i in range(5)]
        couples = [(a, b) for i, a in enumerate(images) for b in images[i + 1 :]]
        return Pairs(
            np.array([f"{fold}-{i}" for i in range(len(couples))]),
            np.array([a[1] for a, _ in couples]),
            np.array([b[1] for _, b in couples]),
            np.array([int(a[0] == b[0]) for a, b in couples], np.int64),
        )

    def test_ids(self) -> StrArray:
        return np.array([f"test/{i:05d}.jpg" for i in range(self.test_images)])

    def test_labels(self) -> IntArray:
        return np.arange(self.test_images) % self.people

    def test_pairs(self) -> Pairs:
        ids = self.test_ids()
        first, second = np.triu_indices(len(ids), 1)
        truth = self.test_labels()
        return Pairs(
            np.array([str(i) for i in range(len(first))]),
            ids[first],
            ids[second],
            (truth[first] == truth[second]).astype(np.int64),
        )

    def _known_to(self, fold: int) -> npt.NDArray[np.bool_]:
        people = np.repeat(np.arange(self.people), self.images // self.folds)
        return ~np.isin(people, self.held_out_people(fold))

    def person_of(self, image_ids: Sequence[str]) -> IntArray:
        test = {image: int(label) for image, label in zip(self.test_ids(), self.test_labels(), strict=True)}
        return np.array(
            [test[i] if i.startswith("test/") else int(i.split("/")[0][1:]) for i in image_ids], np.int64
        )


def make_run(
    world: World,
    name: str = "main",
    *,
    noise: float = 1.0,
    shared_noise: float = 0.5,
    seed: int = 1,
    folds: Sequence[int] | None = None,
    checkpoints: Sequence[CheckpointName] = CHECKPOINTS,
    num_parameters: int = 1000,
) -> RunFolder:
    """Writes a run whose members err by noise of their own and by noise that all runs share."""
    run = run_folder(world.runs, world.config_name, name)
    for fold in range(world.folds) if folds is None else folds:
        folder = run.fold(fold)
        folder.write_info({"status": "finished", "num_parameters": num_parameters, "seconds": 10.0})
        names = world.class_names
        counts = np.full(len(names), world.images, np.int64)
        counts[world.held_out_people(fold)] = 0
        record_io.write_classes(folder.classes_file, ClassTable(names, names), counts)
        ids = world.fold_ids(fold)
        write_table(folder.labels_file, {"image_id": ids, "label": world.fold_labels(fold)})
        record_io.write_pairs(folder.pairs_file("oof"), world.pairs(fold))
        write_test_tables(folder.path / "test", tables_of(world))
        for number, checkpoint in enumerate(checkpoints):
            rng = np.random.default_rng([seed, fold, number])
            for part, image_ids, pairs in (
                ("oof", ids, world.pairs(fold)),
                ("test", world.test_ids(), world.test_pairs()),
            ):
                others = np.setdiff1d(pairs.image_ids, image_ids)
                everyone = np.concatenate([image_ids, others])
                vectors = _vectors(world, everyone, rng, noise, shared_noise)
                logits = (vectors[: len(image_ids)] @ world.centres.T).astype(np.float32)
                logits[:, world.held_out_people(fold)] = -np.inf
                target = folder.record_folder(part, checkpoint, "predictions")  # type: ignore[arg-type]
                made_of = inputs_beside(folder, part)  # type: ignore[arg-type]
                record_io.write_predictions(target, Predictions(image_ids, logits, names), made_of)
                embeddings = Embeddings(everyone, vectors.astype(np.float32))
                record_io.write_embeddings(target.parent / "embeddings", embeddings, made_of)
                scores = cosines(embeddings, pairs)
                labels = pairs.labels if part == "oof" else np.full(len(pairs), -1, np.int64)
                record = PairScores(pairs.pair_ids, scores, labels)
                record_io.write_pair_scores(target.parent / "pairs", record, made_of)
    return run


def reseal(run: RunFolder) -> None:
    """Seals the records of a run as made of what lies beside them, for tests that rewrite a part."""
    for fold in run.started_folds():
        for part in ("oof", "test"):
            for checkpoint, kind in records_of(fold, part):  # type: ignore[arg-type]
                folder = fold.record_folder(part, checkpoint, kind)  # type: ignore[arg-type]
                write_seal(folder, inputs_beside(fold, part))  # type: ignore[arg-type]


def tables_of(world: World) -> TestTables:
    """What is predicted in a world: a class for each test image, a score for each pair of them."""
    ids = world.test_ids()
    faces = FaceTable(ids, np.full(len(ids), -1, np.int64), np.full(len(ids), "test"))
    classes = ClassTable(world.class_names, world.class_names)
    data = CompetitionData(faces, classes, RowList(ids, ids), no_pairs(), world.test_pairs())
    return TestTables(
        data, np.zeros(len(ids), np.int64), CompetitionConfig(layout="pair_text", variant="s25")
    )


def cosines(embeddings: Embeddings, pairs: Pairs) -> npt.NDArray[np.float32]:
    """Cosines of the pairs, worked out one by one."""
    unit = {
        image: vector / np.linalg.norm(vector)
        for image, vector in zip(embeddings.image_ids.tolist(), embeddings.vectors, strict=True)
    }
    found = [
        float(unit[a] @ unit[b])
        for a, b in zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    ]
    return np.array(found, np.float32)


def _vectors(
    world: World, image_ids: StrArray, rng: np.random.Generator, noise: float, shared_noise: float
) -> Floats:
    people = world.person_of(image_ids.tolist())
    shared = np.stack(
        [
            np.random.default_rng([hash_of(image), world.seed]).normal(size=world.embedding_size)
            for image in image_ids.tolist()
        ]
    )
    own = rng.normal(size=(len(image_ids), world.embedding_size))
    vectors: Floats = world.centres[people] + shared_noise * shared + noise * own
    return vectors


def hash_of(text: str) -> int:
    """A number that follows from the text alone, in every process."""
    return zlib.crc32(text.encode())


def random_held_out(
    seed: int, num_members: int = 3, num_folds: int = 2, people: int = 6, images: int = 5
) -> tuple[HeldOutLogits, ...]:
    """Out-of-fold logits in memory; each fold lacks one class, of which it holds no image."""
    rng = np.random.default_rng(seed)
    folds = []
    for fold in range(num_folds):
        labels = np.repeat(np.arange(people), images)
        labels = labels[labels != fold]
        ids = np.array([f"f{fold}/{label}-{i:03d}" for i, label in enumerate(labels)])
        order = np.argsort(ids)
        ids, labels = ids[order], labels[order]
        member_scores = []
        for member in range(num_members):
            logits = rng.normal(size=(len(labels), people)).astype(np.float32)
            logits[np.arange(len(labels)), labels] += rng.uniform(0, 2)
            logits[:, fold] = -np.inf
            member_scores.append(MemberScores(f"m{member} fold {fold}", logits))
        folds.append(HeldOutLogits(fold, ids, labels, tuple(member_scores)))
    return tuple(folds)


def random_trials(
    seed: int, num_members: int = 3, num_folds: int = 2, people: int = 8, images: int = 3
) -> HeldOutPairs:
    """Out-of-fold trials in memory, each fold with people of its own."""
    rng = np.random.default_rng(seed)
    ids, first, second, labels, folds = [], [], [], [], []
    for fold in range(num_folds):
        faces = [(f"{fold}p{p}", f"{fold}p{p}/{i}") for p in range(people) for i in range(images)]
        start = len(ids)
        for number, (a, b) in enumerate(itertools.combinations(faces, 2)):
            ids.append(f"{fold}-{number:05d}")
            first.append(a[1])
            second.append(b[1])
            labels.append(int(a[0] == b[0]))
        truth = np.array(labels[start:])
        scores = [rng.normal(size=len(truth)) + rng.uniform(0.5, 2) * truth for _ in range(num_members)]
        member_scores = tuple(MemberScores(f"m{m} fold {fold}", each) for m, each in enumerate(scores))
        folds.append(FoldTrials(fold, np.arange(start, len(ids)), member_scores))
    first_ids, second_ids, truth = np.array(first), np.array(second), np.array(labels, np.int64)
    people_P2, keys = people_of_pairs(first_ids, second_ids, truth)
    sides = sides_of_pairs(people_P2, keys)
    return HeldOutPairs(np.array(ids), first_ids, second_ids, truth, people_P2, sides, tuple(folds))
