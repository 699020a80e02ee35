"""The bundle for notebooks without internet: package, settings and weights as a dataset, and its notebook.

```
<folder>/dataset/    bundle.json  <config>.yaml  wheels/  runs/<config>/<run>/fold<k>/   dataset-metadata.json
<folder>/notebook/   predict.ipynb or train.ipynb                                        kernel-metadata.json
```
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import kaggle_face
from kaggle_face.artifacts.files.atomic import replacing, replacing_folder, write_json, write_text
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.submission.targets import targets
from kaggle_face.config import Config, dump_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RemoteError, RunError
from kaggle_face.kaggle.remote.notebook import dataset_metadata, kernel_metadata, make_notebook
from kaggle_face.tasks import Task

_NOT_IN_NOTEBOOKS = (
    "kaggle",
    "opencv",
    "pydantic-core",
    "requests",
    "scikit-learn",
    "six",
    "tensorboard",
    "urllib3",
)
"""Requirements that no command in a notebook needs, or that come with others there.

Kaggle's image pins scikit-learn to 1.2.2, which has what is used of it, and holds OpenCV under another name.
"""
# Up to glibc 2.35, that of Ubuntu 22.04; pip takes each of these names for itself, not as "up to".
_PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 36)))
_LONGEST_SLUG = 50
_DISTRIBUTION = "kaggle-face"
_TIME = (2020, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: kaggle-face\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SUFFIXES = (".py", ".typed", ".yaml", ".html", ".css", ".js", ".csv", ".json", ".txt", ".svg")


@dataclass(frozen=True)
class BundlePlan:
    """The contents of a bundle, and the account that it is for.

    `words` go to `predict` or `train` in the notebook, `blend_words` to `ensemble`; the output of a training
    carries `job` back.
    """

    kind: Literal["predict", "train"]
    config: Config
    config_name: str
    run: RunFolder
    user: str
    words: tuple[str, ...] = ()
    task: Task = "verification"
    job: str = ""
    blend_words: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The name of the dataset and of the notebook, at most 50 letters."""
        return slug_of(f"kaggle-face-{self.kind}-{self.config_name}-{self.run.path.name}")

    @property
    def name(self) -> str:
        """`<user>/<slug>`."""
        return f"{self.user}/{self.slug}"


@dataclass(frozen=True)
class Bundle:
    """A finished bundle: the two folders to send, and the bytes of the dataset."""

    dataset: Path
    notebook: Path
    size: int


def write_bundle(
    plan: BundlePlan, folds: Sequence[Sequence[Path]], folder: Path, wheels: Path | None
) -> Bundle:
    """Writes a bundle whose dataset holds these files of each fold, below their run folder.

    Raises:
        RunError: There is nothing to put in, or `folder` holds something other than a bundle.
    """
    others = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if foreign := [name for name in others if name not in ("dataset", "notebook")]:
        raise RunError(f"{folder} is not a bundle: it holds {foreign[0]}; choose another folder with --to")
    with replacing_folder(folder) as new:
        dataset, notebook = new / "dataset", new / "notebook"
        write_text(dataset / f"{plan.config_name}.yaml", dump_config(plan.config))
        write_wheel(dataset / "wheels")
        if wheels is not None:
            shutil.copytree(wheels, dataset / "wheels", dirs_exist_ok=True)
        for path in (path for files in folds for path in files):
            inside = path.relative_to(plan.run.path.parent.parent)
            target = dataset / "runs" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        write_json(dataset / "bundle.json", _about(plan, dataset))
        write_json(dataset / "dataset-metadata.json", dataset_metadata(plan.name, plan.slug))
        write_text(notebook / f"{plan.kind}.ipynb", make_notebook(plan.kind, plan.name))
        competitions = targets(plan.config.competition, plan.config.submit)
        about = kernel_metadata(plan.name, plan.slug, f"{plan.kind}.ipynb", plan.name, competitions)
        write_json(notebook / "kernel-metadata.json", about)
    files = [path for path in (folder / "dataset").rglob("*") if path.is_file()]
    return Bundle(folder / "dataset", folder / "notebook", sum(path.stat().st_size for path in files))


def files_to_predict(folds: Sequence[FoldFolder], wanted: Sequence[CheckpointName]) -> list[list[Path]]:
    """Settings, classes and weights of each fold.

    Raises:
        RunError: A fold has none of the wanted checkpoints.
    """
    found = []
    for fold in folds:
        fold.run.require_networks("to predict with")
        weights = [fold.weights_file(name) for name in wanted if fold.weights_file(name).is_file()]
        if not weights:
            has = ", ".join(fold.checkpoints) or "none"
            raise RunError(f"{fold.path} has no checkpoint {' or '.join(wanted)}; it has: {has}")
        found.append([fold.config_file, fold.info_file, fold.classes_file, *weights])
    return found


