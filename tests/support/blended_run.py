"""A run with a blend and one checkpoint, whose CSVs go to two competitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kaggle_face.artifacts.blends import seal_blend
from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.predicted_tables import write_test_tables
from kaggle_face.artifacts.provenance import inputs_beside
from kaggle_face.artifacts.record_io import write_classes, write_pair_scores, write_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import dump_config, load_config
from kaggle_face.pipeline.inputs.preparing import open_competition
from kaggle_face.pipeline.inputs.today import open_today
from kaggle_face.progress import SilentProgress
from kaggle_face.records import PairScores, Predictions
from tests.support.kaggle_server import SLUG

SETTINGS = f"""\
competition: {{slug: {SLUG}, layout: E, variant: f24}}
data: {{root: data/faces}}
submit:
  reserve: 0
  classification: {{slug: classes-2026, columns: [id, label], cells: ["{{name}}", "{{label}}"]}}
"""
COMBINED = """\
  combined:
    columns: [id, answer]
    parts:
      - {task: classification, cells: ["cls_{row}", "{label}"]}
      - {task: verification, cells: ["ver_{row}", "{score}"]}
"""
"""A part of `submit`: one CSV for both tasks."""


def make_blended_run(root: Path) -> RunFolder:
    """Writes settings and the run into the working directory; the images of `root` are linked."""
    Path("configs/faces.yaml").write_text(SETTINGS)
    Path("data").mkdir()
    Path("data/faces").symlink_to(root)
    config = load_config("faces").config
    data = open_competition(config)
    run = RunFolder(Path("runs/faces/main"))
    fold = run.fold(0)
    results = {"best_ver": {"accuracy": 0.5, "eer": 0.25}}
    about = {"status": "finished", "overrides": ["optim.lr=0.05"], "commit": "abc123", "results": results}
    today = open_today(config, data, SilentProgress())
    fold.write_info({**about, "made_of": dict(today.training)})
    write_classes(fold.classes_file, data.classes, np.ones(len(data.classes), np.int64))
    write_test_tables(fold.path / "test", today.tables)
    made_of = inputs_beside(fold, "test")
    write_text(fold.config_file, dump_config(load_config("faces", ["optim.lr=0.05"]).config))
    random = np.random.default_rng(0)
    logits = random.normal(size=(len(data.test_rows), len(data.classes)))
    for folder in (run.ensemble_folder, fold.path / "test" / "best_ver"):
        scores = PairScores(data.test_pairs.pair_ids, random.uniform(-1, 1, len(data.test_pairs)))
        predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
        write_predictions(folder / "predictions", predictions, made_of)
        write_pair_scores(folder / "pairs", scores, made_of)
    member = {"run": "faces/main", "checkpoint": "best_ver"}
    tasks = {
        "classification": {
            "members": [member],
            "out_of_fold": {"metric": "accuracy", "value": 0.75, "higher_is_better": True},
        },
        "verification": {"members": [member], "metrics": {"eer": 0.125}},
    }
    summary = {"formula": "0.5*accuracy + 0.5*(1-eer)", "score": 0.8125, "tasks": tasks}
    write_json(run.ensemble_folder / "ensemble.json", summary)
    seal_blend(run.ensemble_folder, [(fold, "best_ver")])
    return run
