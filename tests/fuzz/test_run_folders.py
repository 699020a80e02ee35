"""Run folders, folds and ledgers of which a file was changed by hand or by another program."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.predicted_tables import TestTables, write_test_tables
from kaggle_face.artifacts.provenance import inputs_beside
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.seals import SEAL_FILE, write_seal
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config import CompetitionConfig, Config, dump_config
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.evaluation.figures import class_figures, open_trials
from kaggle_face.evaluation.label_noise import measure_gaps
from kaggle_face.evaluation.member_scores import (
    open_embeddings,
    open_held_out_logits,
    open_test_logits,
    open_test_scores,
)
from kaggle_face.evaluation.members import Member, choose_members
from kaggle_face.evaluation.run_table import read_run_rows
from kaggle_face.kaggle.remote.training import read_job
from kaggle_face.pipeline.budget import estimates
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, read_record, write_record
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Embeddings,
    FaceTable,
    Folds,
    Gallery,
    Pairs,
    PairScores,
    Predictions,
    RowList,
    no_pairs,
)
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.entries import COLUMNS
from kaggle_face.submission.outputs import parameters_of_blend
from tests.support.fuzzing import holds, sizes
from tests.support.mutating import ODD_VALUES, mutated_array, mutated_bytes, mutated_json, mutated_text

NAMES = np.array(["n0", "n1", "n2"])
IDS = np.array([f"p{number}/a b.jpg" for number in range(6)])
LABELS = np.arange(6) % 3
PAIRS = Pairs(np.array(["0", "1", "2", "3"]), IDS[:4], IDS[1:5], np.array([0, 1, 0, 1]))
INFO = {
    "status": "finished", "config": "demo", "overrides": ["optim.lr=0.1"], "folds": "2-pool-seed0-ab",
    "commit": "abc", "device": "cpu", "platform": "Linux", "versions": {"torch": "2.9", "timm": None},
    "seed": 0, "cpu_amp": "off", "num_parameters": 5, "seconds": 60.5, "initial": None,
    "results": {"best_cls": {"epoch": 3, "accuracy": 0.5}, "best_ver": {"epoch": 2, "eer": 0.25}},
}  # fmt: skip
MEMBER = {"name": "demo/a@best_cls", "run": "demo/a", "checkpoint": "best_cls", "folds": [0], "weight": 1.0}
SUMMARY = {
    "formula": "accuracy", "score": 0.5, "num_parameters": 10, "runs": ["demo/a"],
    "tasks": {
        "classification": {
            "members": [MEMBER], "metrics": {"accuracy": 0.5},
            "out_of_fold": {"metric": "accuracy", "value": 0.5, "higher_is_better": True},
        }
    },
}  # fmt: skip
JOB = {"key": "ab", "notebook": "alice/faces", "folds": [0, 1], "is_running": True}
ROW = {"competition": "faces", "task": "classification", "runs": ["demo/a"], "rows": 3, "oof_score": 0.5}


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one row."""
    folder = tmp_path_factory.mktemp("ledger") / "submissions"
    Ledger(folder).add("written", ROW)
    return folder


