"""The sections of the report in their order; a new one is a file of this folder and its line here."""

from __future__ import annotations

from kaggle_face.report.section import Section
from kaggle_face.report.sections import (
    accuracy,
    blend,
    calibration,
    confusions,
    cost,
    embedding_map,
    galleries,
    hardest_pairs,
    label_noise,
    leaderboard,
    learning_curves,
    members,
    score_histograms,
    settings,
    shift,
    verification,
)

SECTIONS: tuple[Section, ...] = (
    learning_curves.SECTION,
    verification.SECTION,
    score_histograms.SECTION,
    accuracy.SECTION,
    confusions.SECTION,
    label_noise.SECTION,
    hardest_pairs.SECTION,
    calibration.SECTION,
    embedding_map.SECTION,
    galleries.SECTION,
    members.SECTION,
    blend.SECTION,
    shift.SECTION,
    leaderboard.SECTION,
    cost.SECTION,
    settings.SECTION,
)