def files_to_resume(folds: Sequence[FoldFolder]) -> list[list[Path]]:
    """The files from which a begun fold goes on: all but its records, which are made anew."""
    found = []
    for fold in folds:
        files = [path for path in fold.path.rglob("*") if path.is_file()]
        records = ("oof", "test", "tensorboard")
        found.append(sorted(path for path in files if path.relative_to(fold.path).parts[0] not in records))
    return found


def download_wheels(names: Sequence[str], python: str, folder: Path) -> Path:
    """Fetches wheels of requirements for Kaggle's machines, without their own requirements.

    Raises:
        RemoteError: A wheel cannot be had; the last line of pip is in the message.
    """
    needed = {re.split(r"[^A-Za-z0-9._-]", text)[0].lower(): text for text in requirements()}
    words = ["--no-deps", "--only-binary=:all:", "--python-version", python]
    words += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    texts = [needed.get(name.lower(), name) for name in names]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *words, "--dest", str(folder), *texts]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise RemoteError(f"the wheels of {', '.join(names)} cannot be fetched: {reason}")
    return folder


def write_wheel(folder: Path) -> Path:
    """Writes the installed package as a wheel, without build tools and without a network.

    A wheel is a zip archive with the package's files and a `.dist-info` folder (Python packaging's "Binary
    distribution format"). All time stamps are the same, so equal sources give equal bytes.
    """
    version = kaggle_face.__version__
    name = f"kaggle_face-{version}"
    info = f"{name}.dist-info"
    needed = "".join(f"Requires-Dist: {text}\n" for text in requirements())
    about = f"Metadata-Version: 2.1\nName: {_DISTRIBUTION}\nVersion: {version}\nRequires-Python: >=3.11\n"
    files = {
        **dict(_package_files()),
        f"{info}/METADATA": f"{about}{needed}".encode(),
        f"{info}/WHEEL": _WHEEL.encode(),
    }
    record = []
    for inside, content in files.items():
        digest = base64.urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{inside},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    path = folder / f"{name}-py3-none-any.whl"
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, content in files.items():
            archive.writestr(zipfile.ZipInfo(inside, _TIME), content, zipfile.ZIP_DEFLATED)
    return path


def requirements() -> list[str]:
    """The requirements of the package without its extras, such as `numpy>=1.26`."""
    found = metadata.requires(_DISTRIBUTION) or []
    return sorted(text for text in found if "extra ==" not in text)


def _package_files() -> Iterator[tuple[str, bytes]]:
    """Every file of the package, and its settings, which in a checkout lie beside it."""
    package = Path(kaggle_face.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix in _SUFFIXES and "__pycache__" not in path.parts:
            inside = path.relative_to(package)
            if inside.parts[0] != "configs":
                yield f"kaggle_face/{inside.as_posix()}", path.read_bytes()
    for path in sorted(packaged_configs().glob("*.yaml")):
        yield f"kaggle_face/configs/{path.name}", path.read_bytes()


def slug_of(text: str) -> str:
    """A name as Kaggle's addresses have it, shortened with a hash where it is long.

    >>> slug_of("Kaggle Face: run lr=0.1")
    'kaggle-face-run-lr-0-1'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if len(slug) <= _LONGEST_SLUG:
        return slug
    return f"{slug[: _LONGEST_SLUG - 9].rstrip('-')}-{blake2b(text.encode(), digest_size=4).hexdigest()}"


def _about(plan: BundlePlan, dataset: Path) -> dict[str, Any]:
    files = sorted(path for path in dataset.rglob("*") if path.is_file())
    return {
        "version": kaggle_face.__version__,
        "requires": [text for text in requirements() if not text.lower().startswith(_NOT_IN_NOTEBOOKS)],
        "competitions": targets(plan.config.competition, plan.config.submit),
        "config": f"{plan.config_name}.yaml",
        "run": plan.run.path.name,
        "task": plan.task,
        "job": plan.job,
        plan.kind: list(plan.words),
        "ensemble": list(plan.blend_words),
        "again": plan.run.command("bundle", "--wheels", "NAMES"),
        "files": {path.relative_to(dataset).as_posix(): hash_of_file(path) for path in files},
    }
