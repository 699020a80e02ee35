"""Every competition that is known: layout, tasks, metrics, rules and cut-offs."""

from __future__ import annotations

from kaggle_face.competitions.catalogue.editions import EDITIONS
from kaggle_face.competitions.catalogue.specs import CompetitionSpec, LeaderboardMetric, Rules
from kaggle_face.errors import ConfigError, nearest_hint

__all__ = [
    "CompetitionSpec",
    "LeaderboardMetric",
    "Rules",
    "competition_spec",
    "find_spec",
    "known_slugs",
]


def competition_spec(slug: str) -> CompetitionSpec:
    """The spec of a competition.

    Raises:
        ConfigError: It is not known here; the nearest names are offered.
    """
    spec = find_spec(slug)
    if spec is None:
        hint = nearest_hint(slug, known_slugs()) or "; 'kaggle-face competitions' lists those that are"
        raise ConfigError(f"no competition '{slug}' is known here{hint}")
    return spec


def find_spec(slug: str) -> CompetitionSpec | None:
    """The spec of a competition; None where it is not known here."""
    return next((spec for spec in _SPECS if spec.slug == slug), None)


def known_slugs() -> tuple[str, ...]:
    """Every competition that is known, the oldest first."""
    return tuple(spec.slug for spec in _SPECS)


_SPECS: tuple[CompetitionSpec, ...] = (
    CompetitionSpec(
        slug="demo",
        title="generated faces that come with the package",
        layout="pair_text",
        variant="auto",
        tasks=("classification", "verification"),
        metric="composite",
        identities="generated faces",
        image_size=112,
    ),
    *(spec for edition in EDITIONS for spec in edition.specs()),
    CompetitionSpec(
        slug="hw-2-p-2-fall-2026-student-competition",
        title="face classification and verification, fall 2026",
        layout="pair_text",
        variant="f26",
        tasks=("classification", "verification"),
        metric="composite",
        identities="8631 of VGGFace2",
        image_size=112,
        rules=Rules(
            max_parameters=30_000_000,
            limit_covers_ensemble=True,
            forbids_attention=True,
            forbids_imported_architectures=True,
            forbids_pretrained=True,
            forbids_outside_data=True,
            forbids_mixing_with_arcface=True,
            forbids_test_neighbours=True,
            submissions_a_day=10,
        ),
        notes=(
            "one submission.csv carries both tasks; its columns are not known here: "
            "'init' infers them from a sample submission, or describe them with submit.combined",
            "inferred from 'no outside data': neither pseudo-labels nor neighbours among test images",
        ),
        one_csv=True,
    ),
    CompetitionSpec(
        slug="recognizing-faces-in-the-wild",
        title="kinship of two people",
        layout="kinship",
        variant="auto",
        tasks=("verification",),
        metric="auc",
        identities="families of several people",
        image_size=224,
    ),
    CompetitionSpec(
        slug="happy-whale-and-dolphin",
        title="whales and dolphins by their fins, with an unknown label",
        layout="top_k",
        variant="happywhale",
        tasks=("classification",),
        metric="map@5",
        identities="individuals of 'individual_id', and new_individual",
        image_size=224,
    ),
)
