"""What is known of each competition: family, tasks, metrics, rules and cut-offs.

The facts were gathered from public write-ups and solutions; where a note says "inferred", no source says so
outright. Nothing was checked against the live site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kaggle_face.competitions.formats import Task
from kaggle_face.competitions.layouts import FamilyKey
from kaggle_face.errors import ConfigError, nearest_hint

MetricName = Literal["accuracy", "auc", "eer", "map@5", "composite"]

_MILLION = 1_000_000


@dataclass(frozen=True)
class Rules:
    """What a competition forbids or limits; None and False: no such rule is known."""

    max_parameters: int | None = None
    limit_covers_ensemble: bool = False
    forbids_attention: bool = False
    forbids_imported_architectures: bool = False
    forbids_pretrained: bool = False
    forbids_outside_data: bool = False
    forbids_mixing_with_arcface: bool = False
    submissions_a_day: int | None = None


@dataclass(frozen=True)
class CompetitionFacts:
    """What is known of one competition.

    `metric` is `composite` where one score covers both tasks: 0.5 x accuracy + 0.5 x (1 - EER).
    """

    slug: str
    title: str
    family: FamilyKey
    variant: str
    tasks: tuple[Task, ...]
    metric: MetricName
    identities: str
    image_size: int
    rules: Rules = Rules()
    notes: tuple[str, ...] = ()

    @property
    def lower_is_better(self) -> bool:
        """Whether the leaderboard's best score is its lowest."""
        return self.metric == "eer"

    @property
    def metrics(self) -> Mapping[Task, MetricName]:
        """The metric of each task."""
        if self.metric == "composite":
            return {"classification": "accuracy", "verification": "eer"}
        return dict.fromkeys(self.tasks, self.metric)


def competition_facts(slug: str) -> CompetitionFacts:
    """What is known of a competition.

    Raises:
        ConfigError: It is not known here; the nearest names are offered.
    """
    facts = find_facts(slug)
    if facts is None:
        hint = nearest_hint(slug, known_slugs()) or "; 'kaggle-face competitions' lists those that are"
        raise ConfigError(f"no competition '{slug}' is known here{hint}")
    return facts


def find_facts(slug: str) -> CompetitionFacts | None:
    """What is known of a competition; None where it is not known here."""
    return next((facts for facts in _FACTS if facts.slug == slug), None)


def known_slugs() -> tuple[str, ...]:
    """Every competition that is known, the oldest first."""
    return tuple(facts.slug for facts in _FACTS)


@dataclass(frozen=True)
class _Semester:
    """A homework's face recognition: one competition per task, or a single one."""

    family: FamilyKey
    variant: str
    when: str
    classification: str | None
    verification: str | None
    verification_metric: MetricName
    identities: str
    image_size: int
    rules: Rules = Rules()
    notes: tuple[str, ...] = ()

    def facts(self) -> list[CompetitionFacts]:
        tasks: tuple[tuple[str | None, Task, MetricName], ...] = (
            (self.classification, "classification", "accuracy"),
            (self.verification, "verification", self.verification_metric),
        )
        return [
            CompetitionFacts(
                slug=slug,
                title=f"face {task}, {self.when}",
                family=self.family,
                variant=self.variant,
                tasks=(task,),
                metric=metric,
                identities=self.identities,
                image_size=self.image_size,
                rules=self.rules,
                notes=self.notes,
            )
            for slug, task, metric in tasks
            if slug is not None
        ]


_THUMBNAILS = "2300 (medium) or 4300 (medium and large)"
_LFW_SIZE = "inferred: the number of test pairs follows the protocol of LFW"
_S23_CHANGE = "960 known, 360 dev and 720 test people; some have no match: n000000"

