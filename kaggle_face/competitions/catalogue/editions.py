"""The homework competitions, semester by semester.

The facts were gathered from public write-ups and solutions; where a note says "inferred", no source says so
outright. Nothing was checked against the live site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kaggle_face.competitions.catalogue.specs import CompetitionFacts, MetricName, Rules
from kaggle_face.competitions.layouts.layout import FamilyKey
from kaggle_face.tasks import Task

_MILLION = 1_000_000
_NO_RULES = Rules()


@dataclass(frozen=True)
class Semester:
    """A homework's face recognition: one competition per task, or a single one."""

    family: FamilyKey
    variant: str
    when: str
    classification: str | None
    verification: str | None
    verification_metric: MetricName
    identities: str
    image_size: int
    rules: Rules = _NO_RULES
    cutoffs: Mapping[Task, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def facts(self) -> list[CompetitionFacts]:
        """One competition for each task that has its own."""
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
                cutoffs=self.cutoffs.get(task, {}),
                notes=self.notes,
            )
            for slug, task, metric in tasks
            if slug is not None
        ]


_THUMBNAILS = "2300 (medium) or 4300 (medium and large)"
_LFW_SIZE = "inferred: the number of test pairs follows the protocol of LFW"
_S23_CHANGE = "960 known, 360 dev and 720 test people; some have no match: n000000"

SEMESTERS = (
    Semester(
        *("A", "s19", "spring 2019"),
        classification="11785-s19-hw2p2-classification",
        verification="11785-s19-hw2p2-verification2",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("the test trials were released again as trials_test_new.txt with test_veri_T_new/",),
    ),
    Semester(
        *("A", "f19", "fall 2019"),
        classification="11785-f19-hw2p2-classification",
        verification="11785-f19-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("inferred: the classification CSV is that of spring 2020",),
    ),
    Semester(
        *("A", "s20", "spring 2020"),
        classification="11-785-s20-hw2p2-classification",
        verification="11-785-s20-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
    ),
    Semester(
        *("B", "f20", "fall 2020"),
        classification=None,
        verification="11-785-fall-20-homework-2-part-2",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("best public: AUC 0.9716 (ResNet-34 with a stride-1 stem)",),
    ),
    Semester(
        *("B", "s21", "spring 2021"),
        classification="11785-spring2021-hw2p2s1-face-classification",
        verification="11785-spring2021-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("inferred: the name of the verification competition",),
    ),
    Semester(
        *("B", "f21", "fall 2021"),
        classification="idl-fall21-hw2p2s1-face-classification",
        verification="idl-fall21-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("test images are ordered by their number, and pairs name bare files",),
    ),
    Semester(
        *("C", "s22", "spring 2022"),
        classification="11-785-s22-hw2p2-classification",
        verification="11-785-s22-hw2p2-verification",
        verification_metric="auc",
        identities="7000 of VGGFace2",
        image_size=224,
        rules=Rules(max_parameters=35 * _MILLION),
        notes=("best public: validation AUC 0.9763 (CE, then triplet fine-tuning)",),
    ),
    Semester(
        *("D", "f22", "fall 2022"),
        classification="11-785-f22-hw2p2-classification",
        verification="11-785-f22-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=("1000 known, 200 dev and 800 test people; every one has a match",),
    ),
    Semester(
        *("D", "s23", "spring 2023"),
        classification="11-785-s23-hw2p2-classification",
        verification="11-785-s23-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=(_S23_CHANGE, "best public: 91.3 % and 64.7 % (tiny ConvNeXt)"),
    ),
    Semester(
        *("D", "f23", "fall 2023"),
        classification="11-785-f23-hw2p2-classification",
        verification="11-785-f23-hw2p2-verification",
        verification_metric="accuracy",
        identities="7001",
        image_size=224,
        cutoffs={
            "classification": {"high": 0.90, "medium": 0.84, "low": 0.82},
            "verification": {"high": 0.55, "medium": 0.49, "low": 0.30},
        },
        notes=(_S23_CHANGE,),
    ),
    Semester(
        *("D", "s24", "spring 2024"),
        classification="11785-hw2p2-face-recognition",
        verification="11785-hw2p2-face-verification",
        verification_metric="accuracy",
        identities="7001",
        image_size=224,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_S23_CHANGE,),
    ),
    Semester(
        *("E", "f24", "fall 2024"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2024",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_LFW_SIZE,),
    ),
    Semester(
        *("E", "s25", "spring 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE, "best public: EER 0.0275 (rank 22 of 301, MobileFaceNet with channel attention)"),
    ),
    Semester(
        *("E", "f25", "fall 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE,),
    ),
    Semester(
        *("E", "s26", "spring 2026"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2026",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=("best public: validation EER 2.04 % (ResNet-50, CE only)",),
    ),
)
