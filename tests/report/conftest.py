"""Facts of a made-up run: five identities, two folds, an image cache in memory, trials and uploads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.evaluation.blend_record import BlendRecord, MemberRecord, SelectionRecord, TaskRecord
from kaggle_face.evaluation.figures import ClassFigures, estimates_of_classes, measure_pairs
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.label_noise import LabelGaps
from kaggle_face.evaluation.pair_scales import pooled
from kaggle_face.evaluation.thresholds import ScoreThreshold
from kaggle_face.report.facts import (
    ClassFacts,
    CutOff,
    EmbeddingFacts,
    FoldFacts,
    GalleryFacts,
    PairFacts,
    Question,
    ReportFacts,
    RunFacts,
    Score,
    Upload,
)
from kaggle_face.report.pictures import measure_pictures
from tests.support.worlds import random_trials

MARKUP = "<img src=x onerror=alert(1)><b>Ann</b>&amp;%{x}"
"""A name that is markup in HTML and in the texts of charts, and a field in their templates."""


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    """A report's facts where everything is there; names hold markup."""
    rng = np.random.default_rng(0)
    trials = random_trials(0, num_members=2, num_folds=2, people=5, images=3)
    ids = np.unique(np.concatenate([trials.image_ids, np.array([f"c/{n:03d}.jpg" for n in range(60)])]))
    ids = np.sort(np.append(ids, f"{MARKUP}.jpg"))
    images = rng.integers(0, 255, (len(ids), 24, 24, 3), dtype=np.uint8)
    cache = ImageCache(ids, images, np.ones(len(ids), np.bool_), 24)
    run = RunFolder(tmp_path_factory.mktemp("made-up") / "runs" / "demo" / "main")
    return ReportFacts(
        question=Question(
            "demo",
            MARKUP,
            ("classification", "verification"),
            {"classification": "accuracy", "verification": "eer"},
            "0.5*accuracy + 0.5*(1-eer)",
            (CutOff(MARKUP, 0.9, "classification", "catalogue"),),
        ),
        score=Score("accuracy", 0.8, 0.7, 0.9, True, MARKUP),
        task_scores={"classification": Score("accuracy", 0.8, 0.7, 0.9, True, MARKUP)},
        runs=(RunFacts(run, (_fold(0), _fold(1)), 5, 3, (("optim.lr", "0.1", MARKUP),)),),
        made_at="2026-11-29 05:12 UTC",
        command="kaggle-face report main",
        version="1",
        classes=_classes(ids[:60], rng),
        pairs=_pairs(trials),
        embeddings=EmbeddingFacts(
            MARKUP, ids[:40], rng.normal(size=(40, 8)), np.repeat([MARKUP, "Bob"], 20), 40
        ),
        gallery=GalleryFacts("held out", *_probes(rng), 5),
        blend=_blend(),
        cache=cache,
        train_pictures=measure_pictures(cache, ids[:40]),
        test_pictures=measure_pictures(cache, ids[35:]),
        uploads=tuple(_upload(number) for number in range(5)),
        agreement=0.9,
    )


@pytest.fixture
def bare(made_up: ReportFacts) -> ReportFacts:
    """A run of which nothing but its settings is kept."""
    run = replace(made_up.run, folds=(), differences=())
    missing = {"pairs": "no pairs here", "pictures": "no pictures here"}
    return ReportFacts(made_up.question, None, {}, (run,), "now", "command", "1", missing=missing)


def _fold(number: int) -> FoldFacts:
    epochs = np.arange(1.0, 7.0)
    history = {
        "epoch": epochs,
        "lr": 0.1 / epochs,
        "train_loss": 3 / epochs,
        "log_loss": 3 / epochs + 0.1,
        "accuracy": epochs / 10,
        "train_accuracy": epochs / 9,
        "eer": 1 / (1 + epochs),
        "images_per_second": np.full(6, 100.0 + number),
    }
    info = {"seconds": 60.0, "num_parameters": 1000, "versions": {"torch": MARKUP}, "seed": 0}
    return FoldFacts(number, info, history, 2**20)


def _classes(ids: np.ndarray, rng: np.random.Generator) -> ClassFacts:
    labels = np.repeat(np.arange(5), 12)
    wrong = rng.random(60) < 0.3
    predicted = np.where(wrong, (labels + 1) % 5, labels)
    figures = ClassFigures(
        np.where(wrong, 2, 1), labels, np.tile([0, 1], 30), np.ones(60), predicted, rng.uniform(0.3, 1, 60)
    )
    doubtful = LabelGaps(ids[:3], labels[:3], (labels[:3] + 1) % 5, np.full(3, -2.0), np.full(3, -5.0))
    names = np.array([MARKUP, "Bob", "Cy", "Dee", "Eve"])
    train_images = np.array([30, 20, 10, 10, 5])
    estimates = (estimates_of_classes(figures),)
    return ClassFacts((MARKUP,), ids, names, train_images, (figures,), estimates, doubtful)


def _pairs(trials: HeldOutPairs) -> PairFacts:
    scores = trials.values("scores")
    threshold = ScoreThreshold("fpr=0.001", 2.5, 2.0, 3.0, 0.0, 0.8, 0.6)
    return PairFacts(
        ("main", MARKUP),
        trials,
        scores,
        np.stack([pooled(each, trials.pools) for each in scores]),
        tuple(measure_pairs(trials, number) for number in range(2)),
        (threshold,),
        "fpr=0.001",
        dict.fromkeys(trials.image_ids.tolist(), MARKUP),
    )


def _probes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    enrolled = np.arange(30) < 20
    return rng.uniform(0, 1, 30), enrolled & (np.arange(30) % 3 > 0), enrolled


def _blend() -> BlendRecord:
    candidates = (
        {"name": MARKUP, "kind": "single", "metrics": {"accuracy": 0.8}, "nested": 0.8, "gain": None},
        {
            "name": "mean",
            "kind": "equal",
            "metrics": {"accuracy": 0.9},
            "nested": 0.85,
            "gain": {"value": 0.05, "low": 0.01, "high": 0.09},
            "in_sample_gain": 0.1,
        },
    )
    record = TaskRecord(
        "probabilities",
        (MemberRecord(MARKUP, "demo/main", "best_cls", (0, 1), 2000, 0.75),),
        (MARKUP,),
        selection=SelectionRecord("mean", "it is better", 0.85, candidates),
        post_processing={
            "steps": [
                {
                    "setting": "whitening",
                    "is_on": True,
                    "gain": {"value": 0.02, "low": 0.01, "high": 0.03},
                    "in_sample_gain": 0.04,
                }
            ]
        },
    )
    return BlendRecord("accuracy", 0.9, 2000, (), (), (), {"classification": record})


def _upload(number: int) -> Upload:
    score = 0.5 + number / 10
    return Upload(
        f"2026-11-2{number}",
        "demo",
        "classification",
        MARKUP,
        "COMPLETE",
        "accuracy",
        score,
        score,
        None,
        True,
    )
