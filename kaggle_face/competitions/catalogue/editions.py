"""The homework competitions, edition by edition.

Gathered from public write-ups and solutions; a note with "inferred" has no source that states it.
Nothing was checked against the live site.
"""

from __future__ import annotations

from kaggle_face.competitions.catalogue.specs import Edition, Rules

_MILLION = 1_000_000
_THUMBNAILS = "2300 (medium) or 4300 (medium and large)"
_LFW_SIZE = "inferred: the number of test pairs follows the protocol of LFW"
_S23_CHANGE = "960 known, 360 dev and 720 test identities; some have no match: n000000"

EDITIONS = (
    Edition(
        *("thumbnails", "s19", "spring 2019"),
        classification="11785-s19-hw2p2-classification",
        verification="11785-s19-hw2p2-verification2",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("the test trials were released again as trials_test_new.txt with test_veri_T_new/",),
    ),
    Edition(
        *("thumbnails", "f19", "fall 2019"),
        classification="11785-f19-hw2p2-classification",
        verification="11785-f19-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
        notes=("inferred: the classification CSV is that of spring 2020",),
    ),
    Edition(
        *("thumbnails", "s20", "spring 2020"),
        classification="11-785-s20-hw2p2-classification",
        verification="11-785-s20-hw2p2-verification",
        verification_metric="auc",
        identities=_THUMBNAILS,
        image_size=32,
    ),
    Edition(
        *("listed_pairs", "f20", "fall 2020"),
        classification=None,
        verification="11-785-fall-20-homework-2-part-2",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("best public: AUC 0.9716 (ResNet-34 with a stride-1 stem)",),
    ),
    Edition(
        *("listed_pairs", "s21", "spring 2021"),
        classification="11785-spring2021-hw2p2s1-face-classification",
        verification="11785-spring2021-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("inferred: the name of the verification competition",),
    ),
    Edition(
        *("listed_pairs", "f21", "fall 2021"),
        classification="idl-fall21-hw2p2s1-face-classification",
        verification="idl-fall21-hw2p2s2-face-verification",
        verification_metric="auc",
        identities="4000",
        image_size=64,
        notes=("test images are ordered by their number, and pairs name bare files",),
    ),
    Edition(
        *("csv_pairs", "s22", "spring 2022"),
        classification="11-785-s22-hw2p2-classification",
        verification="11-785-s22-hw2p2-verification",
        verification_metric="auc",
        identities="7000 of VGGFace2",
        image_size=224,
        rules=Rules(max_parameters=35 * _MILLION),
        notes=("best public: validation AUC 0.9763 (CE, then triplet fine-tuning)",),
    ),
    Edition(
        *("gallery", "f22", "fall 2022"),
        classification="11-785-f22-hw2p2-classification",
        verification="11-785-f22-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=("1000 known, 200 dev and 800 test identities; every one has a match",),
    ),
    Edition(
        *("gallery", "s23", "spring 2023"),
        classification="11-785-s23-hw2p2-classification",
        verification="11-785-s23-hw2p2-verification",
        verification_metric="accuracy",
        identities="7000",
        image_size=224,
        notes=(_S23_CHANGE, "best public: 91.3 % and 64.7 % (tiny ConvNeXt)"),
    ),
    Edition(
        *("gallery", "f23", "fall 2023"),
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
    Edition(
        *("gallery", "s24", "spring 2024"),
        classification="11785-hw2p2-face-recognition",
        verification="11785-hw2p2-face-verification",
        verification_metric="accuracy",
        identities="7001",
        image_size=224,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_S23_CHANGE,),
    ),
    Edition(
        *("pair_text", "f24", "fall 2024"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2024",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        rules=Rules(max_parameters=18 * _MILLION),
        notes=(_LFW_SIZE,),
    ),
    Edition(
        *("pair_text", "s25", "spring 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE, "best public: EER 0.0275 (rank 22 of 301, MobileFaceNet with channel attention)"),
    ),
    Edition(
        *("pair_text", "f25", "fall 2025"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-fall-2025",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=(_LFW_SIZE,),
    ),
    Edition(
        *("pair_text", "s26", "spring 2026"),
        classification=None,
        verification="11785-hw-2-p-2-face-verification-spring-2026",
        verification_metric="eer",
        identities="8631 of VGGFace2",
        image_size=112,
        notes=("best public: validation EER 2.04 % (ResNet-50, CE only)",),
    ),
)
