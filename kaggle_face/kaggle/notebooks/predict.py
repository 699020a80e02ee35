"""The notebook that predicts the test set from a bundle and writes `submission.csv`, without internet."""

from __future__ import annotations

# %% [markdown]
# # Predictions from a bundle of kaggle-face
# Attach the bundle's dataset and the competition.
# %%
import shutil
from pathlib import Path

# %% setup
from kaggle_face.kaggle.notebooks.bundle_setup import (
    BUNDLE,
    SCRATCH,
    WORKING,
    face,
    settings_of_place,
    unpack_bundle,
    use_wheels,
    words_of_run,
)


# %%
def predict() -> None:
    """Predicts with the folds of the bundle, blends them, and writes the checked CSVs."""
    about = unpack_bundle()
    use_wheels(about)
    runs, submissions = SCRATCH / "runs", WORKING / "submissions"
    shutil.copytree(BUNDLE / "runs", runs)
    run, places = words_of_run(about), settings_of_place(about, runs)
    places.append(f"paths.submissions={submissions}")
    face("predict", *run, *about["predict"], *places)
    face("ensemble", *run, "--method", "mean", *about["ensemble"], *places)
    blend = runs / Path(about["config"]).stem / about["run"] / "ensemble"
    records = {"classification": blend / "predictions", "verification": blend / "pairs"}
    tasks = [task for task, record in records.items() if record.is_dir()]
    one = ["--task", tasks[0]] if len(tasks) == 1 else []
    face("submit", *run, "--only-ensemble", "--dry-run", *one, *places)
    written = sorted(path for path in submissions.rglob("*.csv") if path.name != "ledger.csv")
    for path in written:
        print(path)
    of_task = (path for path in written if path.stem.endswith(f"_{about['task']}"))
    shutil.copy(written[0] if len(written) == 1 else next(of_task), WORKING / "submission.csv")


# %%
if __name__ == "__main__":
    predict()