_SEMESTERS = (
    _Semester(
        *("A", "s19", "spring 2019"),
        classification="11785-s19-hw2p2-classification",
        verification="11785-s19-hw2p2-verification2",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("the test trials were released again as trials_test_new.txt with test_veri_T_new/",),
    ),
    _Semester(
        *("A", "f19", "fall 2019"),
        classification="11785-f19-hw2p2-classification",
        verification="11785-f19-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("inferred: the classification CSV is that of spring 2020",),
    ),
    _Semester(
        *("A", "s20", "spring 2020"),
        classification="11-785-s20-hw2p2-classification",
        verification="11-785-s20-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
    ),
    _Semester(
        *("B", "f20", "fall 2020"),
        classification=None,
        verification="11-785-fall-20-homework-2-part-2",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("best public: AUC 0.9716 (ResNet-34 with a stride-1 stem)",),
    ),
    _Semester(
        *("B", "s21", "spring 2021"),
        classification="11785-spring2021-hw2p2s1-face-classification",
        verification="11785-spring2021-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("inferred: the name of the verification competition",),
    ),
    _Semester(
        *("B", "f21", "fall 2021"),
        classification="idl-fall21-hw2p2s1-face-classification",
        verification="idl-fall21-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("test images are ordered by their number, and pairs name bare files",),
    ),
    _Semester(
        *("C", "s22", "spring 2022"),
        classification="11-785-s22-hw2p2-classification",
        verification="11-785-s22-hw2p2-verification",
        verification_metric="auc",
        identities="7000 of VGGFace2",
        image_size=224,
        rules=Rules(max_parameters=35 * _MILLION),
        notes=("best public: validation AUC 0.9763 (CE, then triplet fine-tuning)",),
    ),
    _Semester(
        *("D", "f22", "fall 2022"),
        classification="11-785-f22-hw2p2-classification",
        verification="11-785-f22-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=("1000 known, 200 dev and 800 test people; every one has a match",),
    ),
    _Semester(
        *("D", "s23", "spring 2023"),
        classification="11-785-s23-hw2p2-classification",
        verification="11-785-s23-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=(_S23_CHANGE, "best public: 91.3 % and 64.7 % (tiny ConvNeXt)"),
    ),
    _Semester(
        *("D", "f23", "fall 2023"),
        classification="11-785-f23-hw2p2-classification",
        verification="11-785-f23-hw2p2-verification",
        verification_metric="accuracy",
        identities="7001",
        image_size=224,
        notes=(
            _S23_CHANGE,
            "cut-offs high/medium/low: classification 90/84/82 %, verification 55/49/30 %",
        ),
    ),
    _Semester(
        *("D", "s24", "spring 2024"),
        classification="11785-hw2p2-face-recognition",
        verification="11785-hw2p2-face-verification",
        verification_metric="accuracy",
        identities="7001",
        image_size=224,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_S23_CHANGE,),
    ),
    _Semester(
        *("E", "f24", "fall 2024"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2024",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_LFW_SIZE,),
    ),
    _Semester(
        *("E", "s25", "spring 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE, "best public: EER 0.0275 (rank 22 of 301, MobileFaceNet with channel attention)"),
    ),
    _Semester(
        *("E", "f25", "fall 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE,),
    ),
    _Semester(
        *("E", "s26", "spring 2026"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2026",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=("best public: validation EER 2.04 % (ResNet-50, CE only)",),
    ),
)

_FACTS: tuple[CompetitionFacts, ...] = (
    CompetitionFacts(
        slug="demo",
        title="generated faces that come with the package",
        family="E",
        variant="auto",
        tasks=("classification", "verification"),
        metric="composite",
        identities="invented people",
        image_size=112,
    ),
    *(facts for semester in _SEMESTERS for facts in semester.facts()),
    CompetitionFacts(
        slug="hw-2-p-2-fall-2026-student-competition",
        title="face classification and verification, fall 2026",
        family="E",
        variant="f26",
        tasks=("classification", "verification"),
        metric="composite",
        identities="8631 of VGGFace2",
        image_size=112,
        rules=Rules(
            max_parameters=30 * _MILLION,
            limit_covers_ensemble=True,
            forbids_attention=True,
            forbids_imported_architectures=True,
            forbids_pretrained=True,
            forbids_outside_data=True,
            forbids_mixing_with_arcface=True,
            submissions_a_day=10,
        ),
        notes=(
            "one submission.csv carries both tasks; its columns are not known here: "
            "'init' infers them from a sample submission, or describe them with submit.combined",
        ),
    ),
    CompetitionFacts(
        slug="recognizing-faces-in-the-wild",
        title="kinship of two people",
        family="kinship",
        variant="auto",
        tasks=("verification",),
        metric="auc",
        identities="families of several people",
        image_size=224,
    ),
    CompetitionFacts(
        slug="happy-whale-and-dolphin",
        title="whales and dolphins by their fins, with an unknown label",
        family="topk",
        variant="happywhale",
        tasks=("classification",),
        metric="map@5",
        identities="individuals of 'individual_id', and new_individual",
        image_size=224,
    ),
)
