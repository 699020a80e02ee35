"""The notebooks that run on Kaggle: plain Python, without internet, from a bundle attached as a dataset.

Their cells use only the standard library until the package is unpacked. The three folders may be given by
environment variables, so that a notebook can be tried at home.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_SETUP = """\
import hashlib
import json
import os
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path

INPUT = Path(os.environ.get("KAGGLE_FACE_INPUT", "/kaggle/input"))
WORKING = Path(os.environ.get("KAGGLE_FACE_WORKING", "/kaggle/working"))
SCRATCH = Path(os.environ.get("KAGGLE_FACE_SCRATCH", "/tmp/kaggle-face"))
DATASET = {dataset!r}


def mounted(*places):
    found = [INPUT / place for place in places if (INPUT / place).is_dir()]
    if not found:
        raise RuntimeError(f"{{places[0]}} is not attached to this notebook: add it with 'Add Input'")
    return found[0]


source = mounted(DATASET.split("/")[1], f"datasets/{{DATASET}}")
BUNDLE = SCRATCH / "bundle"
shutil.rmtree(SCRATCH, ignore_errors=True)
shutil.copytree(source, BUNDLE)
for archive in BUNDLE.glob("*.zip"):
    # Kaggle unpacks archives of a dataset; where it did not, it is done here
    zipfile.ZipFile(archive).extractall(BUNDLE / archive.stem)
ABOUT = json.loads((BUNDLE / "bundle.json").read_text())
broken = [
    name
    for name, digest in ABOUT["files"].items()
    if not (BUNDLE / name).is_file() or hashlib.sha256((BUNDLE / name).read_bytes()).hexdigest() != digest
]
if broken:
    raise RuntimeError(f"{{len(broken)}} files did not arrive whole, first: {{broken[0]}}; send them again")
print(f"bundle of kaggle-face {{ABOUT['version']}}: {{len(ABOUT['files'])}} files, whole")
"""

_PACKAGES = """\
try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement

SITE = SCRATCH / "site"


def installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_met(need):
    return need.specifier.contains(installed(need.name) or "0", prereleases=True)


lacking = [need for need in map(Requirement, ABOUT["requires"]) if not is_met(need)]
wheels = {path.name.split("-")[0].lower().replace("_", "-"): path for path in BUNDLE.glob("wheels/*.whl")}
unmet = [f"{need} (here: {installed(need.name) or 'none'})" for need in lacking if need.name not in wheels]
if unmet:
    again = ABOUT["again"].replace("NAMES", ",".join(need.name for need in lacking), 1)
    raise RuntimeError(f"this image lacks {', '.join(unmet)}; make the bundle again with: {again}")
for wheel in wheels.values():
    zipfile.ZipFile(wheel).extractall(SITE)
    print("using", wheel.name)
os.environ["PYTHONPATH"] = os.pathsep.join([str(SITE), os.environ.get("PYTHONPATH", "")])

sys.path.insert(0, str(SITE))
from kaggle_face.cli.main import main


def face(*words):
    print("$ kaggle-face", *words, flush=True)
    code = main(list(words))
    if code:
        raise RuntimeError(f"kaggle-face {words[0]} ended with {code}")
"""

_DATA = """\
def data_root():
    slugs = ABOUT["competitions"]
    if slugs == ["demo"]:
        return SCRATCH / "demo"  # the package makes it
    places = {slug: mounted(slug, f"competitions/{slug}") for slug in slugs}
    if len(places) == 1:
        return places[slugs[0]]
    root = SCRATCH / "data"
    root.mkdir(parents=True, exist_ok=True)
    for slug, place in places.items():
        (root / slug).symlink_to(place)
    return root


