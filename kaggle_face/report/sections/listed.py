"""The sections of the report in their order; a new one is a file in a folder here and its line."""

from __future__ import annotations

from kaggle_face.report.section import Section
from kaggle_face.report.sections.data import confusions, embedding_map, hardest_pairs, label_noise, shift
from kaggle_face.report.sections.run import cost, learning_curves, settings
from kaggle_face.report.sections.scores import (
    accuracy,
    blend,
    calibration,
    galleries,
    leaderboard,
    members,
    score_histograms,
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
