"""The facts of a report, as `pipeline.report` gathers them; sections and advice read nothing else.

Letters: N images, P trials, M members, D embedding size, Q probes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.evaluation.blend_record import BlendRecord
from kaggle_face.evaluation.figures import ClassFigures
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.label_noise import LabelGaps
from kaggle_face.evaluation.thresholds import ScoreThreshold
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.records import FloatArray, IntArray, StrArray
from kaggle_face.report.pictures import PictureStatistics, near_copies
from kaggle_face.tasks import Task


@dataclass(frozen=True)
class CutOff:
    """A score to reach: of a grade, of a place on the leaderboard, or of the settings."""

    name: str
    score: float
    task: Task | None
    source: str


@dataclass(frozen=True)
class Question:
    """The task of a competition, and its ranking metric.

    Attributes:
        slug: The competition.
        title: Its title, or its slug where nothing is known of it.
        tasks: What is to be answered.
        metrics: The metric of each task.
        formula: The score of the ranked tasks together, or the metric of the only one.
        cutoffs: Scores to reach.
        notes: What is known of it besides.
    """

    slug: str
    title: str
    tasks: tuple[Task, ...]
    metrics: Mapping[Task, str]
    formula: str
    cutoffs: tuple[CutOff, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FoldFacts:
    """A fold of a run: its `run.json`, and a column (E epochs) for each name of its history."""

    fold: int
    info: Mapping[str, Any]
    history: Mapping[str, FloatArray]
    weights_bytes: int = 0


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A run: the folds that are shown, and the settings that differ from the base.

    Attributes:
        folder: Where it lies.
        folds: Those of its finished folds that the report is about.
        num_folds: How many folds are planned; None where that is not kept.
        num_finished: How many folds are finished, shown or not.
        differences: Key, value of the base and value of the run, as text.
    """

    folder: RunFolder
    folds: tuple[FoldFacts, ...]
    num_folds: int | None
    num_finished: int
    differences: tuple[tuple[str, str, str], ...] = ()

    @property
    def name(self) -> str:
        """`<config>/<run>`."""
        return self.folder.name

    @property
    def is_imported(self) -> bool:
        """Whether it has predictions made elsewhere, and no networks."""
        return any(fold.info.get("kind") == "imported" for fold in self.folds)


@dataclass(frozen=True, eq=False)
class ClassFacts:
    """Answers of all members (M) to the held-out images (N).

    Attributes:
        members: Their names; a blend is the last.
        image_ids: The images, in the order of the figures.
        class_names: Of all classes.
        train_images: Training images of each class.
        figures: The answers of each member.
        estimates: Its metrics with intervals.
        doubtful: The images whose label is doubted, the most doubtful first.
        subject: Position of the member that the report is about: the blend, or else the first.
        differences: Of each other member less the first, by metric.
    """

    members: tuple[str, ...]
    image_ids: StrArray
    class_names: StrArray
    train_images: IntArray
    figures: tuple[ClassFigures, ...]
    estimates: tuple[tuple[Estimate, ...], ...]
    doubtful: LabelGaps | None = None
    subject: int = 0
    differences: tuple[Mapping[str, Difference], ...] = ()

    @property
    def answers(self) -> ClassFigures:
        """The answers of the member that the report is about."""
        return self.figures[self.subject]


@dataclass(frozen=True, eq=False)
class PairFacts:
    """Scores of all members (M) for the held-out trials (P).

    Attributes:
        members: Their names; a blend is the last.
        trials: The trials with the scores of each member.
        scores: Means over the folds that scored a trial (M, P): cosines, but for a blend of ranks.
        comparable: The same with mean 0 and deviation 1 within each fold that has trials of its own.
        estimates: The metrics of each member with intervals.
        thresholds: Of the cosines of the first member.
        chosen: The rule of `thresholds` that recognition goes by; empty where none is kept.
        identities: The identity of each image of a trial, where it is known.
        subject: Position of the member that the report is about: the blend, or else the first.
        differences: Of each other member less the first, by metric.
    """

    members: tuple[str, ...]
    trials: HeldOutPairs
    scores: FloatArray
    comparable: FloatArray
    estimates: tuple[tuple[Estimate, ...], ...]
    thresholds: tuple[ScoreThreshold, ...] = ()
    chosen: str = ""
    identities: Mapping[str, str] = field(default_factory=dict)
    subject: int = 0
    differences: tuple[Mapping[str, Difference], ...] = ()


@dataclass(frozen=True, eq=False)
class EmbeddingFacts:
    """Embeddings (N, D) of held-out images by one network, and the identity that each image shows."""

    network: str
    image_ids: StrArray
    vectors: FloatArray
    identities: StrArray
    num_images: int


@dataclass(frozen=True, eq=False)
class GalleryFacts:
    """Best matches of probes (Q): score, whether it names the right identity, whether that is enrolled."""

    source: str
    scores: FloatArray
    is_correct: npt.NDArray[np.bool_]
    is_enrolled: npt.NDArray[np.bool_]
    num_enrolled: int


@dataclass(frozen=True)
class ComparedMetric:
    """A metric now and in the run before, with the paired difference where both judged the same."""

    metric: str
    now: float
    before: float
    difference: Difference | None


@dataclass(frozen=True)
class Comparison:
    """The comparison of this run with the one before; `note`: what is not compared, or why nothing is."""

    before: str
    metrics: tuple[ComparedMetric, ...]
    note: str = ""


@dataclass(frozen=True)
class Upload:
    """A row of the ledger: the file, its out-of-fold score and those of Kaggle."""

    time: str
    competition: str
    task: str
    file: str
    status: str
    oof_metric: str | None
    oof_score: float | None
    public_score: float | None
    private_score: float | None
    is_comparable: bool


@dataclass(frozen=True)
class Score:
    """The headline: the competition's score out of fold, with its 95 % interval where there is one."""

    title: str
    value: float
    low: float | None
    high: float | None
    higher_is_better: bool
    of: str
    note: str = ""


@dataclass(eq=False)
class ReportFacts:
    """All facts of a report; None or empty: there is none, and `missing` holds the reason.

    Attributes:
        question: Of the competition.
        score: The headline; None where nothing is held out.
        task_scores: The figure of each task in its own metric.
        runs: The runs that were named, the first of which the report is about.
        made_at: Time of the report, in words.
        command: The command line that makes it.
        version: Of this package.
        agreement: Rank correlation of out-of-fold and public scores.
        missing: Why something is not there, by `pictures`, `pairs`, `classes`, `embeddings`, `gallery`,
            `blend`, `comparison`.
    """

    question: Question
    score: Score | None
    task_scores: Mapping[Task, Score]
    runs: tuple[RunFacts, ...]
    made_at: str
    command: str
    version: str
    classes: ClassFacts | None = None
    pairs: PairFacts | None = None
    embeddings: EmbeddingFacts | None = None
    gallery: GalleryFacts | None = None
    blend: BlendRecord | None = None
    comparison: Comparison | None = None
    cache: ImageCache | None = None
    train_pictures: PictureStatistics | None = None
    test_pictures: PictureStatistics | None = None
    uploads: tuple[Upload, ...] = ()
    agreement: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def run(self) -> RunFacts:
        """The run that the report is about."""
        return self.runs[0]

    @cached_property
    def copies(self) -> list[tuple[str, str]]:
        """Training and test picture of each near-copy in the test set; see `near_copies`."""
        if self.train_pictures is None or self.test_pictures is None:
            return []
        return near_copies(self.train_pictures, self.test_pictures)
