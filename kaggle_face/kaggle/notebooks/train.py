"""The notebook that trains folds and leaves their run folder and a manifest as its output."""

from __future__ import annotations

# %% [markdown]
# # Training on Kaggle's GPU, started by 'train --on kaggle'
# %%
import json
import shutil

# %% setup
from kaggle_face.kaggle.notebooks.bundle_setup import (
    BUNDLE,
    WORKING,
    face,
    settings_of_place,
    sha256_of,
    unpack_bundle,
    use_wheels,
    words_of_run,
)


# %%
def train() -> None:
    """Trains the folds, from where an earlier notebook left them."""
    about = unpack_bundle()
    use_wheels(about)
    runs = WORKING / "runs"
    if (BUNDLE / "runs").is_dir():
        shutil.copytree(BUNDLE / "runs", runs, dirs_exist_ok=True)
    face("train", *words_of_run(about), *about["train"], *settings_of_place(about, runs))
    files = {
        path.relative_to(WORKING).as_posix(): sha256_of(path)
        for path in sorted(runs.rglob("*"))
        if path.is_file()
    }
    manifest = json.dumps({"job": about["job"], "files": files})
    (WORKING / "manifest.json").write_text(manifest, encoding="utf-8")
    print(len(files), "files of the run are ready to be fetched")


# %%
if __name__ == "__main__":
    train()