@pytest.fixture(scope="module")
def runs(submissions: Path) -> Path:
    """Run `demo/a` of two folds with all records, a blend, a job and the shared folds."""
    tmp_path = submissions.parent
    random = np.random.default_rng(0)
    run = RunFolder(tmp_path / "runs" / "demo" / "a")
    for number in range(2):
        fold = run.fold(number)
        fold.write_info({**INFO, "fold": number})
        write_text(fold.config_file, dump_config(Config()))
        record_io.write_classes(fold.classes_file, ClassTable(NAMES, NAMES), np.array([3, 0, 1]))
        ids = np.char.add(IDS, f".{number}")
        write_table(fold.labels_file, {"image_id": ids, "label": LABELS})
        pairs = Pairs(PAIRS.pair_ids, ids[:4], ids[1:5], PAIRS.labels)
        write_table(fold.people_file, {"image_id": ids, "person": NAMES[LABELS]})
        write_test_tables(fold.path / "test", tables())
        record_io.write_pairs(fold.pairs_file("oof"), pairs)
        for part in ("oof", "test"):
            made_of = inputs_beside(fold, part)  # type: ignore[arg-type]
            trials = pairs if part == "oof" else PAIRS
            for checkpoint in ("best_cls", "best_ver"):
                folder = fold.record_folder(part, checkpoint, "predictions").parent
                logits = random.normal(size=(6, 3)).astype(np.float32)
                named = ids if part == "oof" else IDS
                record_io.write_predictions(
                    folder / "predictions", Predictions(named, logits, NAMES), made_of
                )
                vectors = random.normal(size=(6, 4)).astype(np.float32)
                record_io.write_embeddings(folder / "embeddings", Embeddings(named, vectors), made_of)
                scores = PairScores(trials.pair_ids, random.random(4).astype(np.float32), trials.labels)
                record_io.write_pair_scores(folder / "pairs", scores, made_of)
    write_json(run.ensemble_folder / "ensemble.json", SUMMARY)
    write_json(run.path / "kaggle.json", JOB)
    course = Course("r", "both", 7.5, 2, 3, 512.5, 4.0, "not measured", False, True, {"fold 0": 60.0})
    write_record(run, BudgetRecord("configs/a.yaml", 1000.0, 480.0, course, spent={"fold 0": 1.5}))
    row = ["when", "m", "demo", "demo/a", "0", "r", "32", "400.5", "", "90", "12", "0.5", "0.25", "900"]
    write_table(
        tmp_path / "runs" / estimates.FILE,
        dict(zip(estimates.COLUMNS, ([cell] for cell in row), strict=True)),
    )
    unknown = np.full(6, -1)
    both = tuple(Pairs(PAIRS.pair_ids, IDS[:4], IDS[1:5], PAIRS.labels) for _ in range(2))
    folds = Folds("f", IDS, np.array([0, 1, 0, 1, -1, -1]), unknown, both)
    record_io.write_folds(run.path.parent / "folds" / "f", folds)
    return tmp_path / "runs"


def tables() -> TestTables:
    """What is predicted: a class for each image, a score for each pair."""
    faces = FaceTable(IDS, np.full(6, -1), np.full(6, "test"))
    unknown = Pairs(PAIRS.pair_ids, PAIRS.first_ids, PAIRS.second_ids, np.full(4, -1))
    known = Gallery(IDS[:2], NAMES[:2], IDS[2:4], IDS[2:4], np.array(["n0", "none"]), "none")
    classes = ClassTable(NAMES, NAMES)
    data = CompetitionData(faces, classes, RowList(IDS, IDS), no_pairs(), unknown, dev_gallery=known)
    return TestTables(data, np.zeros(6, np.int64), CompetitionConfig())


def seal_again(folder: Path) -> None:
    """Seals a folder as made of what lies beside it, where it is a record of a fold."""
    fold, part = FoldFolder(folder.parents[2]), folder.parents[1].name
    is_record = part in ("oof", "test") and fold.info_file.is_file()
    write_seal(folder, inputs_beside(fold, part) if is_record else {})  # type: ignore[arg-type]


def readers_of(root: Path) -> list[tuple[str, Callable[[], object]]]:
    """What reads the files of a folder of runs whose path has a word (empty: any)."""
    run = RunFolder(root / "demo" / "a")
    submissions = root.parent / "submissions"

    def members(checkpoint: str = "best_cls") -> tuple[Member, ...]:
        return choose_members([run], [checkpoint])  # type: ignore[list-item]

    def embeddings() -> None:
        for part in ("oof", "test"):
            open_embeddings(members()[0], run.fold(0), part)  # type: ignore[arg-type]

    return [
        ("run.json", lambda: read_run_rows(root, "demo", submissions)),
        ("run.json", lambda: members()[0].num_parameters),
        ("config.yaml", lambda: read_run_rows(root, "demo", submissions)),
        ("config.yaml", lambda: [fold.read_config() for fold in run.started_folds()]),
        ("csv", lambda: open_held_out_logits(members(), open_test_logits(members()).class_names)),
        ("logits", lambda: open_held_out_logits(members(), open_test_logits(members()).class_names)),
        ("oof/best_cls", lambda: class_figures(members())),
        ("pairs", lambda: open_test_scores(members("best_ver"))),
        ("oof", lambda: open_trials(members("best_ver"))),
        ("embeddings", embeddings),
        ("oof", lambda: measure_gaps([run.fold(0)], "best_cls")),
        ("classes", lambda: record_io.read_classes(run.fold(0).classes_file)),
        ("classes", lambda: record_io.read_train_images(run.fold(0).classes_file)),
        ("gallery", lambda: record_io.read_gallery(run.fold(0).gallery_folder("dev"))),
        ("folds/f", lambda: record_io.read_folds(root / "demo" / "folds" / "f", 2)),
        ("ensemble.json", lambda: read_blend_record(run)),
        ("ensemble.json", lambda: parameters_of_blend(run)),
        ("kaggle.json", lambda: read_job(run)),
        ("budget.json", lambda: read_record(run)),
        ("estimates", lambda: estimates.read_estimates(root)),
    ]