CONFIG = str(BUNDLE / ABOUT["config"])
RUN = ["-c", CONFIG, "--run", ABOUT["run"]]
"""

_PREDICT = """\
RUNS = SCRATCH / "runs"
shutil.copytree(BUNDLE / "runs", RUNS)
PLACES = [f"data.root={data_root()}", f"paths.runs={RUNS}", f"paths.packs={SCRATCH / 'packs'}"]
PLACES += [f"paths.submissions={WORKING / 'submissions'}", "device=auto"]
face("predict", *RUN, *ABOUT["predict"], *PLACES)
face("ensemble", *RUN, "--method", "mean", *ABOUT["ensemble"], *PLACES)
blend = RUNS / Path(ABOUT["config"]).stem / ABOUT["run"] / "ensemble"
records = {"classification": blend / "predictions", "verification": blend / "pairs"}
tasks = [task for task, record in records.items() if record.is_dir()]
ONE = ["--task", tasks[0]] if len(tasks) == 1 else []
face("submit", *RUN, "--only-ensemble", "--dry-run", *ONE, *PLACES)
written = sorted((WORKING / "submissions").rglob("*.csv"))
written = [path for path in written if path.name != "ledger.csv"]
for path in written:
    print(path)
shutil.copy(written[0] if len(written) == 1 else next(p for p in written if ABOUT["task"] in p.name),
            WORKING / "submission.csv")
"""

_TRAIN = """\
RUNS = WORKING / "runs"
if (BUNDLE / "runs").is_dir():
    shutil.copytree(BUNDLE / "runs", RUNS, dirs_exist_ok=True)
PLACES = [f"data.root={data_root()}", f"paths.runs={RUNS}", f"paths.packs={SCRATCH / 'packs'}", "device=auto"]
face("train", *RUN, *ABOUT["train"], *PLACES)
"""

_MANIFEST = """\
files = {
    path.relative_to(WORKING).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(RUNS.rglob("*"))
    if path.is_file()
}
(WORKING / "manifest.json").write_text(json.dumps({"job": ABOUT["job"], "files": files}))
print(len(files), "files of the run are ready to be fetched")
"""


def predict_notebook(dataset: str) -> str:
    """A notebook that predicts the test set, writes `submission.csv`, and needs no internet."""
    return _notebook(
        [
            "# Predictions from a bundle of kaggle-face\nAttach the bundle's dataset and the competition.",
            _SETUP.format(dataset=dataset),
            _PACKAGES,
            _DATA,
            _PREDICT,
        ]
    )


def train_notebook(dataset: str) -> str:
    """A notebook that trains folds and leaves their run folder and a manifest as its output."""
    return _notebook(
        [
            "# Training on Kaggle's GPU, started by 'train --on kaggle'",
            _SETUP.format(dataset=dataset),
            _PACKAGES,
            _DATA,
            _TRAIN,
            _MANIFEST,
        ]
    )


def code_of(notebook: str) -> str:
    """The code cells of a notebook as one script."""
    cells = json.loads(notebook)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def dataset_metadata(dataset: str, title: str) -> Mapping[str, Any]:
    """What `dataset-metadata.json` holds."""
    return {"title": title, "id": dataset, "licenses": [{"name": "other"}]}


def kernel_metadata(
    notebook: str, title: str, file_name: str, dataset: str, competitions: Sequence[str]
) -> Mapping[str, Any]:
    """What `kernel-metadata.json` holds: private, with a GPU, without internet."""
    return {
        "id": notebook,
        "title": title,
        "code_file": file_name,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": [dataset],
        "competition_sources": [slug for slug in competitions if slug != "demo"],
        "kernel_sources": [],
        "model_sources": [],
    }


def _notebook(parts: Sequence[str]) -> str:
    """A notebook of one text cell and the code cells after it."""
    cells: list[Mapping[str, Any]] = [_cell("markdown", parts[0])]
    cells += [{**_cell("code", part), "execution_count": None, "outputs": []} for part in parts[1:]]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    values = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(values, indent=1) + "\n"


def _cell(kind: str, source: str) -> Mapping[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