def changed(random: Random, path: Path, content: bytes) -> bytes:
    match path.suffix:
        case ".json":
            return mutated_json(random, content.decode())
        case ".npy":
            return mutated_array(random, np.load(path))
        case ".csv" | ".yaml":
            return mutated_text(random, content.decode(), 2)
        case _:
            return mutated_bytes(random, content)


@sizes(short=25, long=16_000)
def test_a_run_folder_is_read_or_refused_in_one_line(count: int, runs: Path) -> None:
    files = sorted(path for path in runs.rglob("*") if path.is_file())
    readers = readers_of(runs)
    for word, read in readers:
        read()
        assert any(word in path.as_posix() for path in files)

    def try_one(random: Random) -> None:
        path = random.choice(files)
        content, seal = path.read_bytes(), path.parent / SEAL_FILE
        old_seal = seal.read_bytes() if seal.is_file() else None
        if random.random() < 0.03:
            path.unlink()
        else:
            path.write_bytes(changed(random, path, content))
            if old_seal is not None and path != seal and random.random() < 0.7:
                seal_again(path.parent)  # or its checksum is all that is looked at
        try:
            for word, read in random.sample(readers, len(readers)):
                if word in path.as_posix():
                    read()
        finally:
            path.write_bytes(content)
            if old_seal is not None:
                seal.write_bytes(old_seal)

    holds("run folders", count, try_one)


@sizes(short=10, long=2_000)
def test_a_ledgers_csv_is_read_or_refused_in_one_line(count: int, submissions: Path, tmp_path: Path) -> None:
    text = (submissions / "ledger.csv").read_text()
    alone = tmp_path / "alone"

    def try_one(random: Random) -> None:
        alone.mkdir(exist_ok=True)
        for path in alone.iterdir():
            path.unlink()
        (alone / "ledger.csv").write_bytes(mutated_text(random, text, 2))
        read_run_rows(tmp_path, None, alone)
        Ledger(alone).entries()

    holds("CSVs of ledgers", count, try_one)


@sizes(short=10, long=2_000)
def test_a_ledgers_database_is_read_or_refused_in_one_line(count: int, submissions: Path) -> None:
    database = submissions / "ledger.sqlite"
    content = database.read_bytes()

    def try_one(random: Random) -> None:
        database.write_bytes(content)
        if random.random() < 0.3:
            database.write_bytes(mutated_bytes(random, content))
        else:
            _insert_odd_row(random, database)
        ledger = Ledger(database.parent)
        ledger.entries()
        ledger.standings("faces")

    holds("databases of ledgers", count, try_one)


def _insert_odd_row(random: Random, database: Path) -> None:
    """A row that another program wrote: any type in any column."""
    import json

    value = random.choice([value for value in ODD_VALUES if not isinstance(value, int) or abs(value) < 2**63])
    changes = {"time": "now", **ROW, random.choice(COLUMNS): value}
    texts = [json.dumps(changes), mutated_json(random, json.dumps(changes)), b"\xff", 5, 0.5]
    row = ["2026", "key", "written", random.choice(texts[:2] if random.random() < 0.8 else texts)]
    if random.random() < 0.2:
        row[random.randrange(4)] = random.choice((5, b"\x00\xff", 0.5))
    connection = sqlite3.connect(database)
    with connection:
        if random.random() < 0.8:
            connection.execute("INSERT INTO events (time, entry, kind, changes) VALUES (?, ?, ?, ?)", row)
        else:
            values = (row[0], "faces", row[3])
            connection.execute("INSERT INTO standings (time, competition, standing) VALUES (?, ?, ?)", values)
    connection.close()
